import msgspec
import numpy as np
import pandas as pd
import pytest

from slipway.errors import ProblemError
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.metrics import metric_value, prepare_metrics
from slipway.evaluation.result import find_metric
from slipway.evaluation.scored import constant_baseline, take_scored
from slipway.evaluation.slices import SlicePart, cut_slices, pool_small_parts, prepare_slice_metrics
from slipway.problem import Slice


def frame_of(labels):
    return pd.DataFrame({"kind": labels})


KIND = Slice("kind", lambda frame: frame["kind"])


def sliced(scored, labels, params):
    return evaluate_holdout(
        scored, constant_baseline(scored, scored.target), "log_loss", params, cut_slices([KIND], frame_of(labels))
    ).slices


def test_every_part_is_judged_on_its_own_rows(make_binary, params):
    scored = make_binary()
    labels = np.where(np.arange(4000) % 4 < 3, "big", "small")
    big, small = sliced(scored, labels, params)
    assert [(big.label, big.rows, big.groups), (small.label, small.rows, small.groups)] == [
        ("big", 3000, 30),
        ("small", 1000, 10),
    ]
    inside = take_scored(scored, labels == "small")
    assert small.base_rate == pytest.approx(inside.target.mean())
    for name in ("log_loss", "roc_auc", "mean_error"):
        assert find_metric(small, name).value == pytest.approx(metric_value(inside, name), rel=1e-5, abs=1e-9)
        assert find_metric(small, name).low < find_metric(small, name).value < find_metric(small, name).high


def test_the_part_that_is_everything_has_the_intervals_of_the_whole(make_binary, params):
    scored = make_binary()
    (whole,) = sliced(scored, ["all"] * 4000, params)
    found = evaluate_holdout(scored, constant_baseline(scored, scored.target), "log_loss", params)
    for each in whole.metrics:
        beside = find_metric(found, each.name)
        assert (each.value, each.low, each.high) == (beside.value, beside.low, beside.high)


def test_a_part_counts_its_own_groups_in_every_resample(make_binary):
    scored = make_binary()
    part = SlicePart("kind", "last groups", np.flatnonzero(scored.group >= 30))
    weights = np.random.default_rng(0).integers(0, 3, (5, scored.groups)).astype(float)
    expected = prepare_metrics(take_scored(scored, part.rows), ["log_loss", "roc_auc"])(weights)
    found = prepare_slice_metrics(part, scored, "log_loss")(weights)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values)


def test_small_parts_say_why_they_have_no_metrics_or_intervals(make_binary, params):
    scored = make_binary()
    group = scored.group
    labels = np.select(
        [np.arange(4000) < 50, group < 4, scored.target == 1], ["few rows", "few groups", "one class"], "rest"
    )
    found = {part.label: part for part in sliced(scored, labels, params)}
    assert (found["few rows"].metrics, found["few rows"].note) == ((), "fewer than 200 rows: no metrics")
    assert found["few groups"].note == "fewer than 8 groups: no intervals"
    assert find_metric(found["few groups"], "log_loss").low is None
    assert found["one class"].note == "one class only: no roc_auc"
    assert find_metric(found["one class"], "log_loss").low is not None
    assert find_metric(found["one class"], "roc_auc") is None


def test_other_tasks_have_slices_too(scored, params):
    primary = "rmse" if scored.task == "regression" else "log_loss"
    parts = cut_slices([KIND], frame_of(np.arange(len(scored.target)) % 2 == 0))
    found = evaluate_holdout(scored, constant_baseline(scored, scored.target), primary, params, parts)
    assert [part.label for part in found.slices] == ["False", "True"]
    assert all(find_metric(part, primary).low is not None for part in found.slices)


def test_rows_without_a_label_are_a_part_of_their_own():
    parts = cut_slices([KIND], frame_of(["b", None, "a", None]))
    assert [(part.label, part.rows.tolist()) for part in parts] == [("a", [2]), ("b", [0]), ("missing", [1, 3])]


def test_numbers_are_sorted_as_numbers():
    assert [part.label for part in cut_slices([KIND], frame_of([10, 9, 10]))] == ["9", "10"]


