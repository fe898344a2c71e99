"""The Open Inference Protocol v2, asked by a client that is not ours, by hand, and by bytes that mean nothing."""

import json
import struct

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toybox import rows_of
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from slipway.columns import frame_to_columns
from slipway.serving.log.reader import read_log
from slipway.serving.protocols.open_inference_documents import model_metadata, output_tensors, server_metadata

LENGTH = "Inference-Header-Content-Length"
NUMPY = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}
MISSING = {"FP64": np.nan, "BYTES": ""}


@pytest.fixture
def client(service):
    with triton.InferenceServerClient(service.url.removeprefix("http://")) as found:
        yield found


@pytest.fixture
def churn_client(churn_service):
    with triton.InferenceServerClient(churn_service.url.removeprefix("http://")) as found:
        yield found


def column_of(datatype, values):
    """One column of plain rows as an array of the datatype, as the protocol's documentation has it."""
    words = {True: "true", False: "false"}
    plain = [MISSING[datatype] if value is None else value for value in values]
    if datatype == "BYTES":
        plain = [words[value] if isinstance(value, bool) else value for value in plain]
    return np.array(plain, dtype=NUMPY[datatype])


def inputs_of(toy, rows, binary=True, **arrays):
    """The rows as inputs of the client; `arrays` replaces some columns by other arrays."""
    found = []
    for described in model_metadata(toy.bundle)["inputs"]:
        name = described["name"]
        array = arrays.get(name, column_of(described["datatype"], [row[name] for row in rows]))
        given = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        found.append(given.set_data_from_numpy(array, binary_data=binary))
    return found


def expected_scores(toy, rows):
    return toy.bundle.score(toy.bundle.parse(rows))


def expect_answer(toy, rows, result):
    """Every output, exactly as the bundle has it."""
    scores = expected_scores(toy, rows)
    found = result.as_numpy("scores" if toy.problem.task == "multiclass" else "score")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, scores)
    if toy.problem.task == "regression":
        assert result.as_numpy("label") is None
    else:
        labels = result.as_numpy("label").tolist()
        plain = [label.decode() if isinstance(label, bytes) else label for label in labels]
        assert plain == toy.bundle.label(scores).tolist()
    assert len(set(result.as_numpy("prediction_id").tolist())) == len(rows)


def document_of(rows, fields=("plan", "months")):
    """A request in JSON with two of churn's columns."""
    datatypes = {"plan": "BYTES", "months": "INT64"}
    return {
        "inputs": [
            {"name": name, "shape": [len(rows)], "datatype": datatypes[name], "data": [row[name] for row in rows]}
            for name in fields
        ]
    }


ROWS = [{"plan": "basic", "months": 7}, {"plan": "family", "months": 119}]


