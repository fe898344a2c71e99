"""`slipway score` as people and machines use it."""

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from slipway.batch.progress import show_progress
from slipway.cli import main

MONTHS = "expected an integer from 0 to 600, found a number out of range"


@pytest.fixture
def slipway(churn):
    """Run a command line against churn's bundle."""

    def run(*arguments):
        return CliRunner().invoke(main, ["score", "--bundle", str(churn.bundle.path), *map(str, arguments)])

    return run


def test_the_last_line_tells_the_result_and_its_place(slipway, churn, write, tmp_path):
    done = slipway(write("rows.parquet", churn.holdout), tmp_path / "out.csv")
    assert done.exit_code == 0
    *others, last = done.stdout.splitlines()
    assert others == ["ignored: 3 columns of IN (target, group, time)"]
    assert last.startswith(f"{len(churn.holdout)} rows in ")
    assert last.endswith(f" rows/s, bundle {churn.bundle.digest[:12]}: {tmp_path / 'out.csv'}")


def test_json_is_one_object_with_everything(slipway, churn, write, tmp_path):
    frame = churn.holdout.drop(columns=["usage"]).reset_index(drop=True)
    frame.loc[[2, 4], "months"] = -1
    done = slipway(write("rows.csv", frame), tmp_path / "out.parquet", "--invalid", "skip", "--keep", "time", "--json")
    found = json.loads(done.stdout)
    assert found.pop("seconds") > 0
    assert found.pop("rows_per_second") > 0
    assert found == {
        "out": str(tmp_path / "out.parquet"),
        "digest": churn.bundle.digest,
        "rows": len(frame),
        "invalid": 2,
        "kept": ["time"],
        "ignored": ["target", "group", "key"],
        "absent": ["usage"],
        "reasons": [{"column": "months", "rule": MONTHS, "rows": 2, "examples": [3, 5]}],
    }


def test_skipped_rows_are_printed_by_reason(slipway, churn, write, tmp_path):
    frame = churn.holdout.reset_index(drop=True)
    frame.loc[[2, 4], "months"] = -1
    done = slipway(write("rows.parquet", frame), tmp_path / "out.csv", "--invalid", "skip")
    assert done.stdout.splitlines()[1:3] == [
        "invalid: 2 rows without score and label",
        f"  months: {MONTHS}: 2 rows, first 3, 5",
    ]


def test_a_refusal_is_one_paragraph_and_exit_code_1(slipway, churn, write, tmp_path):
    done = slipway(write("rows.parquet", churn.holdout.assign(months=-1)), tmp_path / "out.csv")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert f"row 1, column months: {MONTHS}; also row 2 and row 3." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_log_gets_a_line_every_few_seconds_at_most():
    text = io.StringIO()
    with show_progress(1000, Console(file=text), seconds=0) as report:
        report(500)
        report(1200)
    first, second = text.getvalue().splitlines()
    assert first.startswith("500 rows, 50%, ")
    assert second.startswith("1,200 rows, 100%, ")
    text = io.StringIO()
    with show_progress(1000, Console(file=text), seconds=60) as report:
        report(500)
    assert text.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_when_all_is_done():
    text = io.StringIO()
    with show_progress(1000, Console(file=text, force_terminal=True, width=100)) as report:
        report(500)
        report(1200)
    assert "500 of 1,000 rows" in text.getvalue() or "1,200 of 1,200 rows" in text.getvalue()
    assert text.getvalue().endswith("\x1b[2K"), "the line is cleared"
