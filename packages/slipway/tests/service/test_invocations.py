"""What `POST /invocations` answers to MLflow's own client and to others: the registered model's columns, exactly."""

import json

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.models import Model
from mlflow.pyfunc.scoring_server import invocations
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from mlflow.utils.proto_json_utils import dump_input_data
from toybox import rows_of

from slipway.columns import frame_to_columns, to_integer
from slipway.serving.log.reader import read_log
from slipway.serving.protocols.mlflow import JSON_LINES, choose_media_type
from slipway.tracking.model import save_model

GOOD = {"plan": "basic", "months": 7}
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


def frame_of(toy, rows=60):
    """Rows of the holdout as pandas has them, with missing values of every kind that the toy knows."""
    return toy.holdout[[field.name for field in toy.bundle.fields]].head(rows)


def client_of(service):
    return ScoringServerClient("127.0.0.1", service.url.rpartition(":")[2])


def expect_registered_answer(toy, frame, predictions):
    """The columns that the registered model gives, to the last bit, and an identifier for each row."""
    found = pd.DataFrame(predictions)
    expected = pd.DataFrame(toy.bundle.predict(frame_to_columns(toy.bundle.fields, frame)))
    pd.testing.assert_frame_equal(found.drop(columns="prediction_id"), expected, check_exact=True)
    assert found["prediction_id"].nunique() == len(frame)


def ask(service, document, **headers):
    body = document if isinstance(document, str | bytes) else json.dumps(document)
    return service.ask.post("/invocations", data=body, headers=JSON | headers)


def test_mlflows_client_gets_the_registered_models_answer(service, toy):
    frame = frame_of(toy)
    assert frame.isna().any(axis=None)
    client = client_of(service)
    client.ping()
    expect_registered_answer(toy, frame, client.invoke(frame).get_predictions())


def test_mlflows_client_may_send_one_row_and_records(service, toy):
    frame = frame_of(toy)
    client = client_of(service)
    expect_registered_answer(toy, frame.head(1), client.invoke(frame.head(1), params={}).get_predictions())
    records = client.invoke(frame.astype(object).where(frame.notna(), None).to_dict(orient="records"))
    expect_registered_answer(toy, frame, records.get_predictions())


@pytest.mark.parametrize("name", ["crops", "rents"])
def test_mlflows_own_server_would_answer_the_same(name, services, toys, tmp_path):
    """Not for churn: MLflow's types know no time with a zone, so its server takes no frame that has one."""
    toy = toys[name]
    save_model(toy.bundle, tmp_path / "model", Model())
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    frame = frame_of(toy)
    bodies = [
        dump_input_data(frame),
        json.dumps({"dataframe_records": rows_of(toy, 60)}),
        json.dumps({"inputs": {name: [row[name] for row in rows_of(toy, 60)] for name in frame.columns}}),
        (tmp_path / "model" / "serving_input_example.json").read_text(),
    ]
    for body in bodies:
        ours = ask(services[name], body).json()
        theirs = invocations(body, "application/json", model, model.metadata.get_input_schema())
        assert [prediction.pop("prediction_id") for prediction in ours["predictions"]]
        assert ours == json.loads(theirs.response)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("months", lambda values: values.astype("float64")),
        ("months", lambda values: values.astype("Int64")),
        ("months", lambda values: values.astype("int8")),
        ("usage", lambda values: values.astype("Float64")),
        ("usage", lambda values: values.astype(object).where(values.notna(), None)),
        ("town", lambda values: values.astype(object).where(values.notna(), None)),
        ("town", lambda values: values.astype(object).where(values.notna(), np.nan)),
        ("town", lambda values: values.astype("category")),
        ("paperless", lambda values: values.astype(object).where(values.notna(), None)),
        ("joined", lambda values: values.dt.tz_convert("Asia/Kolkata")),
        ("joined", lambda values: values.astype("datetime64[ns, UTC]")),
        ("joined", lambda values: values.astype(object)),
    ],
)
def test_a_column_is_understood_in_every_type_that_pandas_may_keep_it_in(churn_service, churn, column, change):
    frame = frame_of(churn)
    sent = frame.assign(**{column: change(frame[column])})
    expect_registered_answer(churn, frame, client_of(churn_service).invoke(sent).get_predictions())