def ask(service, document, rest=b"", path="/v2/models/churn/infer", **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    if rest:
        headers[LENGTH] = str(len(body))
    return service.ask.post(path, data=body + rest, headers=headers)


def expect_refusal(answer, said, status=422):
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_the_client_sees_a_live_and_ready_server_and_model(client, toy):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(toy.problem.name)
    assert client.is_model_ready(toy.problem.name, toy.bundle.digest[:12])
    assert client.get_server_metadata() == server_metadata()
    assert client.get_model_metadata(toy.problem.name) == model_metadata(toy.bundle)
    assert client.get_model_metadata(toy.problem.name, toy.bundle.digest) == model_metadata(toy.bundle)


def test_metadata_has_every_field_and_every_output_of_the_task(toys):
    churn = model_metadata(toys["churn"].bundle)
    assert churn["inputs"] == [
        {"name": "plan", "datatype": "BYTES", "shape": [-1]},
        {"name": "town", "datatype": "BYTES", "shape": [-1]},
        {"name": "joined", "datatype": "BYTES", "shape": [-1]},
        {"name": "months", "datatype": "INT64", "shape": [-1]},
        {"name": "usage", "datatype": "FP64", "shape": [-1]},
        {"name": "paperless", "datatype": "BYTES", "shape": [-1]},
    ]
    assert (churn["name"], churn["platform"]) == ("churn", "onnx")
    assert churn["versions"] == [toys["churn"].bundle.digest[:12]]
    outputs = {name: output_tensors(toy.bundle.manifest) for name, toy in toys.items()}
    assert outputs == {
        "churn": (("score", "FP64", None), ("label", "BOOL", None), ("prediction_id", "BYTES", None)),
        "crops": (("scores", "FP64", 3), ("label", "BYTES", None), ("prediction_id", "BYTES", None)),
        "rents": (("score", "FP64", None), ("prediction_id", "BYTES", None)),
    }
    crops = model_metadata(toys["crops"].bundle)
    assert crops["inputs"][3] == {"name": "irrigated", "datatype": "BOOL", "shape": [-1]}
    assert crops["outputs"][0] == {"name": "scores", "datatype": "FP64", "shape": [-1, 3]}


@pytest.mark.parametrize("number", [1, 60])
def test_binary_tensors_get_exactly_the_bundles_scores(client, toy, number):
    rows = rows_of(toy, number)
    result = client.infer(toy.problem.name, inputs_of(toy, rows), request_id="order-17")
    expect_answer(toy, rows, result)
    response = result.get_response()
    assert (response["id"], response["model_name"]) == ("order-17", toy.problem.name)
    assert response["model_version"] == toy.bundle.digest[:12]
    outputs = model_metadata(toy.bundle)["outputs"]
    assert [output["name"] for output in response["outputs"]] == [output["name"] for output in outputs]
    for output in response["outputs"]:
        assert output["parameters"]["binary_data_size"] > 0
        assert "data" not in output


def test_json_tensors_get_exactly_the_bundles_scores(client, toy):
    rows = [row for row in rows_of(toy, 60) if all(value is not None for value in row.values())]
    assert len(rows) > 20
    names = [output["name"] for output in model_metadata(toy.bundle)["outputs"]]
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in names]
    result = client.infer(toy.problem.name, inputs_of(toy, rows, binary=False), outputs=wanted)
    expect_answer_in_json(toy, rows, result.get_response())


def expect_answer_in_json(toy, rows, response):
    found = {output["name"]: output["data"] for output in response["outputs"]}
    scores = expected_scores(toy, rows)
    assert found.get("scores", found.get("score")) == scores.ravel().tolist()
    assert len(found["prediction_id"]) == len(rows)
    if toy.problem.task != "regression":
        assert found["label"] == toy.bundle.label(scores).tolist()


def test_null_is_missing_in_json(service, toy):
    rows = rows_of(toy, 40)
    assert any(value is None for row in rows for value in row.values())
    words = {True: "true", False: "false"}
    inputs = []
    for described in model_metadata(toy.bundle)["inputs"]:
        values = [row[described["name"]] for row in rows]
        if described["datatype"] == "BYTES":
            values = [words[value] if isinstance(value, bool) else value for value in values]
        inputs.append(described | {"shape": [len(rows)], "data": values})
    found = ask(service, {"inputs": inputs}, path=f"/v2/models/{toy.problem.name}/infer")
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == "application/json"
    expect_answer_in_json(toy, rows, found.json())


def test_a_frames_scores_are_the_bundles(client, toy):
    """The columns as pandas has them, not by way of rows."""
    columns = frame_to_columns(toy.bundle.fields, toy.holdout.head(50))
    result = client.infer(toy.problem.name, inputs_of(toy, rows_of(toy, 50)))
    found = result.as_numpy("scores" if toy.problem.task == "multiclass" else "score")
    np.testing.assert_array_equal(found, toy.bundle.score(columns))


def test_a_version_may_be_named_short_or_whole(client, toy):
    rows = rows_of(toy, 2)
    for version in ("", toy.bundle.digest[:12], toy.bundle.digest):
        expect_answer(toy, rows, client.infer(toy.problem.name, inputs_of(toy, rows), model_version=version))


