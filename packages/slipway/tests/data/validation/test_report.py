"""The results of a validation: the file, the Data Docs, and the error for the person who fixes the data."""

import re

import msgspec
import pytest
from churn.dataset import make
from churn.problem import PROBLEM

from slipway.data.validation.publish import publish_report
from slipway.data.validation.report import Report, explain_report
from slipway.data.validation.validate import validate_dataset
from slipway.errors import DataError


def bad_dataset():
    frame = make(400)
    frame.loc[[7, 8, 9, 10], "months"] = 700
    frame.loc[11, "plan"] = "gold"
    return frame


def test_the_file_of_a_good_dataset_is_the_same_byte_for_byte_and_reads_back(tmp_path):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for path in files:
        publish_report(validate_dataset(PROBLEM, make(400)), path, tmp_path / "failed.json")
    assert files[0].read_bytes() == files[1].read_bytes()
    report = msgspec.json.decode(files[0].read_bytes(), type=Report)
    assert report.success
    names = [(rule.column or "", rule.rule) for rule in report.views[0].rules]
    assert names == sorted(names)


def test_the_file_holds_no_time_no_version_and_no_run(tmp_path):
    publish_report(validate_dataset(PROBLEM, make(400)), tmp_path / "validation.json", tmp_path / "failed.json")
    text = (tmp_path / "validation.json").read_text()
    assert not re.search(r"run_id|version|\d{4}-\d{2}-\d{2}T|batch", text)


def test_the_report_of_a_bad_dataset_is_no_output_of_the_stage(tmp_path):
    output, failed = tmp_path / "validation.json", tmp_path / ".slipway" / "validation.json"
    output.write_text("from an earlier run")
    with pytest.raises(DataError, match=r"\.slipway/validation\.json"):
        publish_report(validate_dataset(PROBLEM, bad_dataset()), output, failed)
    assert not output.exists()
    assert not msgspec.json.decode(failed.read_bytes(), type=Report).success


def test_a_good_dataset_clears_the_report_of_the_bad_one(tmp_path):
    failed = tmp_path / "failed.json"
    failed.write_text("{}")
    publish_report(validate_dataset(PROBLEM, make(400)), tmp_path / "validation.json", failed)
    assert not failed.exists()


def test_the_error_names_column_rule_count_and_three_rows():
    text = explain_report(validate_dataset(PROBLEM, bad_dataset()))
    assert "The dataset of 400 rows breaks 2 rules" in text
    (line,) = (line for line in text.splitlines() if "column months" in line)
    assert "expected an integer from 0 to 600, found a number out of range in" in line
    assert "(expect_column_values_to_be_between, contract: " in line
    assert "4 of 400 rows, 1 %" in line
    assert re.findall(r"row (\d+) \(months=700, key=\1, group='2024", line) == ["7", "8", "9"]
    assert "column plan" in text
    assert "'gold'" in text


def test_the_error_says_once_that_a_column_is_missing():
    lines = explain_report(validate_dataset(PROBLEM, make(400).drop(columns="months"))).splitlines()
    assert "breaks one rule" in lines[0]
    assert "column months: expect_column_to_exist fails" in lines[1]


def test_the_error_shows_both_names_of_a_renamed_column():
    text = explain_report(validate_dataset(PROBLEM, make(400).rename(columns={"months": "bills"})))
    assert "found unknown columns: bills" in text
    assert "column months" in text


def test_the_error_stays_readable_with_many_broken_rules():
    frame = make(400).astype(str).assign(group=None, time=None, key=None, target=None, plan=1, colour="red")
    lines = explain_report(validate_dataset(PROBLEM, frame)).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "And 3 more."


@pytest.mark.parametrize("frame", [make(400), bad_dataset()], ids=["good", "bad"])
def test_data_docs_stand_beside_the_report(tmp_path, frame):
    docs = tmp_path / "docs"
    validate_dataset(PROBLEM, frame, docs)
    index = (docs / "index.html").read_text()
    (page,) = docs.glob("validations/dataset/*/*/*.html")
    assert page.relative_to(docs).as_posix() in index
    assert "values must be whole numbers" in (docs / "expectations" / "dataset.html").read_text()
    assert ("700" in page.read_text()) == (frame["months"].max() == 700)
