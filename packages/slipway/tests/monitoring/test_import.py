"""Outcomes that come in a file: by identifier or by key, once, and every row accounted for."""

import msgspec
import pandas as pd
import pytest
from monitorbox import SILENT, make_project, make_traffic, run, write_log

from slipway.errors import DataError
from slipway.monitoring.intake.imports.imported import import_outcomes

KEY = ["plan", "months", "usage", "joined", "paperless", "town"]


@pytest.fixture(scope="module")
def made(toys):
    return make_traffic(toys["churn"], rows=5)


@pytest.fixture
def root(churn, made, tmp_path):
    root = make_project(churn, tmp_path)
    write_log(root / "log", made.predictions)
    return root


def bring(root, frame, by=(), name="outcomes.parquet"):
    path = root / name
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    found = import_outcomes(root, "production", path, by, [root / "log"], SILENT)
    return msgspec.to_builtins(found)


@pytest.mark.parametrize("name", ["outcomes.parquet", "outcomes.csv"])
def test_outcomes_by_identifier_are_joined_once(root, made, name):
    frame = pd.DataFrame({"prediction_id": [each.id for each in made.predictions], "outcome": made.outcomes})
    rows = len(frame)
    counts = {"rows": rows, "joined": rows, "unknown": 0, "ambiguous": 0, "repeated": 0}
    assert bring(root, frame, name=name) == counts
    assert bring(root, frame, name=name) == counts | {"joined": 0, "repeated": rows}
    counts = run(root).counts
    assert (counts.joined, counts.repeated) == (rows, 0)


def test_outcomes_of_predictions_that_come_later_are_kept(root, made, churn):
    later = make_traffic(churn, days=1, rows=10).predictions[5:]
    frame = pd.DataFrame({"prediction_id": [each.id for each in later], "outcome": [True] * 5})
    assert bring(root, frame)["unknown"] == 5
    write_log(root / "log", later)
    assert run(root).counts.joined == 5


@pytest.mark.parametrize("name", ["outcomes.parquet", "outcomes.csv"])
def test_outcomes_by_key_tell_unknown_and_ambiguous_rows(root, made, name):
    rows = [each.inputs for each in made.predictions]
    keys = [tuple(row[column] for column in KEY) for row in rows]
    frame = pd.DataFrame(rows)[KEY].assign(outcome=made.outcomes)
    frame["joined"] = pd.to_datetime(frame["joined"])
    alone = [keys.count(key) == 1 for key in keys]
    frame.loc[len(frame)] = [*frame.iloc[0][KEY[:1]], 599, *frame.iloc[0][KEY[2:]], True]
    found = bring(root, frame, KEY, name)
    assert found["joined"] == sum(alone)
    assert found["unknown"] == 1
    assert found["ambiguous"] == len(keys) - sum(alone)
    assert bring(root, frame, KEY, name)["repeated"] == found["joined"]


def test_a_key_with_two_outcomes_is_ambiguous(root, made):
    frame = pd.DataFrame([made.predictions[0].inputs] * 2)[["months", "usage"]].assign(outcome=[True, False])
    assert bring(root, frame, ["months", "usage"])["ambiguous"] == 2


@pytest.mark.parametrize(
    ("change", "by", "said"),
    [
        (lambda frame: frame.drop(columns="outcome"), (), "expected the columns prediction_id, outcome"),
        (lambda frame: frame.assign(outcome="maybe"), (), "row 0: expected one of False, True, found 'maybe'"),
        (lambda frame: frame.assign(prediction_id="x"), (), "expected the prediction_id of a prediction, found 'x'"),
        (lambda frame: frame, ["colour"], "the contract has no column colour"),
        (lambda frame: frame.assign(observed_at="soon"), (), "column observed_at: expected timestamps"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_whole(root, made, change, by, said):
    frame = pd.DataFrame({"prediction_id": [each.id for each in made.predictions], "outcome": made.outcomes})
    with pytest.raises(DataError, match=said):
        bring(root, change(frame), by)
    assert run(root).counts.joined == 0


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), "many"])
def test_an_outcome_of_a_regression_is_a_finite_number(toys, tmp_path, value):
    made = make_traffic(toys["rents"], days=2)
    root = make_project(toys["rents"], tmp_path)
    write_log(root / "log", made.predictions)
    frame = pd.DataFrame({"prediction_id": [each.id for each in made.predictions], "outcome": value})
    with pytest.raises(DataError, match=f"row 0: expected a number, found {value!r}"):
        bring(root, frame)
