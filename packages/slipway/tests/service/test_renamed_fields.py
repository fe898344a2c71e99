"""A field that clients send under another name has that name wherever they look, and the column's name elsewhere."""

import importlib
import json
import shutil
import sys

import jsonschema
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from places import TOYS
from running import serving
from toybox import reseal

from slipway.batch.plan import make_plan
from slipway.batch.score import score_file
from slipway.bundle import load_bundle
from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.columns import columns_to_rows, frame_to_columns, take_rows
from slipway.gate.checks.compatibility import breaking_changes
from slipway.serving.log.reader import read_log
from slipway.serving.site.schema import describe_row
from slipway.tracking.model import input_schema, save_model, to_frame
from slipway.training.seal import seal_bundle

RENAME = '    rename={"months": "monthsSoFar", "joined": "first-bill"},\n'
NAMES = ["plan", "town", "first-bill", "monthsSoFar", "usage", "paperless"]


@pytest.fixture(scope="module")
def renamed(toys, tmp_path_factory):
    """The churn model sealed with a contract that has two names for two fields."""
    folder, churn = tmp_path_factory.mktemp("renamed"), toys["churn"]
    shutil.copytree(TOYS / "churn", folder / "churn_renamed", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "churn_renamed" / "contract.py"
    file.write_text(file.read_text().replace("kw_only=True,", f"kw_only=True,{RENAME}"))
    sys.path.insert(0, str(folder))
    contract = importlib.import_module("churn_renamed.contract").Subscriber
    sys.path.remove(str(folder))
    problem = msgspec.structs.replace(churn.problem, contract=contract)
    return seal_bundle(problem, churn.fitted, churn.params.train.threshold, churn.train, folder / "bundle")[0]


@pytest.fixture(scope="module")
def asked(renamed, tmp_path_factory):
    with serving(renamed.path, tmp_path_factory.mktemp("log")) as service:
        yield service


@pytest.fixture
def rows(renamed, toys):
    """Rows as clients send them, with the scores that the model gives the columns."""
    columns = take_rows(frame_to_columns(renamed.fields, toys["churn"].holdout), slice(0, 20))
    sent = json.loads(msgspec.json.encode(columns_to_rows(renamed.fields, columns)))
    return sent, toys["churn"].bundle.score(columns).tolist()


def test_columns_have_the_names_of_the_struct_and_requests_those_of_clients(renamed, rows, toys):
    assert [field.name for field in renamed.fields] == [field.name for field in toys["churn"].bundle.fields]
    assert [field.wire_name for field in renamed.fields] == NAMES == [*rows[0][0]]
    golden = json.loads(renamed.golden_lines()[0])["row"]
    assert sorted(golden) == sorted(NAMES)
    np.testing.assert_array_equal(renamed.score(renamed.parse(rows[0])), rows[1])


def test_every_protocol_reads_the_names_of_clients(asked, rows):
    sent, scores = rows
    answer = asked.ask.post("/predict", json=sent).json()
    assert [each["score"] for each in answer["predictions"]] == scores
    assert asked.ask.post("/predict", json=sent[0]).json()["score"] == scores[0]
    split = {"dataframe_split": {"columns": NAMES, "data": [[*row.values()] for row in sent]}}
    answer = asked.ask.post("/invocations", json=split).json()
    assert [each["score"] for each in answer["predictions"]] == scores
    text = pd.DataFrame(sent).to_csv(index=False)
    answer = asked.ask.post("/invocations", data=text, headers={"content-type": "text/csv"}).json()
    assert [each["score"] for each in answer["predictions"]] == scores
    described = asked.ask.get("/v2/models/churn").json()
    assert [each["name"] for each in described["inputs"]] == NAMES
    tensors = [
        {"name": each["name"], "datatype": each["datatype"], "shape": [1], "data": [_tensor(sent[0][each["name"]])]}
        for each in described["inputs"]
        if sent[0][each["name"]] is not None
    ]
    answer = asked.ask.post("/v2/models/churn/infer", json={"inputs": tensors}).json()
    assert scores[0] in [value for output in answer["outputs"] for value in output["data"]]


def _tensor(value):
    return str(value).lower() if isinstance(value, bool) else value


def test_the_name_of_the_column_is_refused_and_the_refusal_says_what_is_expected(asked, rows):
    row = {"months" if name == "monthsSoFar" else name: value for name, value in rows[0][0].items()}
    answer = asked.ask.post("/predict", json=row)
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"monthsSoFar", "months"}
    answer = asked.ask.post("/predict", json=rows[0][0] | {"monthsSoFar": 1000}).json()
    assert answer["detail"].startswith(
        "Row 0, field monthsSoFar: expected an integer from 0 to 600, found a number out"
    )


def test_the_description_the_page_and_the_log_have_the_names_of_clients(asked, renamed, rows):
    schema = describe_row(renamed)
    assert [*schema["properties"]] == NAMES
    jsonschema.validate(rows[0][0], schema)
    jsonschema.validate(schema["examples"][0], schema)
    page = asked.ask.get("/").text
    assert 'name="monthsSoFar"' in page and 'name="months"' not in page
    asked.ask.post("/predict", json=rows[0][0])
    assert sorted([*read_log(asked.log)][-1].inputs) == sorted(NAMES)


def test_an_isolated_bundle_reads_what_the_log_has(renamed, rows, toys):
    isolated = isolate_bundle(read_sealed(renamed.path))
    assert isolated.fields == renamed.fields
    logged = [msgspec.json.encode(row) for row in rows[0]]
    wrong = msgspec.json.encode(rows[0][0] | {"monthsSoFar": -1})
    taken = isolated.take_requests([*logged, wrong])
    assert (taken.unscored, taken.refused) == (0, (("value", "monthsSoFar", 1),))
    columns = frame_to_columns(renamed.fields, toys["churn"].holdout)
    assert len(isolated.read_rows(columns)[1]) == 0


def test_a_client_notices_another_name_and_not_another_column(renamed, toys):
    before, after = toys["churn"].bundle.fields, renamed.fields
    assert breaking_changes(before, after) == [
        "joined was removed",
        "months was removed",
        "monthsSoFar is new and required",
    ]
    column = [msgspec.structs.replace(field, name=f"{field.name}_", alias=field.wire_name) for field in after]
    assert breaking_changes(after, tuple(column)) == []


def test_the_registered_model_takes_the_names_of_clients(renamed, rows, tmp_path):
    import mlflow

    assert [each.name for each in input_schema(renamed.fields)] == NAMES
    save_model(renamed, tmp_path / "model", mlflow.models.Model())
    frame = to_frame(renamed.fields, renamed.parse(rows[0]))
    assert [*frame.columns] == NAMES
    found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(frame)
    np.testing.assert_array_equal(found["score"], rows[1])


def test_a_file_of_rows_has_columns(renamed, rows, toys, tmp_path):
    frame = toys["churn"].holdout.head(20)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "in.parquet")
    score_file(make_plan(renamed, tmp_path / "in.parquet", tmp_path / "out.parquet"))
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "out.parquet")["score"], rows[1])


@pytest.mark.parametrize("option", ['rename="camel"', "tag=True"])
def test_a_bundle_that_was_sealed_so_before_still_loads(renamed, toys, tmp_path, option):
    folder = tmp_path / "bundle"
    shutil.copytree(toys["churn"].bundle.path, folder)
    text = (folder / "contract.py").read_text()
    reseal(folder, "contract.py", text.replace("kw_only=True,", f"kw_only=True, {option},").encode())
    assert len(load_bundle(folder).golden()[1]) >= 16