def test_a_part_among_thousands_of_groups_is_judged_by_the_groups_it_has(make_binary, params):
    scored = make_binary(6000, 6000)
    labels = np.where(np.arange(6000) < 300, "early", "late")
    early, _ = sliced(scored, labels, params)
    assert (early.rows, early.groups) == (300, 300)
    inside = take_scored(scored, labels == "early")
    assert find_metric(early, "roc_auc").value == pytest.approx(metric_value(inside, "roc_auc"), rel=1e-5)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (lambda frame: frame["kind"].head(3), "'bad' must give a pandas Series .* of length 3"),
        (lambda frame: frame["kind"].to_numpy(), "'bad' must give a pandas Series .* found ndarray"),
        (lambda frame: None, "'bad' must give a pandas Series .* found NoneType"),
        (lambda frame: frame["knd"], "'bad' cannot be cut: KeyError: 'knd'.* with the columns kind"),
        (lambda frame: frame["kind"].astype(str) + frame.index.astype(str), "'bad' has 150 labels"),
    ],
)
def test_a_slice_that_gives_no_sensible_labels_is_named(of, message):
    with pytest.raises(ProblemError, match=message):
        cut_slices([Slice("bad", of)], frame_of(["x"] * 150))


@pytest.mark.parametrize(
    "of",
    [
        lambda frame: frame.sort_values("kind")["kind"],
        lambda frame: frame["kind"].sort_values().reset_index(drop=True),
        lambda frame: frame.set_index("kind", drop=False)["kind"],
        lambda frame: pd.Series(np.repeat(["a", "b"], len(frame) // 2)),
        lambda frame: pd.concat([part for _, part in frame.groupby("kind")])["kind"],
    ],
)
def test_a_slice_whose_labels_are_in_another_order_than_the_rows_is_refused(of):
    with pytest.raises(ProblemError, match="'sorted' must give its labels in the order of the rows"):
        cut_slices([Slice("sorted", of)], frame_of(["x", "y"] * 75))


@pytest.mark.parametrize(
    "of",
    [
        lambda frame: pd.Series(np.where(frame["kind"] == "x", "one", "other")),
        lambda frame: pd.qcut(frame["kind"].map({"x": 1, "y": 2}), 2, duplicates="drop"),
        lambda frame: frame["kind"].where(frame["kind"] == "x"),
        lambda frame: frame["kind"].map(frame["kind"].value_counts()),
        lambda frame: frame["kind"].astype("category"),
    ],
)
def test_a_slice_that_labels_each_row_for_itself_is_cut(of):
    assert cut_slices([Slice("kind", of)], frame_of(["x", "y"] * 75))


def test_the_result_names_no_slice_where_the_problem_has_none(make_binary, params):
    scored = make_binary()
    found = evaluate_holdout(
        scored, constant_baseline(scored, scored.target), "log_loss", params, cut_slices((), frame_of(["x"] * 4000))
    )
    assert found.slices == ()
    assert msgspec.to_builtins(found)["slices"] == ()


GROUPS = np.arange(1000) % 20


def sized(*sizes):
    ends = np.cumsum(sizes)
    return tuple(
        SlicePart("kind", f"{size}", np.arange(end - size, end)) for size, end in zip(sizes, ends, strict=True)
    )


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((500, 300), {"500": 500, "300": 300}),
        ((500, 60, 300, 50), {"500": 500, "300": 300, "others": 110}),
        ((500, 60, 300), {"500": 500, "300": 300, "others": 360}),
        ((40, 30), {"others": 70}),
        ((), {}),
    ],
)
def test_parts_that_are_too_small_are_put_together_with_the_next_ones_if_need_be(sizes, expected):
    found = pool_small_parts(sized(*sizes), GROUPS, 100)
    assert {part.label: len(part.rows) for part in found} == expected


def test_a_part_in_few_groups_is_too_small_too_and_each_slice_has_its_own_others():
    few = SlicePart("early", "few groups", np.flatnonzero(GROUPS < 3))
    rest = SlicePart("early", "rest", np.flatnonzero(GROUPS >= 3))
    found = pool_small_parts((few, *sized(500, 60, 50), rest), GROUPS, 100)
    assert [(part.slice, part.label) for part in found] == [
        ("early", "rest"),
        ("early", "others"),
        ("kind", "500"),
        ("kind", "others"),
    ]
    assert len(found[1].rows) == 1000
