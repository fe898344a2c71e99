"""Rows of the log whose outcome is known become newer data, through the problem's own hook, with their bias said."""

from datetime import date

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from monitorbox import SILENT, make_project, make_traffic, write_log

from slipway.cli import main
from slipway.columns import frame_to_columns
from slipway.errors import ProblemError
from slipway.files.writing import new_file
from slipway.monitoring.retrain.labelled_rows import bring_labelled_rows
from slipway.rows.folder import read_folder

UNTIL = date(2024, 5, 10)


@pytest.fixture
def world(toy, tmp_path):
    """A toy's project and a log of 14 days, in which every third row has no outcome, and every seventh no inputs."""
    root, made = make_project(toy, tmp_path), make_traffic(toy, days=14)
    without = {each.id for each in made.predictions[::3]}
    bare = {each.id for each in made.predictions[::7]}
    entries = [each for each in made.entries if getattr(each, "prediction_id", "") not in without]
    write_log(
        root / "log", [msgspec.structs.replace(each, inputs=None) if each.id in bare else each for each in entries]
    )
    return toy, root, [each for each in made.predictions if each.id not in without | bare], made


def bring(toy, root, add, until=UNTIL):
    problem = msgspec.structs.replace(toy.problem, add_labelled=add)
    return bring_labelled_rows(root, problem, "production", (root / "log",), until, SILENT)


def test_rows_and_outcomes_come_as_they_were_sent_up_to_the_day(world, tmp_path):
    toy, root, labelled, made = world
    kept = []
    problem, _ = bring(toy, root, lambda folder, rows: kept.append((folder, rows)))
    assert problem.refresh is not None and kept == []
    problem.refresh(tmp_path / "data", UNTIL)
    ((folder, rows),) = kept
    assert folder == tmp_path / "data"
    sent = [each for each in labelled if each.time.date() <= UNTIL]
    assert rows["key"].tolist() == [each.id for each in sent]
    assert rows["time"].tolist() == [each.time.replace(tzinfo=None) for each in sent]
    outcomes = dict(zip((each.id for each in made.predictions), made.outcomes, strict=True))
    assert rows["target"].tolist() == [outcomes[each.id] for each in sent]
    scores = toy.bundle.score(frame_to_columns(toy.bundle.fields, rows))
    np.testing.assert_allclose(scores, [each.score for each in sent], rtol=1e-6)


def test_a_hook_can_store_them_in_the_types_in_which_datasets_are_read(world, tmp_path):
    toy, root, labelled, _ = world

    def add(folder, rows):
        with new_file(folder / "logged.parquet") as temporary:
            rows.to_parquet(temporary, index=False)

    problem, _ = bring(toy, root, add)
    problem.refresh(tmp_path / "data", UNTIL)
    kinds = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "text"}
    columns = {
        field.name: kinds.get(field.kind, "instant" if field.zoned else "timestamp") for field in toy.bundle.fields
    }
    stored = read_folder(tmp_path / "data", columns | {"time": "timestamp", "key": "text"})
    assert len(stored) == sum(each.time.date() <= UNTIL for each in labelled)


def test_the_sentence_says_which_rows_they_are_and_which_they_are_not(world):
    toy, root, labelled, made = world
    _, sentence = bring(toy, root, lambda folder, rows: None)
    rows = sum(each.time.date() <= UNTIL for each in made.predictions)
    known = sum(each.time.date() <= UNTIL for each in labelled)
    assert f"From the log: {known:,} of {rows:,} rows up to 2024-05-10 have their inputs and an outcome" in sentence
    assert "no random sample: their mean score less that of all rows is " in sentence


def test_without_a_place_for_them_the_hook_is_named(world):
    toy, root, *_ = world
    with pytest.raises(ProblemError, match="has no hook `add_labelled`"):
        bring(toy, root, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--log", "log"), "--log is read with --from-log alone"),
        (("--from-log", "--refresh", "churn.newer:bring"), "Expected either --from-log or --refresh"),
    ],
)
def test_options_that_would_be_ignored_are_an_error(words, said):
    done = CliRunner().invoke(main, ["retrain", "production", *words])
    assert done.exit_code == 2
    assert said in done.output
