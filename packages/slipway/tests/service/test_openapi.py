"""The description of the API is true: Schemathesis asks a running service all that it says, with every check."""

import calendar
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import serving
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from toybox import name_outcome, rows_of

from slipway.bundle import load_bundle
from slipway.contract import Kind
from slipway.serving.api.rows import RowReader
from slipway.serving.app.application import METRICS, OPEN
from slipway.serving.app.keys import Scope, new_key
from slipway.serving.error_responses import Refusal
from slipway.serving.log.join import join_outcomes
from slipway.serving.log.reader import read_log
from slipway.serving.settings import read_settings
from slipway.serving.site.openapi import describe_api
from slipway.serving.site.schema import describe_row

SCHEMATHESIS = Path(sys.executable).with_name("st")
# The same handler under another path: asked only in the run with keys, to save time.
TWICE = "--exclude-operation-id=v2_version_infer"


def run_schemathesis(folder, *options, config=""):
    """Make the same requests every time, with all checks; what it says if it finds nothing."""
    file = folder / "schemathesis.toml"
    file.write_text(config)
    done = subprocess.run(
        [str(SCHEMATHESIS), f"--config-file={file}", "run", "--generation-deterministic", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def joined(service):
    return {each.prediction.id for each in join_outcomes(read_log(service.log)).joined}


def test_every_answer_is_as_described_and_predictions_lead_to_feedback(service, tmp_path):
    before = joined(service)
    described = f"{service.url}/openapi.json"
    said = run_schemathesis(tmp_path, described, "--max-examples=6", "--continue-on-failure", TWICE)
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in said
    assert joined(service) - before, "no prediction got its feedback by the link of the description"


CONFIG = """
[auth.openapi]
bearer = {{ bearer = "{service}" }}
metrics = {{ bearer = "{metrics}" }}
"""


def test_with_keys_nothing_answers_without_one_but_what_the_description_leaves_open(churn, tmp_path):
    file = tmp_path / "keys.json"
    keys = {scope.value: new_key(file, scope.value, scope) for scope in Scope}
    described = tmp_path / "openapi.json"
    with serving(churn.bundle.path, tmp_path / "log", auth="keys", api_keys_file=file) as service:
        described.write_text(service.ask.get("/openapi.json", auth=("anybody", keys["service"])).text)
        run_schemathesis(
            tmp_path,
            str(described),
            f"--url={service.url}",
            "--phases=fuzzing",
            "--max-examples=2",
            config=CONFIG.format(**keys),
        )
        assert list(read_log(service.log)), "nobody got through"
        counted = service.ask.get("/metrics", headers={"Authorization": f"Bearer {keys['metrics']}"}).text
    assert 'slipway_rejects_total{reason="unauthorized"} 0' not in counted


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_the_description_is_openapi(toy, auth):
    given = {"SLIPWAY_AUTH": auth} | ({"SLIPWAY_API_KEYS_FILE": "keys.json"} if auth == "keys" else {})
    document = json.loads(json.dumps(describe_api(toy.bundle, read_settings(given))))
    OPENAPI_31_VALIDATOR.validate(document)
    for found in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(found)
    assert ("securitySchemes" in document["components"]) == (auth == "keys")
    for path, methods in document["paths"].items():
        (operation,) = methods.values()
        asked = {name for choice in operation.get("security", []) for name in choice}
        if auth == "none" or path in OPEN:
            assert not asked, path
        else:
            assert asked == ({"metrics"} if path == METRICS else {"bearer", "basic"}), path


def test_a_field_is_described_with_its_words_unit_and_limits(churn):
    fields = describe_row(churn.bundle)["properties"]
    assert fields["months"] == {"description": "Bills so far", "type": "integer", "minimum": 0, "maximum": 600}
    assert fields["usage"] | {"maximum": None} == {
        "description": "Mean use",
        "x-unit": "h/day",
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": None,
        "default": None,
    }
    assert fields["plan"]["enum"] == ["basic", "family", "plus"]
    assert fields["joined"]["format"] == "date-time"


def test_a_score_is_described_in_the_problems_words_or_by_the_positive_class(loose_bundle):
    for outcome, words in (("", "churn = true"), ("cancellation", "cancellation")):
        name_outcome(loose_bundle, outcome)
        schemas = describe_api(load_bundle(loose_bundle), read_settings({}))["components"]["schemas"]
        assert schemas["PredictResponse"]["properties"]["score"]["description"] == f"Probability: {words}."


@pytest.fixture
def validator(toy):
    """Of rows, by the description and nothing else."""
    return jsonschema_rs.Draft202012Validator(describe_row(toy.bundle), validate_formats=True)


def test_every_golden_row_is_allowed(toy, validator):
    for line in (toy.bundle.path / "golden.jsonl").read_text().splitlines():
        assert validator.is_valid(json.loads(line)["row"])


DATES = ("2024-02-28", "0001-01-01", "9998-12-31", "0000-01-01", "2024-00-10", "2024-13-10", "2024-01-00", "2024-01-32")
SEPARATORS = ("T", "t", "_", "")
CLOCKS = (
    "00:00:00",
    "23:59:59",
    "12:30:15.5",
    "12:30:15.123456789",
    "24:00:00",
    "12:60:00",
    "23:59:60",
    "12:30:15.",
)
ZONES = ("", "Z", "z", "+00:00", "-23:59", "+24:00", "+00:60", "+01", " Z")


@pytest.mark.parametrize("name", ["churn", "rents"])
def test_the_description_allows_the_times_that_the_service_takes(toys, name):
    bundle = toys[name].bundle
    (field,) = (field for field in bundle.fields if field.kind is Kind.TIMESTAMP)
    validator = jsonschema_rs.Draft202012Validator(
        describe_row(bundle)["properties"][field.name], validate_formats=True
    )
    row = rows_of(toys[name], 1)[0]
    allowed = 0
    for parts in product(DATES, SEPARATORS, CLOCKS, ZONES):
        text = "".join(parts)
        allowed += validator.is_valid(text)
        assert takes(bundle, json.dumps(row | {field.name: text})) == validator.is_valid(text), text
    assert allowed == 3 * 2 * 4 * (4 if field.zoned else 1)


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024, 8, 9996])
def test_the_description_allows_the_days_of_the_calendar(toys, year):
    """June 31 is a date to a pattern that counts to 31 in each month."""
    validator = jsonschema_rs.Draft202012Validator(describe_row(toys["rents"].bundle)["properties"]["offered"])
    for month, day in product(range(1, 13), range(1, 33)):
        real = day <= calendar.monthrange(year, month)[1]
        assert validator.is_valid(f"{year:04}-{month:02}-{day:02}T10:00:00") == real, (month, day)


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)


def values_of(field):
    """What the field takes, what it nearly takes, and anything else."""
    if field.categories:
        return st.sampled_from(field.categories) | ANYTHING
    if field.kind is Kind.CATEGORY:
        return st.from_regex(field.pattern or ".", fullmatch=True) | ANYTHING
    bounds = [bound for bound in (field.ge, field.gt, field.le, field.lt) if bound is not None]
    near = [value for bound in bounds for value in (int(bound), float(bound), bound - 1, bound + 1, bound + 0.5)]
    return st.sampled_from([*near, 0, -0.0, 1e308, 10**400, 10**4000, True]) | ANYTHING


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_description_allows_what_the_service_takes(toy, validator, data):
    row = dict(rows_of(toy, 1)[0])
    field = data.draw(st.sampled_from(toy.bundle.fields))
    row[field.name] = data.draw(values_of(field))
    row.pop(data.draw(st.sampled_from(["", "", "", *row])), None)
    body = json.dumps(row | data.draw(st.sampled_from([{}, {}, {"unknown": 1}])))
    assert takes(toy.bundle, body) == validator.is_valid(json.loads(body))


def takes(bundle, body):
    try:
        RowReader(bundle, 1).read(body.encode())
    except Refusal:
        return False
    return True
