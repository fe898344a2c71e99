"""The files that `slipway new` writes run for any names and values of a table."""

import shlex
import sys
from types import ModuleType

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from slipway.contract import read_contract
from slipway.problem import Task
from slipway.template.plan import plan_problem
from slipway.template.render import describe_name, render_files
from slipway.template.request import NewProblem

ROWS = 400
# Names and values that end a string, a comment, a template, a table of Markdown or a line of YAML.
HOSTILE = (
    '"""',
    "'",
    'a "b"',
    "back\\slash",
    "line\nbreak",
    "{{ x }}",
    "{% if %}",
    "a|b",
    "# no",
    "\x00\x1b[1m",
    "größe",
    "",
)


def hostile_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.choice(HOSTILE, ROWS) for name in HOSTILE if name})
    for name in ("int", "float", "str", "bool", "np", "features", "columns", "msgspec", "None", "self", "x_minute"):
        table[name] = pd.Series(rng.normal(size=ROWS)).mask(rng.random(ROWS) < 0.1)
    for name in ("x", "datetime", "times"):
        table[name] = pd.Timestamp("2024-02-01") + pd.to_timedelta(rng.integers(0, 90_000, ROWS), unit="min")
    return table.assign(**{'to "be"\n"""|\\': rng.choice(HOSTILE[1:3], ROWS)})


def load_module(name: str, source: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


@pytest.fixture
def hostile(tmp_path):
    table = pa.Table.from_pandas(hostile_table(), preserve_index=False)
    target = table.column_names[-1]
    found = plan_problem(table, NewProblem(name="ours", target=target, positive="'", time="x"))
    (tmp_path / "ours").mkdir()
    hostile_table().to_parquet(tmp_path / "ours" / "table.parquet")
    return found, render_files(found), tmp_path


def test_each_file_can_be_read(hostile):
    found, files, _ = hostile
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
        if path.endswith(".yaml"):
            assert yaml.safe_load(text)
    params = yaml.safe_load(files["params.yaml"])
    for name in params["search"]["space"]:
        section = params
        for key in name.split("."):
            section = section[key]
        assert isinstance(section, int | float), name
    described = [line for line in files["docs/data.md"].splitlines() if line.startswith("| `")]
    assert len(described) == len(found.inputs) and {line.count("|") for line in described} == {5}


def test_what_is_loaded_holds_to_the_contract_and_yields_every_feature(hostile):
    found, files, data = hostile
    frame = load_module("hostile_dataset", files["src/ours/dataset.py"]).load(data)
    contract = load_module("hostile_contract", files["src/ours/contract.py"]).Ours
    names = [field.name for field in read_contract(contract)]
    assert list(frame) == [*names, "target", "group", "time"] and len(names) == len(found.inputs)
    assert frame["target"].dtype == bool and frame["target"].mean() == pytest.approx(found.share)
    for row in frame[names].astype(object).where(frame[names].notna(), None).to_dict("records"):
        times = {name: value.to_pydatetime() for name, value in row.items() if isinstance(value, pd.Timestamp)}
        msgspec.convert(row | times, contract)
    columns = {name: frame[name].to_numpy() for name in names}
    features = load_module("hostile_features", files["src/ours/features.py"]).derive(columns)
    clocks = {f"{each.field}_{clock}" for each in found.timestamps for clock in each.clocks}
    assert set(features) == set(names) - {each.field for each in found.timestamps} | clocks
    at = next(each.field for each in found.inputs if each.source == "x")
    assert (features[f"{at}_weekday"] == frame[at].dt.weekday).all()


def test_the_row_in_the_readme_holds_to_the_contract(hostile):
    found, files, _ = hostile
    contract = load_module("hostile_contract", files["src/ours/contract.py"]).Ours
    (line,) = [each for each in files["README.md"].splitlines() if each.startswith("    uv run slipway predict ")]
    row = msgspec.json.decode(shlex.split(line)[-1], type=contract)
    assert len(msgspec.structs.asdict(row)) == len(found.inputs)
    wide = pa.table({f"x{number}": np.arange(99.0) ** 1.5 for number in range(41)} | {"y": np.arange(99) % 2})
    assert "predict" not in render_files(plan_problem(wide, NewProblem(name="wide", target="y")))["README.md"]


def test_an_outcome_of_another_value_is_missing_and_not_the_negative_class(hostile):
    _, files, data = hostile
    table = hostile_table()
    table.loc[[0, 1], table.columns[-1]] = ["a new class", None]
    table.to_parquet(data / "ours" / "table.parquet")
    frame = load_module("hostile_dataset", files["src/ours/dataset.py"]).load(data)
    assert frame["target"].isna().tolist() == [True, True, *[False] * (ROWS - 2)]


def test_a_package_named_like_a_word_of_yaml_has_its_name_as_salt():
    table = pa.table({"x": np.arange(99.0) ** 1.5, "y": np.arange(99) % 2})
    files = render_files(plan_problem(table, NewProblem(name="null", target="y", task=Task.BINARY)))
    assert yaml.safe_load(files["params.yaml"])["split"]["salt"] == "null"


@pytest.mark.parametrize(("name", "words"), [("unit_price", "Unit price"), ("a\n  b", "A b"), ("\t", "'\\t'")])
def test_a_description_is_one_line(name, words):
    assert describe_name(name) == words
