"""The evaluation record keeps what a bundle got on each held-out group, exact enough to be asked for again later."""

import gzip
import json

import msgspec
import numpy as np
import pandas as pd
import pytest

from slipway.data.group_names import Naming, name_groups
from slipway.data.splitting import FEWEST_GROUPS, is_held_out
from slipway.errors import DataError
from slipway.evaluation.group_sums import FEWEST_ROWS
from slipway.evaluation.record import (
    MOST_GROUPS,
    choose_loss,
    decode_record,
    encode_record,
    hash_record,
    make_record,
    read_record,
    write_record,
)
from slipway.evaluation.scored import score_frame
from slipway.evaluation.sums import row_losses
from slipway.problem import Task


def record_of(toy, frame=None, **evaluate):
    frame = toy.holdout if frame is None else frame
    params = msgspec.structs.replace(toy.params, evaluate=msgspec.structs.replace(toy.params.evaluate, **evaluate))
    return make_record(toy.bundle, toy.problem, params, score_frame(toy.bundle, frame), frame)


def groups_that_differ(first, second, column):
    """Positions of the groups whose sums of a column differ by more than 1e-6 of them."""
    one, two = (each.columns[column] for each in (first, second))
    off = [
        ~np.isclose(np.array(getattr(one, name), float), np.array(getattr(two, name), float), rtol=1e-6, equal_nan=True)
        for name in ("missing", "sums", "products")
    ]
    return set(np.flatnonzero(np.any(off, axis=0)).tolist())


def test_the_sums_of_groups_are_those_of_their_rows(toys):
    toy = toys["churn"]
    found, scored = record_of(toy), score_frame(toy.bundle, toy.holdout)
    assert found.groups == tuple(sorted(toy.holdout["group"].unique()))
    assert (found.bundle, found.loss, found.naming) == (toy.bundle.digest, "log_loss", Naming.PLAIN)
    inside = (toy.holdout["group"] == found.groups[3]).to_numpy()
    assert found.rows[3] == inside.sum()
    assert found.outcomes[0][3] == toy.holdout["target"][inside].sum()
    assert found.scores[0][3] == pytest.approx(scored.scores[inside].sum(), rel=1e-9)
    assert found.losses[3] == pytest.approx(row_losses(scored)["log_loss"][inside].sum(), rel=1e-9)
    months = toy.holdout["months"][inside]
    assert found.columns["months"].sums[3] == months.sum()
    assert found.columns["months"].products[3] == (months * toy.holdout["target"][inside]).sum()
    assert found.columns["town"].missing[3] == toy.holdout["town"][inside].isna().sum()


def test_classes_are_counted_and_scores_summed_for_each(toys):
    found = record_of(toys["crops"])
    assert len(found.outcomes) == len(found.scores) == len(toys["crops"].bundle.manifest.classes)
    np.testing.assert_allclose(np.sum(found.outcomes, axis=0), found.rows)
    np.testing.assert_allclose(np.sum(found.scores, axis=0), found.rows)


def test_the_order_of_the_rows_does_not_matter(toy):
    other = toy.holdout.sample(frac=1, random_state=1).reset_index(drop=True)
    first, second = record_of(toy), record_of(toy, other)
    assert first.groups == second.groups
    np.testing.assert_allclose(first.losses, second.losses, rtol=1e-9)
    assert not any(groups_that_differ(first, second, name) for name in first.columns)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("usage", lambda values: (values - 32) / 1.8),
        ("usage", lambda values: values.mask(values == values.max())),
        ("months", lambda values: values.iloc[::-1].set_axis(values.index)),
        ("town", lambda values: values.iloc[::-1].set_axis(values.index)),
        ("plan", lambda values: values.replace("plus", "basic")),
        ("joined", lambda values: values + pd.Timedelta(hours=5)),
        ("paperless", lambda values: ~values),
    ],
    ids=["unit", "one missing", "moved numbers", "moved text", "another level", "another hour", "inverted"],
)
def test_a_changed_column_shows_in_its_group_alone(churn, column, change):
    before = record_of(churn)
    frame = churn.holdout.copy()
    inside = frame["group"] == before.groups[2]
    frame.loc[inside, column] = change(frame.loc[inside, column])
    after = record_of(churn, frame)
    assert groups_that_differ(before, after, column) == {2}
    assert not any(groups_that_differ(before, after, name) for name in before.columns if name != column)


