"""The contract, the answers and the errors as JSON Schema (2020-12), as exact as what the service does."""

from typing import Any

import msgspec

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import LABEL, SCORE, SCORES, class_text
from slipway.columns import columns_to_rows, take_rows
from slipway.contract import Field, Kind
from slipway.problem import Task
from slipway.serving.api.feedback import UUID
from slipway.serving.problems import Reason

Schema = dict[str, Any]

# Golden rows begin with ordinary ones.
_ORDINARY = 8
# Beyond what a float of 64 bits holds everything is refused, whatever the contract allows.
_LARGEST = 1.7976931348623157e308
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_TIME = f"(?!0000)[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]{_CLOCK}"
_ZONE = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
# The patterns leave out what the formats allow and the service does not: the year 0000 and leap seconds. A space for
# the T and a zone without colon are read as well, but nobody is told to write them.
ZONED: Schema = {"type": "string", "format": "date-time", "pattern": f"^{_TIME}{_ZONE}$"}
# The format date-time demands a zone; this one, from OpenAPI's registry of formats, forbids it.
LOCAL: Schema = {"type": "string", "format": "date-time-local", "pattern": f"^{_TIME}$"}
IDENTIFIER: Schema = {"type": "string", "pattern": UUID, "maxLength": 36}
TEXT: Schema = {"type": "string"}


def row(bundle: Bundle) -> Schema:
    """What one row must be; units stand under `x-unit`."""
    _, found = msgspec.json.schema_components((bundle.contract,))
    declared = found[bundle.contract.__name__]
    properties = {field.name: _property(field, declared["properties"][field.name]) for field in bundle.fields}
    return declared | {"properties": properties, "examples": ordinary_rows(bundle)[:1]}


def ordinary_rows(bundle: Bundle) -> list[dict[str, Any]]:
    """A few rows as clients send them, those with the fewest missing values first."""
    columns, _ = bundle.golden()
    rows: list[dict[str, Any]] = msgspec.json.decode(
        msgspec.json.encode(columns_to_rows(bundle.fields, take_rows(columns, slice(_ORDINARY))))
    )
    return sorted(rows, key=lambda found: sum(value is None for value in found.values()))


def answer(manifest: Manifest) -> Schema:
    """What one row is answered with, without the model that gave it."""
    if manifest.task is Task.REGRESSION:
        return exact({"prediction_id": IDENTIFIER, SCORE: {"type": "number", "description": "Predicted value."}})
    label: Schema = {"enum": list(manifest.classes)}
    share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    if manifest.task is Task.MULTICLASS:
        scores = exact({class_text(name): share for name in manifest.classes})
        label["description"] = "The class with the highest probability."
        return exact({"prediction_id": IDENTIFIER, SCORES: scores, LABEL: label})
    last = class_text(manifest.classes[-1])
    label["description"] = f"{last} from a score of {manifest.threshold:g} on."
    score = share | {"description": f"Probability of {last}."}
    return exact({"prediction_id": IDENTIFIER, SCORE: score, LABEL: label})


def outcome(manifest: Manifest) -> Schema:
    """What `POST /feedback` takes for one prediction."""
    what: Schema = {"enum": list(manifest.classes)} if manifest.classes else {"type": "number"}
    return exact(
        {
            "prediction_id": IDENTIFIER | {"description": "The prediction_id of the prediction."},
            "outcome": what | {"description": "Actual outcome."},
            "observed_at": nullable(ZONED) | {"description": "When the outcome was observed."},
            "source": nullable({"type": "string", "minLength": 1, "maxLength": 100})
            | {"description": "Where the outcome comes from."},
            "supersedes": nullable(IDENTIFIER) | {"description": "The feedback_id that this corrects."},
        },
        required=["prediction_id", "outcome"],
    )


def problem() -> Schema:
    """An error (RFC 9457)."""
    fault = exact(
        {
            "row": {"type": "integer", "minimum": 0, "description": "Counted from 0."},
            "field": {"type": ["string", "null"], "description": "null for the row as a whole."},
            "expected": TEXT,
            "found": TEXT | {"description": "Kind of the value found, never the value."},
        }
    )
    return exact(
        {
            "type": {
                "enum": [f"urn:slipway:{reason}" for reason in Reason],
                "description": "Kind of problem, for programs.",
            },
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": TEXT | {"description": "What failed, for people."},
            "request_id": TEXT | {"description": "As in the header X-Request-Id."},
            "errors": {"type": "array", "items": fault, "minItems": 1, "maxItems": 20},
        },
        required=["type", "title", "status", "detail", "request_id"],
    )


def version(manifest: Manifest) -> Schema:
    """What `GET /version` answers."""
    return exact(
        {
            "model": {"$ref": "#/components/schemas/Model"},
            "task": {"const": manifest.task.value},
            "since": {"type": "string", "format": "date-time", "description": "Start of the service."},
            "workers": {"type": "integer", "minimum": 1},
        }
    )


def state(word: str) -> Schema:
    """What a probe answers."""
    return exact({"status": {"const": word}})


def exact(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """An object with these properties and no others; all of them are required unless some are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def nullable(found: Schema) -> Schema:
    """The same, or null; constraints of JSON Schema bind only the type that they speak of."""
    if "enum" in found:
        found = found | {"enum": [*found["enum"], None]}
    return found | {"type": [found["type"], "null"]}


def _property(field: Field, declared: Schema) -> Schema:
    (core,) = (part for part in declared.get("anyOf", [declared]) if part != {"type": "null"})
    found = {name: value for name, value in {**declared, **core}.items() if name not in ("anyOf", "unit")}
    if field.unit:
        found["x-unit"] = field.unit
    if field.pattern:
        # Python's end of a text has another name elsewhere.
        found["pattern"] = field.pattern.replace(r"\Z", "$")
    match field.kind:
        case Kind.TIMESTAMP:
            found |= ZONED if field.zoned else LOCAL
        case Kind.NUMBER | Kind.INTEGER:
            found |= {} if found.keys() & {"minimum", "exclusiveMinimum"} else {"minimum": -_LARGEST}
            found |= {} if found.keys() & {"maximum", "exclusiveMaximum"} else {"maximum": _LARGEST}
        case Kind.CATEGORY if field.categories:
            found |= {"type": "string", "enum": list(field.categories)}
    return nullable(found) if field.nullable else found