def test_every_form_of_the_protocol_means_the_same_rows(service, toy):
    rows = rows_of(toy, 40)
    frame = frame_of(toy, 40)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    split = {"columns": list(columns), "data": [list(row.values()) for row in rows]}
    for document in (
        {"dataframe_split": split},
        {"dataframe_split": split | {"index": [f"row {number}" for number in range(40)]}, "params": None},
        {"dataframe_records": rows},
        {"instances": rows},
        {"inputs": columns},
        {"inputs": rows},
    ):
        found = ask(service, document)
        assert found.status_code == 200, found.text
        assert list(found.json()) == ["predictions"]
        expect_registered_answer(toy, frame, found.json()["predictions"])


def test_inputs_may_be_one_row_of_scalars(service, toy):
    found = ask(service, {"inputs": rows_of(toy, 1)[0]})
    expect_registered_answer(toy, frame_of(toy, 1), found.json()["predictions"])


def test_csv_as_pandas_writes_it_means_the_same_rows(service, toy):
    frame = frame_of(toy)
    for sent in (frame.to_csv(index=False), "\ufeff" + frame.to_csv(index=False, lineterminator="\r\n")):
        found = service.ask.post(
            "/invocations", data=sent.encode(), headers={"Content-Type": "text/csv; charset=utf-8"}
        )
        assert found.status_code == 200, found.text
        expect_registered_answer(toy, frame, found.json()["predictions"])


def test_csv_cells_may_be_quoted_and_hold_commas(services, toys):
    body = (
        "area,rooms,district,lift,offered\n"
        '61.5,3.0,"old, ""very"" old\ntown",TRUE,2024-05-01\n'
        "+6.15e1,3,,,2024-05-01T00:00:00\n"
    )
    found = services["rents"].ask.post("/invocations", data=body, headers=CSV)
    rows = [
        {"area": 61.5, "rooms": 3, "district": 'old, "very" old\ntown', "lift": True, "offered": "2024-05-01T00:00:00"},
        {"area": 61.5, "rooms": 3, "district": None, "lift": None, "offered": "2024-05-01T00:00:00"},
    ]
    bundle = toys["rents"].bundle
    assert [one["score"] for one in found.json()["predictions"]] == bundle.score(bundle.parse(rows)).tolist()


def lines_of(rows):
    return "\n".join(map(json.dumps, rows)) + "\n"


@pytest.mark.parametrize("kind", JSON_LINES)
def test_json_lines_mean_the_same_rows(service, toy, kind):
    body = lines_of(rows_of(toy, 60))
    found = service.ask.post("/invocations", data=body, headers={"Content-Type": kind, "Accept": kind})
    assert (found.status_code, found.headers["content-type"]) == (200, kind), found.text
    expect_registered_answer(toy, frame_of(toy), [json.loads(line) for line in found.text.splitlines()])


@pytest.mark.parametrize("rows", [1, 60])
def test_answers_may_be_csv(service, toy, rows):
    body = {"instances": rows_of(toy, rows)}
    found = ask(service, body, Accept="text/csv")
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    predictions = ask(service, body).json()["predictions"]
    header, *lines = found.text.splitlines()
    assert header.split(",") == [*predictions[0]]
    plain = [
        [str(value).lower() if value in (True, False) else str(value) for value in row.values()] for row in predictions
    ]
    assert [line.split(",")[:-1] for line in lines] == [row[:-1] for row in plain]
    without = ask(service, body, Accept="text/csv; header=absent").text.splitlines()
    assert [line.split(",")[:-1] for line in without] == [row[:-1] for row in plain]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; Header=Absent", "text/csv;header=absent"),
        ("application/xml, text/csv;q=0.5, application/jsonlines", "application/jsonlines"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=x, application/json;q=0.1", "application/json"),
        ("application/json;q=0.2, text/csv;q=0.9", "text/csv"),
    ],
)
def test_the_form_of_an_answer_is_the_one_that_the_client_prefers(accept, chosen):
    assert choose_media_type(accept.lower()) == chosen


def test_a_line_that_does_not_fit_is_named(churn_service):
    for line, status, said in (
        ("{", 400, "Row 1: Malformed JSON"),
        ('{"plan": "basic", "months": 7, "months": 8}', 400, "Row 1: Duplicate key"),
        ('{"plan": "basic"}', 422, "Row 1, field months: expected an integer from 0 to 600, found nothing"),
        ("7", 422, "Row 1: expected an object"),
    ):
        body = lines_of([GOOD]) + "\n" + line
        found = churn_service.ask.post("/invocations", data=body, headers={"Content-Type": "application/jsonlines"})
        assert found.status_code == status, found.text
        assert said in found.json()["detail"]


