"""`slipway check-features`: pandas code beside features.py, row by row on the problem's data."""

import importlib
import json
import shutil

import pytest
from click.testing import CliRunner
from places import TOYS

from slipway.cli import main

EQUAL = """
def features(df):
    found = df[["plan", "town", "months", "usage", "paperless"]].copy()
    found["year"] = df["joined"].dt.year
    found["plan"] = found["plan"].astype("category")
    return found.sort_values("months")
"""
CHANGES = {
    "a value": ("return found", "found.loc[found['months'] > 100, 'usage'] += 0.5\n    return found"),
    "a text": ("return found", "found['town'] = found['town'].fillna('none')\n    return found"),
    "a type": ("return found", "found['months'] = found['months'].astype(str)\n    return found"),
    "a column less": ("return found", "return found.drop(columns='year')"),
    "a column more": ("return found", "found['long'] = found['months'] > 60\n    return found"),
    "rows dropped": ("return found", "return found.dropna()"),
    "no frame": ('.sort_values("months")', ".to_numpy()"),
    "a column of the target": ("return found", "found['bad'] = df['target']\n    return found"),
}
FOUND = {
    "a value": "(int64, float64 in features.py): equal",
    "a text": "town (str, text in features.py): ",
    "a type": "numbers in the one, text in the other",
    "a column less": "year: only in features.py",
    "a column more": "long: only in old.py; add it in features.py",
    "rows dropped": "move filters to dataset.py",
    "no frame": "expected a DataFrame",
    "a column of the target": "KeyError: 'target'",
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in a project with the toy churn, on pandas code."""
    shutil.copytree(TOYS / "churn", tmp_path / "src" / "churn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "churn"\n')
    (tmp_path / "params.yaml").write_text(
        "split: {salt: toys, holdout: 0.25}\ntrain: {seed: 7}\nmodel: {trees: 30}\n"
        "evaluate: {resamples: 200, confidence: 0.95, seed: 7}\n"
    )
    (tmp_path / "data" / "rows").mkdir(parents=True)
    importlib.import_module("churn.dataset").make(500, seed=3).to_parquet(tmp_path / "data" / "rows" / "a.parquet")
    monkeypatch.chdir(tmp_path)

    def run(code, *words):
        (tmp_path / "old.py").write_text(code)
        return CliRunner().invoke(main, ["check-features", "--against", "old.py", *words], catch_exceptions=False)

    return run


def test_equal_features_are_equal_whatever_their_order_and_types(run):
    done = run(EQUAL)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "The features are equal."), done.output
    renamed = run(EQUAL.replace("def features", "def add_features"), "--function", "add_features")
    assert renamed.exit_code == 0


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_named_and_ends_with_1(run, change):
    done = run(EQUAL.replace(*CHANGES[change]))
    assert done.exit_code == 1 and FOUND[change] in done.output, done.output


def test_a_difference_has_its_share_its_size_and_its_first_rows(run):
    found = json.loads(run(EQUAL.replace(*CHANGES["a value"]), "--json").output)
    column = next(each for each in found["columns"] if each["name"] == "usage")
    assert 0 < column["differing"] < found["rows"] == 500
    assert column["largest"] == pytest.approx(0.5)
    assert len(column["examples"]) == 3
    row, old, new = column["examples"][0]
    assert float(old) - float(new) == pytest.approx(0.5) and row > 0


def test_a_file_that_fails_or_has_no_such_function_is_named(run):
    assert "cannot be run: ZeroDivisionError" in run("1 / 0").output
    assert "old.py has no function features" in run("x = 1").output
