"""The space is typed by the model, a study goes on only with what it began with, and params.yaml keeps its text."""

import msgspec
import pytest
from click.testing import CliRunner
from searchbox import SPACE, edit_params

from slipway.cli import main
from slipway.errors import DataError, LockError, SettingsError
from slipway.files.yaml_values import replace_values
from slipway.params import read_params
from slipway.problem import load_problem
from slipway.project import load_project
from slipway.search.space import read_space
from slipway.search.study import FOLDER, open_study


def opened(root, resume=False):
    problem, params = load_project(root)
    return open_study(root, problem, params, read_space(problem, params), resume)


def run_trials(study, number):
    """A parabola whose best is 12 trees."""
    tried = []
    for _ in range(number):
        trial, values = study.begin_trial()
        tried.append(study.end_trial(trial, [float((values["model.trees"] - 12) ** 2)]).values["model.trees"])
    return tried


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("model.trees: {low: 1, hihg: 4}", r"search\.space\.model\.trees: unknown key `hihg`"),
        (
            "model.trees: {low: 4, high: 1}",
            r"search\.space\.model\.trees: low: expected a number below high, found 4",
        ),
        ("model.trees: {low: 1}", r"search\.space\.model\.trees: expected low and high, or choices"),
        ("model.trees: {low: 1, high: 4, choices: [1, 2]}", "expected choices alone"),
        ("model.trees: {choices: [1, 1]}", "two or more different values"),
        ("model.trees: {low: 0, high: 4, log: true}", "log: expected a low above 0"),
        ("model.trees: {low: 1, high: 4, step: 5}", "step: expected"),
        ("model.trees: {low: 1, high: 9.5}", r"search\.space\.model\.trees: expected whole numbers, found 1, 9\.5"),
        ("model.trees: {low: 1, high: 4000}", r"model\.trees: .*4000.* search\.space"),
        ("model.trees: {choices: [1, many]}", r"model\.trees: expected `int`, found 'many'"),
        ("model.tree: {low: 1, high: 4}", r"unknown parameter 'model\.tree', expected one of model\.trees"),
        ("train.seed: {low: 1, high: 4}", r"unknown parameter 'train\.seed'"),
    ],
)
def test_a_wrong_space_is_an_error_that_names_its_parameter(root, space, told):
    edit_params(root, SPACE, space)
    with pytest.raises(SettingsError, match=told):
        read_space(*load_project(root))


class Model(msgspec.Struct, frozen=True):
    rate: float = 0.1
    leaves: int = 31
    depth: int | None = None


def test_a_range_has_the_type_of_its_parameter_and_is_tried_within_its_ends(root):
    edit_params(root, "trees: 30   # few", "rate: 1\n  leaves: 31")
    ranges = ("rate: {low: 1, high: 2}", "leaves: {low: 10, high: 30, step: 10}", "depth: {choices: [null, 3]}")
    edit_params(root, SPACE, "\n    ".join(f"model.{each}" for each in ranges))
    problem = msgspec.structs.replace(load_problem("churn"), params=Model)
    params = read_params(Model, root / "params.yaml")
    with open_study(root, problem, params, read_space(problem, params), False) as study:
        tried = [study.begin_trial()[1] for _ in range(16)]
    assert tried[0] == {"model.rate": 1.0, "model.leaves": 31, "model.depth": None}
    rates = [values["model.rate"] for values in tried[1:]]
    assert all(1 <= rate <= 2 and float(f"{rate:.4g}") == rate for rate in rates)
    assert not all(rate.is_integer() for rate in rates)
    assert {values["model.leaves"] for values in tried[1:]} == {10, 20, 30}
    assert {values["model.depth"] for values in tried[1:]} == {None, 3}


def test_a_study_resumed_after_a_kill_repeats_the_trial_that_ran_and_no_other(root):
    with opened(root) as study:
        first = run_trials(study, 3)
        _, running = study.begin_trial()
    file = root / FOLDER / "1.jsonl"
    file.write_bytes(file.read_bytes() + b'{"op_code": 4, "worker')
    with opened(root, resume=True) as study:
        later = run_trials(study, 17)
        trials, best = study.list_trials(), study.list_scored()[0]
    assert [trial.values["model.trees"] for trial in trials] == first + later
    assert later[0] == running["model.trees"]
    assert first[0] == 30, "the present value is the first"
    assert first != later[1:4], "the sampler does not begin again"
    assert abs(best.values["model.trees"] - 12) <= 1