def test_json_and_binary_may_be_mixed_both_ways(churn_client, churn):
    rows = rows_of(churn, 30)
    inputs = inputs_of(churn, rows)
    inputs[3].set_data_from_numpy(column_of("INT64", [row["months"] for row in rows]), binary_data=False)
    inputs[0].set_data_from_numpy(column_of("BYTES", [row["plan"] for row in rows]), binary_data=False)
    wanted = [
        triton.InferRequestedOutput("prediction_id", binary_data=False),
        triton.InferRequestedOutput("label"),
        triton.InferRequestedOutput("score"),
    ]
    result = churn_client.infer("churn", inputs, outputs=wanted)
    expect_answer(churn, rows, result)
    described = result.get_response()["outputs"]
    assert [output["name"] for output in described] == ["prediction_id", "label", "score"]
    assert ["data" in output for output in described] == [True, False, False]


def test_only_the_outputs_that_are_asked_for_come_back(churn_client, churn):
    rows = rows_of(churn, 5)
    result = churn_client.infer("churn", inputs_of(churn, rows), outputs=[triton.InferRequestedOutput("score")])
    np.testing.assert_array_equal(result.as_numpy("score"), expected_scores(churn, rows))
    assert result.as_numpy("label") is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("months", lambda values: values.astype(np.int8)),
        ("months", lambda values: values.astype(np.uint16)),
        ("months", lambda values: values.astype(np.uint64)),
        ("months", lambda values: values.astype(np.float64)),
        ("months", lambda values: values.astype(np.float32)),
        ("months", lambda values: values.reshape(-1, 1)),
        ("plan", lambda values: values.reshape(-1, 1)),
        ("plan", lambda values: values.astype(np.bytes_)),
        ("usage", lambda values: values.reshape(-1, 1)),
        ("paperless", lambda values: np.array([value.upper() for value in values], dtype=np.object_)),
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_other_types_and_shapes_of_the_same_values_mean_the_same(churn_client, churn, name, change, binary):
    rows = [row for row in rows_of(churn, 60) if all(value is not None for value in row.values())]
    (field,) = (each for each in model_metadata(churn.bundle)["inputs"] if each["name"] == name)
    changed = change(column_of(field["datatype"], [row[name] for row in rows]))
    expect_answer(churn, rows, churn_client.infer("churn", inputs_of(churn, rows, binary, **{name: changed})))


def test_single_precision_is_taken_for_numbers(churn_client, churn):
    rows = rows_of(churn, 20)
    narrow = column_of("FP64", [row["usage"] for row in rows]).astype(np.float32)
    result = churn_client.infer("churn", inputs_of(churn, rows, usage=narrow))
    same = [row | {"usage": None if np.isnan(value) else float(value)} for row, value in zip(rows, narrow, strict=True)]
    expect_answer(churn, same, result)


def test_truth_values_are_taken_where_none_is_missing(churn_client, churn):
    rows = [row | {"paperless": number % 3 == 0} for number, row in enumerate(rows_of(churn, 20))]
    truth = np.array([row["paperless"] for row in rows])
    for binary in (True, False):
        inputs = inputs_of(churn, [row | {"usage": 1.0} for row in rows], binary, paperless=truth)
        expect_answer(churn, [row | {"usage": 1.0} for row in rows], churn_client.infer("churn", inputs))


def test_nested_data_and_inputs_that_may_be_left_out(churn_service, churn):
    document = document_of(ROWS)
    document["inputs"][0] |= {"shape": [2, 1], "data": [["basic"], ["family"]]}
    document["inputs"][1] |= {"shape": [2, 1]}
    found = ask(churn_service, document)
    expect_answer_in_json(churn, ROWS, found.json())
    assert "id" not in found.json()


def test_each_prediction_is_in_the_log_and_takes_feedback(churn_client, churn_service, churn):
    rows = rows_of(churn, 3)
    result = churn_client.infer("churn", inputs_of(churn, rows))
    logged = {entry.id: entry for entry in read_log(churn_service.log) if hasattr(entry, "score")}
    for identifier, score in zip(result.as_numpy("prediction_id"), result.as_numpy("score"), strict=True):
        assert logged[identifier.decode()].score == score
        sent = {"prediction_id": identifier.decode(), "outcome": False}
        assert churn_service.ask.post("/feedback", json=sent).status_code == 202


