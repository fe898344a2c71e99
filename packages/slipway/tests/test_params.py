"""Parameters are strict: an unknown key or a value of another type is named."""

import re
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest
from dvc.utils.serialize import parse_yaml as read_by_dvc
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import parse_yaml
from slipway.params import SplitBy, SplitParams, read_params


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["tree", "line"] = "tree"
    depth: Annotated[int, Meta(ge=1)] = 3
    rates: dict[str, float] = {}


GOOD = """
split: {salt: s, holdout: 0.2}
train: {seed: 7, threshold: 0.3}
evaluate: {resamples: 200, confidence: 0.95, seed: 7}
model: {kind: line}
"""


def read(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return read_params(Model, path)


def test_good_parameters_come_back_typed(tmp_path):
    params = read(tmp_path, GOOD)
    assert params.split.holdout == 0.2
    assert params.model == Model(kind="line", depth=3)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seed: 7, threshold", "sead: 7, threshold", "sead"),
        ("holdout: 0.2", "holdout: 1.5", "split.holdout"),
        ("threshold: 0.3", "threshold: high", "train.threshold"),
        ("kind: line", "kind: forest", "model.kind"),
        ("kind: line", "kind: line, leaves: 4", "leaves"),
        ("model:", "modell:", "modell"),
        ("salt: s, ", "", "salt"),
        ("evaluate:", "extra: 1\nevaluate:", "extra"),
        ("seed: 7, threshold", "seed: 4294967296, threshold", "train.seed"),
        ("kind: line", "rates: {1: 2.0}", "model.rates: expected keys of text, found `int`"),
        (", holdout: 0.2", "", "split.holdout is missing: by group"),
        ("0.2", "0.2, from: 2024-03-01", "split.from belongs to a split by time"),
        ("0.2", "0.2, gap_days: 7", "split.gap_days belongs to a split by time"),
        (
            "0.2",
            "0.2, by: time, from: 2024-03-01",
            "split.by: time takes `from` (a day) or `holdout` (the newest share), found both",
        ),
        (", holdout: 0.2", ", by: time", "found neither"),
        (", holdout: 0.2", ", by: both, from: 2024-03-01", "split.holdout is missing: by both"),
        ("holdout: 0.2", "by: time, from: March", "split.from: expected a day such as 2024-05-01, found 'March'"),
        ("0.2", "0.2, by: month", "split.by"),
        ("0.2", "0.2, by: time, gap_days: -1", "split.gap_days"),
        ("0.2", "0.2, by: time, gap_days: 1000000", "split.gap_days"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path, old, new, named):
    with pytest.raises(SettingsError, match=re.escape(named)):
        read(tmp_path, GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("written", "split"),
    [
        (
            "by: time, from: 2024-03-01, gap_days: 7",
            SplitParams(salt="s", by=SplitBy.TIME, from_day=date(2024, 3, 1), gap_days=7),
        ),
        ("by: both, holdout: 0.2", SplitParams(salt="s", by=SplitBy.BOTH, holdout=0.2)),
    ],
)
def test_a_split_has_a_day_or_a_share(tmp_path, written, split):
    assert read(tmp_path, GOOD.replace("holdout: 0.2", written)).split == split


def test_malformed_yaml_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"Malformed YAML in params\.yaml: line 1: "):
        read(tmp_path, "split: [1")


def test_a_conflict_of_branches_is_named(tmp_path):
    theirs = GOOD.replace("seed: 7, threshold", "seed: 8, threshold")
    with pytest.raises(SettingsError, match=r"params\.yaml, line 1: a conflict of a merge"):
        read(tmp_path, f"<<<<<<< HEAD{GOOD}======={theirs}>>>>>>> main\n")


def test_yaml_of_any_depth_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"Malformed YAML in params\.yaml"):
        read(tmp_path, f"split: {'[' * 3000}")


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"params\.yaml"):
        read(tmp_path, "")


def test_the_error_for_a_missing_file_tells_where_to_run(tmp_path):
    with pytest.raises(SettingsError, match="root of the repository"):
        read_params(Model, tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("5e-05", 5e-05), ("5.0e-05", 5e-05), ("0.00005", 5e-05), (".5", 0.5)],
)
def test_a_number_is_read_however_dvc_writes_it(tmp_path, written, meant):
    """`dvc exp run -S train.threshold=0.00005` writes 5e-05, a text to readers of YAML 1.1."""
    assert read(tmp_path, GOOD.replace("threshold: 0.3", f"threshold: {written}")).train.threshold == meant


@pytest.mark.parametrize("text", ["010", "0o10", "1_000", "yes", "1:30", "1e3", "2024-01-01", "~", "0x1F", "off"])
def test_every_value_is_what_dvc_reads(text):
    content = f"value: {text}\n"
    assert parse_yaml(content, Any, "params.yaml", SettingsError, "") == read_by_dvc(content, "params.yaml")


@pytest.mark.parametrize("twice", ["seed: 7, seed: 8", "seed: 7, threshold: 0.1, seed: 7"])
def test_a_repeated_key_is_refused(tmp_path, twice):
    with pytest.raises(SettingsError, match=r'params\.yaml: line 3: found duplicate key "seed"'):
        read(tmp_path, GOOD.replace("seed: 7, threshold: 0.3", twice))
