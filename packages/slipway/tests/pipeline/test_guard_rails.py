"""Whatever is wrong ends in one paragraph that names it, a non-zero exit and no half-written output."""

import pandas as pd
import pytest
from churn.dataset import make

pytestmark = pytest.mark.slow


def assert_refused(done, *words: str) -> None:
    text = " ".join(done.stderr.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in text, done.stderr


def parts_left(project) -> list[str]:
    return [str(path) for path in project.folder.rglob("*.part")]


def change_params(project, old: str, new: str) -> None:
    path = project.folder / "params.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("stage", ["validate", "prepare", "train", "evaluate", "register"])
def test_an_unknown_parameter_stops_every_stage(project, stage):
    change_params(project, 'model: {"trees":30}', "model: {leaves: 3}")
    assert_refused(project.stage(stage), f"{stage} failed", "params.yaml", "leaves")


def test_a_mistyped_parameter_is_named(project):
    change_params(project, "holdout: 0.25", "holdout: lots")
    assert_refused(project.stage("prepare"), "params.yaml", "split.holdout", "lots")


def test_a_problem_that_does_not_exist_is_named(project):
    (project.folder / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "nobody"\n')
    assert_refused(project.stage("prepare"), "nobody.problem", "pyproject.toml")


def test_missing_data_says_how_to_fetch_it(project):
    (project.folder / "data" / "rows" / "rows.parquet").unlink()
    assert_refused(project.stage("validate"), "data/rows", "dvc pull data.dvc")


def test_a_renamed_column_is_named_with_its_file(project):
    project.write_rows(make(300).rename(columns={"usage": "use"}))
    assert_refused(project.stage("validate"), "rows.parquet", "'usage'")


def test_a_column_of_another_type_is_named(project):
    project.write_rows(make(300).assign(months="many"))
    assert_refused(project.stage("validate"), "column months", "integer")


def test_a_truncated_file_is_named(project):
    path = project.folder / "data" / "rows" / "rows.parquet"
    path.write_bytes(path.read_bytes()[:2000])
    assert_refused(project.stage("validate"), "rows.parquet", "truncated")


def test_a_file_without_rows_is_named(project):
    project.write_rows(make(300).iloc[:0])
    assert_refused(project.stage("validate"), "rows.parquet", "no rows")


def test_a_value_out_of_range_is_shown_with_rule_count_and_examples(project):
    frame = make(300)
    frame.loc[[3, 5, 8], "months"] = 999
    project.write_rows(frame)
    (project.folder / "validation.json").unlink()
    assert_refused(project.stage("validate"), "months", "3", "999")
    assert not (project.folder / "validation.json").exists()


def test_a_duplicate_key_is_shown(project):
    frame = make(300)
    project.write_rows(pd.concat([frame, frame.iloc[[7]]]))
    assert_refused(project.stage("validate"), "key", "unique")


def test_a_target_with_one_class_is_refused(project):
    project.write_rows(make(300).assign(target=True))
    assert_refused(project.stage("validate"), "target")


def test_too_few_groups_are_refused(project):
    project.write_rows(make(300).assign(group="the same day"))
    before = (project.folder / "prepared" / "train.parquet").read_bytes()
    assert_refused(project.stage("prepare"), "groups", "split.holdout")
    assert (project.folder / "prepared" / "train.parquet").read_bytes() == before


def test_a_constant_feature_is_refused(project):
    project.write_rows(make(1500).assign(months=7))
    assert project.stage("prepare").returncode == 0
    assert_refused(project.stage("train"), "'months' is constant", "7")
    assert parts_left(project) == []


def test_an_estimator_that_onnx_cannot_take_is_named(project):
    path = project.folder / "src" / "churn" / "model.py"
    path.write_text(
        "import msgspec\nfrom sklearn.compose import make_column_transformer\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "from sklearn.impute import SimpleImputer\nfrom sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import SplineTransformer\n"
        "class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):\n    trees: int\n"
        "def build(params, seed):\n"
        "    numbers = make_column_transformer((SimpleImputer(), ['months', 'usage', 'year']))\n"
        "    return make_pipeline(numbers, SplineTransformer(), GaussianNB())\n"
    )
    before = (project.folder / "bundle" / "manifest.json").read_bytes()
    assert_refused(project.stage("train"), "SplineTransformer", "ONNX")
    assert (project.folder / "bundle" / "manifest.json").read_bytes() == before
    assert parts_left(project) == []


@pytest.mark.parametrize("name", ["model.onnx", "features.py", "manifest.json"])
def test_an_edited_bundle_is_not_evaluated_and_not_registered(project, name):
    path = project.folder / "bundle" / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20])
    (project.folder / "mlflow.db").unlink()
    for stage in ("evaluate", "register"):
        assert_refused(project.stage(stage), name)


def test_an_unreachable_server_is_named_with_what_to_do(project):
    done = project.stage("register", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert_refused(done, "http://127.0.0.1:9", "MLFLOW_TRACKING_URI")