def test_vertex_ai_sends_parameters(churn_service):
    for parameters in (None, {}):
        found = ask(churn_service, {"instances": [GOOD], "parameters": parameters})
        assert [*found.json()["predictions"][0]] == ["score", "label", "prediction_id"], found.text


def test_each_prediction_is_in_the_log_and_takes_feedback(churn_service, churn):
    found = client_of(churn_service).invoke(frame_of(churn, 3)).get_predictions()
    logged = {entry.id: entry for entry in read_log(churn_service.log) if hasattr(entry, "score")}
    for identifier, score in zip(found["prediction_id"], found["score"], strict=True):
        assert logged[identifier].score == score
        sent = {"prediction_id": identifier, "outcome": True}
        assert churn_service.ask.post("/feedback", json=sent).status_code == 202


def test_a_nan_inside_of_a_text_stays_text(services, toys):
    row = {"area": 61.5, "rooms": 3, "district": 'NaN, "NaN" \\', "lift": None, "offered": "2024-05-01T00:00:00"}
    body = json.dumps({"instances": [row, row | {"lift": float("nan"), "district": float("nan")}]})
    assert body.count("NaN") == 4
    assert ask(services["rents"], body).status_code == 200
    last = [entry for entry in read_log(services["rents"].log) if hasattr(entry, "inputs")][-2:]
    assert [entry.inputs["district"] for entry in last] == [row["district"], None]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([GOOD], "found an array"),
        ({}, "exactly one of"),
        ({"rows": [GOOD]}, "exactly one of"),
        ({"instances": [GOOD], "inputs": [GOOD]}, "exactly one of"),
        ({"instances": [GOOD], "signature_name": "x"}, "exactly one of"),
        ({"instances": [GOOD], "params": {"threshold": 0.1}}, "no params"),
        ({"instances": [GOOD], "params": []}, "no params"),
        ({"instances": [GOOD], "parameters": {"threshold": 0.1}}, "no parameters"),
        ({"instances": [["basic", 7]]}, "without names"),
        ({"inputs": [["basic", 7]]}, "without names"),
        ({"dataframe_records": {"plan": "basic"}}, "array of records"),
        ({"dataframe_split": [GOOD]}, "columns, data"),
        ({"dataframe_split": {"data": [["basic", 7]]}}, "columns, data"),
        ({"dataframe_split": {"columns": ["plan"], "data": [["basic"]], "dtypes": []}}, "columns, data"),
        ({"dataframe_split": {"columns": "plan", "data": [["basic"]]}}, "array of texts"),
        ({"dataframe_split": {"columns": [0, 1], "data": [["basic", 7]]}}, "array of texts"),
        ({"dataframe_split": {"columns": ["plan", "months"], "data": [["basic", 7], ["basic"]]}}, "Row 1"),
        ({"dataframe_split": {"columns": ["plan", "months"], "data": [GOOD]}}, "Row 0"),
        ({"dataframe_split": {"columns": ["plan", "months"], "data": {"0": 1}}}, "array of rows"),
        ({"dataframe_split": {"columns": ["plan", "months"], "data": [["basic", 7]], "index": []}}, "its length"),
        ({"dataframe_split": {"columns": ["plan", "months"], "data": []}}, "at least one row"),
        ({"inputs": {"plan": ["basic", "basic"], "months": [7]}}, "lengths from 1 to 2"),
        ({"inputs": {"plan": ["basic"], "months": 7}}, "found both"),
        ({"inputs": {"plan": [], "months": []}}, "at least one row"),
        ({"inputs": "basic"}, "found text"),
    ],
)
def test_what_is_none_of_the_forms_is_refused_with_the_reason(churn_service, document, said):
    found = ask(churn_service, document)
    assert (found.status_code, found.json()["type"]) == (422, "urn:slipway:invalid-request"), found.text
    assert said in found.json()["detail"]