def test_two_studies_of_one_seed_try_the_same_values(root):
    tried = []
    for _ in range(2):
        with opened(root) as study:
            tried.append(run_trials(study, 12))
    assert tried[0] == tried[1]
    assert sorted(path.name for path in (root / FOLDER).glob("*.jsonl")) == ["1.jsonl", "2.jsonl"]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("high: 40", "high: 50", r"search\.space"),
        ("folds: 3", "folds: 4", r"search\.folds"),
        ("seed: 7, threshold", "seed: 8, threshold", r"parameters in params\.yaml"),
    ],
)
def test_a_study_does_not_go_on_with_another_basis(root, old, new, changed):
    with opened(root) as study:
        run_trials(study, 1)
    edit_params(root, "30   # few", "31")
    with opened(root, resume=True):
        pass
    edit_params(root, old, new)
    with pytest.raises(SettingsError, match=rf"Study 1 cannot go on.* {changed} changed"), opened(root, resume=True):
        pass


def test_rows_that_another_split_made_may_be_of_the_holdout(root):
    edit_params(root, "salt: toys", "salt: others")
    with pytest.raises(DataError, match=r"may hold rows of the holdout.* Run `dvc repro prepare`"), opened(root):
        pass
    edit_params(root, "salt: others", "salt: toys")
    (root / "prepared/train.parquet").write_bytes(b"other rows")
    with pytest.raises(DataError, match=r"train\.parquet has the md5 \w+, expected \w+ by dvc\.lock"), opened(root):
        pass


def test_one_search_at_a_time_and_nothing_to_resume_before_the_first(root):
    with pytest.raises(SettingsError, match="no study to resume"), opened(root, resume=True):
        pass
    with opened(root), pytest.raises(LockError), opened(root):
        pass


TEXT = "# First\nmodel: &m  {kind: old, 'rate': 0.1}  # \u00e9\r\nother: [1, 2]\r\nmodel2: {a: {b: 5}}\n"


def test_values_are_replaced_in_place_and_the_rest_of_the_text_stays():
    changed = replace_values(TEXT, {"model.kind": "new one", "model.rate": 5e-05, "model2.a.b": None}, "params.yaml")
    assert changed == TEXT.replace("old", '"new one"').replace("0.1", "0.00005").replace("5}}", "null}}")
    assert replace_values(TEXT, {"model.kind": "yes-or_no"}, "") == TEXT.replace("old", "yes-or_no")
    assert replace_values(TEXT, {"model.kind": "null"}, "") == TEXT.replace("old", '"null"')
    assert replace_values(TEXT, {"model.rate": 0.1}, "") == TEXT


def test_a_value_with_no_place_of_its_own_is_left_to_a_person():
    text = "model:\n  a: &x 1\n  b: *x\n"
    with pytest.raises(SettingsError, match=r"no single place for each value\. Write by hand: model\.a = 2\."):
        replace_values(text, {"model.a": 2}, "params.yaml")
    with pytest.raises(SettingsError, match=r"Write by hand: model\.c = 2\."):
        replace_values(text, {"model.c": 2}, "params.yaml")


def test_a_parameter_that_is_not_in_the_file_is_an_error_before_the_first_trial(root):
    edit_params(root, "\n  trees: 30   # few", " {}")
    done = CliRunner().invoke(main, ["search"])
    assert done.exit_code == 1
    assert "no single place for each value. Write by hand: model.trees = 30." in done.output


def test_the_command_without_a_space_says_what_to_write(root):
    edit_params(root, "search:\n  folds: 3\n  space:\n    " + SPACE, "")
    done = CliRunner().invoke(main, ["search"])
    assert done.exit_code == 1
    assert "params.yaml has no section search. Write the values to try by parameter" in done.output
