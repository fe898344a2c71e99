"""Rows for the certificate beside the training set's: mixed ones, and those where a score jumps."""

import numpy as np

from slipway.bundle.manifest import Input
from slipway.training.jumps import mix_rows, rows_around_jumps


def test_the_two_neighbours_between_which_a_score_jumps_are_found_and_those_beside():
    tensor = np.random.default_rng(0).normal(0, 5, (500, 2)).astype(np.float32)
    edge = np.float32(1.2345678)
    around = rows_around_jumps(lambda rows: (rows[:, 0] > edge) * 0.5, (Input("a"), Input("b")), tensor, 1e-5)
    step = np.nextafter(edge, np.float32(9))
    found = {*around[:, 0].tolist()}
    assert {float(edge), float(step)} <= found
    assert found <= {float(edge - (step - edge)), float(edge), float(step), float(step + (step - edge))}


def test_a_smooth_score_has_no_jumps():
    tensor = np.random.default_rng(0).normal(0, 5, (500, 1)).astype(np.float32)
    assert len(rows_around_jumps(lambda rows: np.tanh(rows[:, 0]), (Input("a"),), tensor, 1e-5)) == 0


def test_codes_and_whole_numbers_stay_what_clients_can_send():
    rng = np.random.default_rng(0)
    tensor = np.c_[rng.integers(0, 3, 500), rng.integers(0, 90, 500)].astype(np.float32)
    inputs = (Input("country", ("DE", "FR", "IT")), Input("age"))
    assert len(rows_around_jumps(lambda rows: (rows[:, 1] > 30.5) * 1.0, inputs, tensor, 1e-5)) == 0


def test_jumps_of_every_class_and_of_negative_numbers_are_found_and_gaps_are_left_alone():
    tensor = np.random.default_rng(0).normal(0, 5, (500, 1)).astype(np.float32)
    tensor[::3] = np.nan

    def scores(rows):
        high = rows[:, 0] >= np.float32(-0.5)
        return np.stack([high * 0.2, 1 - high * 0.2], axis=1)

    around = rows_around_jumps(scores, (Input("a"),), tensor, 1e-5)
    assert -0.5 in around[:, 0]
    assert not np.isnan(around).any()


def test_mixed_rows_have_values_of_the_training_set_in_combinations_that_it_lacks():
    tensor = np.arange(300, dtype=np.float32).reshape(100, 3)
    mixed = mix_rows(tensor, 1000)
    assert mixed.shape == (1000, 3)
    for column in range(3):
        assert {*mixed[:, column].tolist()} <= {*tensor[:, column].tolist()}
    assert len({*map(tuple, mixed.tolist())} - {*map(tuple, tensor.tolist())}) > 500
    np.testing.assert_array_equal(mixed, mix_rows(tensor, 1000))