@pytest.mark.parametrize(
    ("column", "value", "expected", "instead"),
    [
        ("months", 7.5, "an integer from 0 to 600", "a number"),
        ("months", 1e300, "an integer from 0 to 600", "a number"),
        ("months", float("nan"), "an integer from 0 to 600", "null"),
        ("plan", float("nan"), "one of basic, family, plus", "null"),
        ("plan", "NaT", "one of basic, family, plus", "other text"),
        ("paperless", 1.0, "true or false, or null", "a number"),
        ("joined", "2024-05-01T00:00:00", "a timestamp with a time zone, such as 2024-05-01T13:30:00Z, or null", ""),
        ("colour", 1, "one of plan, town, joined, months, usage, paperless", "an unknown field"),
    ],
)
def test_a_value_that_is_not_the_contracts_is_refused_by_row_and_field(churn_service, column, value, expected, instead):
    columns = list(GOOD | {column: value})
    data = [[GOOD.get(name) for name in columns], list((GOOD | {column: value}).values())]
    found = ask(churn_service, {"dataframe_split": {"columns": columns, "data": data}})
    assert found.status_code == 422, found.text
    fault = next(fault for fault in found.json()["errors"] if fault["row"] == 1)
    assert (fault["field"], fault["expected"]) == (column, expected)
    assert instead in fault["found"]


def test_times_with_a_zone_are_refused_where_the_contract_wants_none(services, toys):
    row = rows_of(toys["rents"], 1)[0] | {"offered": "2024-05-01T00:00:00+02:00"}
    found = ask(services["rents"], {"instances": [row]})
    assert (found.status_code, found.json()["errors"][0]["field"]) == (422, "offered")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "malformed-json"),
        ("{", "malformed-json"),
        ("NaN NaN", "malformed-json"),
        ('{NaN: [{"plan": "basic"}]}', "malformed-json"),
        ('{"instances": [{"plan": "basic", "months": 7, "usage": -NaN}]}', "malformed-json"),
        ('{"instances": [{"plan": "basic", "months": 7, "usage": Infinity}]}', "malformed-json"),
        ('{"instances": [{"plan": "basic", "months": 7, "usage": -Infinity, "town": NaN}]}', "malformed-json"),
        ('{"instances": [{"plan": "basic", "months": 7, "usage": 1e400, "town": NaN}]}', "invalid-row"),
        ('{"instances": [{"plan": "basic", "months": 7, "months": 8}]}', "duplicate-key"),
        ('{"instances": [{"plan": "basic", "months": 7, "months": NaN}]}', "duplicate-key"),
        ('{"instances": [], "instances": [{"plan": "basic", "months": 7}]}', "duplicate-key"),
        (
            '{"dataframe_split": {"columns": ["plan", "months", "plan"], "data": [["plus", 7, "plus"]]}}',
            "duplicate-key",
        ),
        (b'{"instances": [{"plan": "basic", "months": 7, "town": "\xff"}]}', "malformed-json"),
        ('{"instances": ' + "[" * 100_000, "malformed-json"),
        ('{"a": "\\"' + '"\\"' * 200_000 + "NaN\\", "malformed-json"),
    ],
)
def test_json_is_read_as_strictly_as_elsewhere_but_for_nan(churn_service, body, reason):
    found = ask(churn_service, body)
    assert (found.status_code // 100, found.json()["type"]) == (4, f"urn:slipway:{reason}"), found.text
    assert found.elapsed.total_seconds() < 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("", 422, "header line"),
        ("\n\n", 422, "header line"),
        ("plan,months\n", 422, "at least one row"),
        ("plan,months\nbasic,7,8\n", 422, "Row 0: expected 2 values"),
        ("plan,months\nbasic,7\nbasic\n", 422, "Row 1: expected 2 values"),
        ("plan,months,plan\nbasic,7,basic\n", 400, "Duplicate name"),
        ('plan,months\n"basic"x,7\n', 400, "Malformed CSV"),
        ('plan,months\n"basic,7\n', 400, "Malformed CSV"),
        (b"plan,months\nb\xff,7\n", 400, "UTF-8"),
        ("plan,months\n" + "x" * 200_000 + ",7\n", 400, "Malformed CSV"),
        ("plan,months\nbasic,\n", 422, "field months: expected an integer from 0 to 600, found null"),
        ("plan,months\nbasic,seven\n", 422, "field months: expected an integer from 0 to 600, found text"),
        ("plan,months\nbasic,7.5\n", 422, "field months: expected an integer from 0 to 600"),
        ("plan,months\nbasic,1_0\n", 422, "field months: expected an integer from 0 to 600, found text"),
        ("plan,months\nbasic,\u0663\n", 422, "field months: expected an integer from 0 to 600, found text"),
        ("plan,months\nbasic," + "9" * 5000 + "\n", 422, "out of range: expected 64 bits"),
        (
            "plan,months,usage\nbasic,7,inf\n",
            422,
            "field usage: expected a number at least 0 (h/day), or null, found text",
        ),
        (
            "plan,months,usage\nbasic,7,nan\n",
            422,
            "field usage: expected a number at least 0 (h/day), or null, found text",
        ),
        ("plan,months,usage\nbasic,7,1e400\n", 422, "out of range: expected 64 bits"),
        ("plan,months,paperless\nbasic,7,yes\n", 422, "field paperless: expected true or false, or null"),
        ("plan,months,joined\nbasic,7,2024-05-01\n", 422, "field joined: expected a timestamp with a time zone"),
        ("plan,months,colour\nbasic,7,red\n", 422, "field colour: expected one of plan, town"),
        (",plan,months\n0,basic,7\n", 422, "found an unknown field"),
        ("basic,7\nplus,9\n", 422, "header line with the names of the contract's fields (plan, town, "),
        ("plan;months\nbasic;7\n", 422, "with commas between them, found a first line with none of them"),
    ],
)
def test_csv_that_does_not_fit_is_refused_with_the_reason(churn_service, body, status, said):
    sent = body if isinstance(body, bytes) else body.encode()
    found = churn_service.ask.post("/invocations", data=sent, headers=CSV)
    assert found.status_code == status, found.text
    assert said in found.json()["detail"]