def test_the_client_understands_a_refusal(churn_client, churn):
    rows = [row | {"months": 601} for row in rows_of(churn, 2)]
    with pytest.raises(InferenceServerException) as refused:
        churn_client.infer("churn", inputs_of(churn, rows))
    assert refused.value.status() == "422"
    assert refused.value.message().startswith("Row 0, field months: expected an integer from 0 to 600")


def changed_input(place, **changed):
    document = document_of(ROWS)
    document["inputs"][place] |= changed
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "Invalid inference request"),
        ({}, "Invalid inference request"),
        ({"inputs": []}, "Missing inputs: plan, months"),
        ({"inputs": [{}]}, "Invalid inference request"),
        (changed_input(0, shape=2), "Invalid inference request"),
        (changed_input(0, shape=[-2]), "Invalid inference request"),
        (changed_input(0, shape=[2.5]), "Invalid inference request"),
        (changed_input(0, shape=[2**31]), "Invalid inference request"),
        (changed_input(0, shape=[10**30]), "Invalid inference request"),
        (changed_input(0, parameters=[]), "Invalid inference request"),
        (document_of(ROWS) | {"id": 7}, "Invalid inference request"),
        (document_of(ROWS) | {"outputs": ["score"]}, "Invalid inference request"),
        (document_of(ROWS, ["plan"]), "Missing inputs: months"),
        ({"inputs": document_of(ROWS)["inputs"] * 2}, "Input plan: expected once, found twice"),
        (changed_input(0, name="colour"), "Input 0, colour: expected one of plan, town"),
        (changed_input(0, name="<b>colour"), "Input 0, (not shown): expected one of plan, town"),
        (changed_input(0, shape=[]), "Input plan: expected the shape"),
        (changed_input(0, shape=[0]), "Input plan: expected the shape"),
        (changed_input(1, shape=[3]), "Input months: expected the shape"),
        (changed_input(1, shape=[1, 2]), "Input months: expected the shape"),
        (changed_input(1, shape=[2, 2]), "Input months: expected the shape"),
        (changed_input(1, shape=[2, 1, 1]), "Input months: expected the shape"),
        (changed_input(1, datatype="BYTES"), "Input months: expected the datatype FP64"),
        (changed_input(1, datatype="BF16"), "Input months: expected the datatype FP64"),
        (changed_input(0, datatype="INT64"), "Input plan: expected the datatype BYTES"),
        (changed_input(1, data=[7]), "Input months: expected data as an array of 2 values"),
        (changed_input(1, data=7), "Input months: expected data as an array of 2 values"),
        (changed_input(1, data=None), "Input months: expected data as an array of 2 values"),
        (changed_input(1, data=[[7], [8]]), "Input months: expected data of the datatype that it declares"),
        (changed_input(1, data=[[7], 8], shape=[2, 1]), "Input months: expected data nested as the shape says"),
        (changed_input(1, data=[[7, 8], []], shape=[2, 1]), "Input months: expected data nested as the shape says"),
        (changed_input(1, data=[7.5, 8]), "Input months: expected data of the datatype that it declares, INT64"),
        (changed_input(1, data=[True, 8]), "Input months: expected data of the datatype that it declares, INT64"),
        (changed_input(1, data=["7", "8"]), "Input months: expected data of the datatype that it declares, INT64"),
        (
            changed_input(1, data=[300, 8], datatype="INT8"),
            "Input months: expected data of the datatype that it declares, INT8",
        ),
        (
            changed_input(1, data=[-1, 8], datatype="UINT64"),
            "Input months: expected data of the datatype that it declares, UINT64",
        ),
        (changed_input(1, data=[7, None]), "Row 1, field months: expected an integer from 0 to 600, found null"),
        (changed_input(1, data=[7, 8.5], datatype="FP64"), "Row 1, field months: expected an integer from 0 to 600"),
        (changed_input(1, data=[7, 601]), "Row 1, field months: expected an integer from 0 to 600"),
        (changed_input(0, data=["basic", ""]), "Row 1, field plan: expected one of basic, family, plus"),
        (changed_input(1, parameters={"binary_data_size": 16}), "either data or the parameter binary_data_size"),
        (changed_input(1, parameters={"shared_memory_region": "x"}), "either data or the parameter binary_data_size"),
        (document_of(ROWS) | {"outputs": [{"name": "logits"}]}, "Expected outputs among score, label, prediction_id"),
        (document_of(ROWS) | {"outputs": [{"name": "score"}] * 2}, "each once"),
        (
            document_of(ROWS) | {"outputs": [{"name": "score", "parameters": {"classification": 2}}]},
            "shared memory or classification",
        ),
        (
            document_of(ROWS) | {"outputs": [{"name": "score", "parameters": {"shared_memory_region": "x"}}]},
            "shared memory or classification",
        ),
        (document_of(ROWS) | {"parameters": {"binary_data_output": 1}}, "true or false"),
        (document_of(ROWS) | {"outputs": [{"name": "score", "parameters": {"binary_data": "x"}}]}, "true or false"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_name(churn_service, document, said):
    expect_refusal(ask(churn_service, document), said)


def behind(**changed):
    """A request whose months stand in bytes behind the JSON."""
    document = changed_input(1, parameters={"binary_data_size": 16} | changed)
    del document["inputs"][1]["data"]
    return document


MONTHS = struct.pack("<2q", 7, 119)


def with_plans(size):
    document = behind()
    del document["inputs"][0]["data"]
    document["inputs"][0]["parameters"] = {"binary_data_size": size}
    return document


@pytest.mark.parametrize(
    ("document", "rest", "said"),
    [
        (behind(), MONTHS[:-1], "binary_data_size of at most the bytes"),
        (behind(), MONTHS + b"x", "as many bytes after the JSON"),
        (behind(binary_data_size=8), MONTHS[:8], "expected 16 bytes for its shape and datatype, found 8"),
        (behind(binary_data_size=-1), MONTHS, "binary_data_size of at most the bytes"),
        (behind(binary_data_size=2**62), MONTHS, "binary_data_size of at most the bytes"),
        (behind(binary_data_size=True), MONTHS, "binary_data_size of at most the bytes"),
        (behind(binary_data_size=16.0), MONTHS, "binary_data_size of at most the bytes"),
        (document_of(ROWS), MONTHS, "as many bytes after the JSON"),
        (with_plans(8), struct.pack("<I4s", 5, b"basi") + MONTHS, "end within its bytes; row 0"),
        (with_plans(8), struct.pack("<I4s", 2**32 - 1, b"basi") + MONTHS, "end within its bytes; row 0"),
        (with_plans(3), b"\5\0\0" + MONTHS, "2 texts, each after its length, found 0"),
        (with_plans(9), struct.pack("<I5s", 5, b"basic") + MONTHS, "2 texts, each after its length, found 1"),
        (with_plans(17), struct.pack("<I5sII", 5, b"basic", 0, 0) + MONTHS, "no bytes after its 2 texts"),
        (with_plans(9), struct.pack("<I1sI", 1, b"\xff", 0) + MONTHS, "text in UTF-8; row 0 is not"),
        (with_plans(0), MONTHS, "2 texts, each after its length, found 0"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(churn_service, document, rest, said):
    expect_refusal(ask(churn_service, document, rest), said)


def test_infinity_is_refused_and_nan_only_taken_where_a_value_may_be_missing(churn_client, churn):
    rows = rows_of(churn, 3)
    for value, said in ((np.inf, "found infinity"), (-np.inf, "found infinity")):
        with pytest.raises(InferenceServerException, match=rf"Row 2, field usage.*{said}"):
            churn_client.infer("churn", inputs_of(churn, rows, usage=np.array([1.0, np.nan, value])))
    with pytest.raises(InferenceServerException, match=r"Row 1, field months.*found null"):
        churn_client.infer("churn", inputs_of(churn, rows, months=np.array([1.0, np.nan, 2.0])))


def test_a_truth_value_is_a_byte_of_0_or_1(services, toys):
    rows = rows_of(toys["crops"], 2)
    inputs = [given._get_tensor() for given in inputs_of(toys["crops"], rows)]
    contents = [given._get_binary_data() for given in inputs_of(toys["crops"], rows)]
    assert inputs[3]["datatype"] == "BOOL"
    path = "/v2/models/crops/infer"
    assert ask(services["crops"], {"inputs": inputs}, b"".join(contents), path).status_code == 200
    contents[3] = b"\0\2"
    expect_refusal(ask(services["crops"], {"inputs": inputs}, b"".join(contents), path), "bytes of 0 or 1")


@pytest.mark.parametrize("length", ["", "-1", "+5", "1e2", "9999", "9" * 5000, "0x10", "\xb2", "12 ", "1,1"])
def test_a_header_length_that_cannot_be_is_refused(churn_service, length):
    body = json.dumps(document_of(ROWS)).encode()
    found = churn_service.ask.post("/v2/models/churn/infer", data=body, headers={LENGTH: length.encode("latin-1")})
    assert found.status_code in (400, 422, 431), found.text


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_a_header_length_in_the_middle_of_the_json_is_refused(churn_service, cut):
    body = json.dumps(document_of(ROWS)).encode()
    length = cut if cut >= 0 else len(body) - 1
    found = churn_service.ask.post("/v2/models/churn/infer", data=body, headers={LENGTH: str(length)})
    assert (found.status_code, found.json()["type"]) == (400, "urn:slipway:malformed-json")


def test_more_rows_than_allowed_are_refused_before_their_bytes_are_read(churn_service):
    expect_refusal(ask(churn_service, document_of(ROWS * 501)), "at most 1000 in a request")
    claimed = [{"name": name, "shape": [2**31 - 1], "datatype": "INT64", "data": []} for name in ("plan", "months")]
    expect_refusal(ask(churn_service, {"inputs": claimed}), "at most 1000 in a request")


def test_json_is_as_strict_as_elsewhere(churn_service):
    body = json.dumps(document_of(ROWS))
    for bad in (body.replace("7", "NaN"), body.replace("7", "Infinity"), body[:-1]):
        expect_refusal(ask(churn_service, bad.encode()), "Malformed JSON", 400)
    doubled = body.replace('"shape"', '"shape": [1], "shape"', 1)
    expect_refusal(ask(churn_service, doubled.encode()), "Duplicate key", 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/csv"])
def test_other_content_types_are_refused(churn_service, content_type):
    found = ask(churn_service, document_of(ROWS), **{"Content-Type": content_type})
    assert (found.status_code, found.json()["type"]) == (415, "urn:slipway:content-type")


def test_other_models_and_versions_are_not_here(churn_service, churn):
    for path in ("other", "churn/versions/1", f"churn/versions/{churn.bundle.digest[:11]}", "churn/versions/"):
        found = ask(churn_service, document_of(ROWS), path=f"/v2/models/{path}/infer")
        assert found.status_code == 404, found.text


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_and_no_header_length_make_it_fail(churn_service, data):
    """Random bytes, and good requests with some of their bytes changed, cut or repeated."""
    good = json.dumps(with_plans(22)).encode()
    good += struct.pack("<I5sI6s", 5, b"basic", 6, b"family") + b"\0\0\0" + MONTHS
    if data.draw(st.booleans()):
        body = data.draw(st.binary(max_size=200))
    else:
        body = bytearray(good)
        for place in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=4)):
            body[place] = data.draw(st.integers(0, 255))
        body = bytes(body[: data.draw(st.integers(0, len(body)))] + data.draw(st.binary(max_size=20)))
    length = data.draw(
        st.one_of(st.none(), st.integers(-5, len(body) + 5), st.just(good.index(b"\5\0\0\0")), st.integers())
    )
    headers = {} if length is None else {LENGTH: str(length)}
    found = churn_service.ask.post("/v2/models/churn/infer", data=body, headers=headers)
    assert found.status_code in (200, 400, 422), found.text


Json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(place=st.integers(0, 1), key=st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), value=Json)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_an_input_makes_it_fail(churn_service, place, key, value):
    found = ask(churn_service, changed_input(place, **{key: value}))
    assert found.status_code in (200, 400, 422), found.text