def test_groups_that_are_hardly_more_than_rows_become_blocks(toys):
    found = record_of(toys["rents"])
    assert (found.naming, found.blocks) == (Naming.BLOCKS, len(toys["rents"].holdout) // 50)
    assert len(found.groups) <= found.blocks
    assert sum(found.rows) == len(toys["rents"].holdout)
    named = name_groups(toys["rents"].holdout["group"].tolist(), found.naming, found.split.salt, found.blocks)
    assert pd.Series(named).value_counts().sort_index().tolist() == list(found.rows)


def test_many_groups_become_blocks(churn):
    frame = pd.concat([churn.holdout] * 45, ignore_index=True)
    frame["group"] = [f"g{number % (MOST_GROUPS + 1)}" for number in range(len(frame))]
    found = record_of(churn, frame)
    assert found.naming is Naming.BLOCKS
    assert FEWEST_GROUPS < len(found.groups) <= found.blocks <= 1024


def test_sums_of_few_rows_are_left_out(churn):
    frame = churn.holdout.copy()
    frame.loc[frame.index[: FEWEST_ROWS - 1], "group"] = "2024-99-99"
    found = record_of(churn, frame)
    place = found.groups.index("2024-99-99")
    assert found.rows[place] == FEWEST_ROWS - 1
    assert all(each.sums[place] is None for each in found.columns.values())
    assert found.columns["months"].sums[0] is not None


def test_groups_can_be_named_by_a_hash(churn):
    plain, hashed = record_of(churn), record_of(churn, hash_groups=True)
    assert hashed.naming is Naming.HASHED
    assert not set(hashed.groups) & set(plain.groups)
    found = name_groups(plain.groups, hashed.naming, hashed.split.salt, hashed.blocks)
    assert sorted(found) == list(hashed.groups)
    assert hashed.losses[hashed.groups.index(found[0])] == plain.losses[0]


def test_a_later_reader_knows_which_groups_were_not_trained_on(churn):
    found = record_of(churn)
    assert all(is_held_out(name, found.split) for name in found.groups)
    assert not any(is_held_out(name, found.split) for name in churn.train["group"].unique())


@pytest.mark.parametrize(
    ("task", "metric", "loss"),
    [
        (Task.BINARY, "brier", "brier"),
        (Task.BINARY, "roc_auc", "log_loss"),
        (Task.BINARY, "accuracy", "log_loss"),
        (Task.REGRESSION, "mae", "mae"),
        (Task.REGRESSION, "rmse", "squared_error"),
        (Task.REGRESSION, "median_absolute_error", "squared_error"),
    ],
)
def test_the_primary_loss_is_summed_where_it_is_a_mean(churn, task, metric, loss):
    assert choose_loss(msgspec.structs.replace(churn.problem, task=task, metric=metric)) == loss


def test_a_record_is_read_as_it_was_written_and_has_the_same_bytes_again(toy, tmp_path):
    found = record_of(toy)
    write_record(tmp_path / "evaluation.json.gz", found)
    assert read_record(tmp_path / "evaluation.json.gz") == found
    content = (tmp_path / "evaluation.json.gz").read_bytes()
    assert content == encode_record(found)
    assert content[4:8] == bytes(4), "the header holds no time"
    assert hash_record(decode_record(gzip.compress(gzip.decompress(content), 1))) == hash_record(found)
    assert len(content) < 10_000


def test_a_damaged_record_is_refused_with_what_to_type(churn, tmp_path):
    content = encode_record(record_of(churn))
    document = json.loads(gzip.decompress(content))
    for broken in (
        content[:-20],
        b"no gzip",
        gzip.compress(b"{}"),
        gzip.compress(b" " * (65 << 20)),
        gzip.compress(json.dumps(document | {"format": 2}).encode()),
        gzip.compress(json.dumps(document | {"losses": document["losses"][1:]}).encode()),
    ):
        with pytest.raises(DataError, match=r"evaluation\.json\.gz.*dvc repro evaluate"):
            decode_record(broken)
    with pytest.raises(DataError, match="dvc repro evaluate"):
        read_record(tmp_path / "nothing.json.gz")