@pytest.mark.parametrize("form", ["split", "records", "columns", "csv"])
def test_more_rows_than_allowed_are_refused_before_anything_is_made_of_them(churn_service, form):
    """In the forms that are turned into rows, a row behind the limit that does not fit is never looked at."""
    number = 1001
    if form == "csv":
        body = "plan,months\n" + "basic,7\n" * number + "no,row,here\n"
        found = churn_service.ask.post("/invocations", data=body, headers=CSV)
    else:
        documents = {
            "split": {"dataframe_split": {"columns": ["plan", "months"], "data": [["basic", 7]] * number + [[]]}},
            "records": {"dataframe_records": [GOOD] * number},
            "columns": {"inputs": {"plan": ["basic"] * number, "months": [7] * number}},
        }
        found = ask(churn_service, documents[form])
    assert (found.status_code, found.json()["type"]) == (422, "urn:slipway:too-many-rows")
    assert "expected at most 1000" in found.json()["detail"]


def test_a_float_is_whole_only_where_it_is_exact():
    assert [type(to_integer(value)) for value in (529.0, -0.0, 2.0**52, 2.0**53, -(2.0**60), 1e300, 0.5, 7, True)] == [
        *[int] * 3,
        *[float] * 4,
        int,
        bool,
    ]
    assert to_integer(529.0) == 529


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json+x"])
def test_other_content_types_are_refused(churn_service, content_type):
    found = churn_service.ask.post("/invocations", data=b"{}", headers={"Content-Type": content_type})
    assert (found.status_code, found.json()["type"]) == (415, "urn:slipway:content-type")


def test_batches_and_single_rows_get_the_same_answers(service, toy):
    rows = rows_of(toy, 30)
    together = ask(service, {"instances": rows}).json()["predictions"]
    alone = [ask(service, {"instances": [row]}).json()["predictions"][0] for row in rows]
    for one in (*together, *alone):
        msgspec.convert(one.pop("prediction_id"), str)
    assert together == alone


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_it_fail(churn_service, data):
    """Random bytes, and good requests with some of their bytes changed, cut or repeated."""
    good = data.draw(
        st.sampled_from(
            [
                (b'{"dataframe_split":{"columns":["plan","months","usage"],"data":[["basic",7.0,NaN]]}}', JSON),
                (b'{"inputs":{"plan":["basic"],"months":[7],"joined":["2024-05-01T00:00:00Z"]}}', JSON),
                (b"plan,months,joined,usage\nbasic,7,2024-05-01 00:00:00+00:00,1e5\n", CSV),
            ]
        )
    )
    body = bytearray(good[0])
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=4)):
        body[place] = data.draw(st.integers(0, 255))
    body = bytes(body[: data.draw(st.integers(0, len(body)))]) + data.draw(st.binary(max_size=20))
    found = churn_service.ask.post("/invocations", data=body, headers=good[1])
    assert found.status_code in (200, 400, 422), found.text


Json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(list(GOOD)), inner)
    ),
    max_leaves=8,
)


@given(form=st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params"]), value=Json)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_document_makes_it_fail(churn_service, form, value):
    found = ask(churn_service, {form: value})
    assert found.status_code in (200, 400, 422), found.text
    split = ask(churn_service, {"dataframe_split": {"columns": ["plan", "months"], "data": [["basic", value]]}})
    assert split.status_code in (200, 400, 422), split.text
