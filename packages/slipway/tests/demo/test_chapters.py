"""`demo.yaml` is typed and optional, and changes only what it names."""

import pytest
import yaml

from slipway.demo.chapters import Chapter, apply_params, read_story
from slipway.errors import SettingsError
from slipway.gate.result import Verdict

COMMITTED = b"# a comment\ntrain:\n  seed: 7\nmodel:\n  kind: a\n  a:\n    trees: 9\n"


def test_without_demo_yaml_there_are_no_chapters(tmp_path):
    assert read_story(tmp_path) is None


def test_an_unknown_verdict_is_refused(tmp_path):
    (tmp_path / "demo.yaml").write_text("chapters:\n- title: a\n  params: {}\n  expect: applause\n")
    with pytest.raises(SettingsError, match=r"demo\.yaml: chapters\[0\]\.expect: .*Expected chapters"):
        read_story(tmp_path)


def test_a_chapter_changes_what_it_names_and_the_next_one_starts_from_the_committed_ones(tmp_path):
    path = tmp_path / "params.yaml"
    apply_params(Chapter("one", {"model.a.trees": 1, "train.seed": 8}, Verdict.KEEP), COMMITTED, path)
    assert yaml.safe_load(path.read_bytes()) == {"train": {"seed": 8}, "model": {"kind": "a", "a": {"trees": 1}}}
    apply_params(Chapter("two", {}, Verdict.PROMOTE), COMMITTED, path)
    assert path.read_bytes() == COMMITTED


@pytest.mark.parametrize("key", ["model.b.trees", "modle.kind", "train.seed.more"])
def test_an_unknown_key_is_named(tmp_path, key):
    with pytest.raises(SettingsError, match=key):
        apply_params(Chapter("one", {key: 1}, Verdict.KEEP), COMMITTED, tmp_path / "params.yaml")
