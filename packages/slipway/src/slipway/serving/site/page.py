"""The page at `/`: the model that is served, and a form made from the contract to try it."""

import hashlib
import mimetypes
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from flask import Response, abort, render_template

from slipway.bundle import Bundle
from slipway.bundle.predictions import class_text
from slipway.contract import Field, Kind
from slipway.serving.api.predict import name_outcome
from slipway.serving.app.shared import Shared
from slipway.serving.settings import ServingSettings
from slipway.serving.site.operations import HTML
from slipway.serving.site.schema import ordinary_rows
from slipway.violations import describe_field

_ASSETS = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
# Part of the assets' addresses, so that a browser may cache them until they change.
EDITION = hashlib.sha256(b"".join(_ASSETS[name] for name in sorted(_ASSETS))).hexdigest()[:8]
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
}
# More classes than this are chosen from a list.
_BUTTONS = 6
_WIDGETS = {Kind.NUMBER: "number", Kind.INTEGER: "number", Kind.CATEGORY: "text", Kind.TIMESTAMP: "time"}
# Digits of a number in the form: more are noise of its binary form, fewer would change the score.
_DIGITS = 7


def show_page(shared: Shared, bundle: Bundle) -> Response:
    """Answer `GET /`."""
    manifest, settings = bundle.manifest, shared.settings
    rows = ordinary_rows(bundle)
    text = render_template(
        "page.html",
        manifest=manifest,
        digest=bundle.digest,
        since=datetime.fromtimestamp(shared.started, UTC),
        workers=settings.processes,
        shadow=shared.shadowing.sealed.digest if shared.shadowing else "",
        keys=settings.auth == "keys",
        about=bundle.contract.__doc__ or "",
        outcome_name=name_outcome(manifest),
        controls=[_control(field, _text(field, rows[0].get(field.wire_name))) for field in bundle.fields],
        rows=_json(rows),
        classes=[(_json(name), class_text(name)) for name in manifest.classes],
        buttons=len(manifest.classes) <= _BUTTONS,
        curl=curl_command(settings, rows[0]),
        edition=EDITION,
    )
    return Response(text, content_type=HTML, headers=PAGE_HEADERS)


def send_asset(name: str) -> Response:
    """Answer `GET /static/<name>`: the page's own files."""
    if name not in _ASSETS:
        abort(404)
    kind, _ = mimetypes.guess_type(name)
    headers = {"cache-control": "private, max-age=604800"}
    return Response(_ASSETS[name], content_type=f"{kind}; charset=utf-8", headers=headers)


def curl_command(settings: ServingSettings, row: dict[str, Any]) -> str:
    """Return the command that predicts `row`; the page's script updates it with its own address and row."""
    host = settings.host if settings.loopback else "localhost"
    host = f"[{host}]" if ":" in host else host
    lines = [f"curl http://{host}:{settings.port}/predict", "-H 'Content-Type: application/json'"]
    if settings.auth == "keys":
        lines.append('-H "Authorization: Bearer $SLIPWAY_KEY"')
    # With spaces, so that the line breaks between fields.
    spaced = msgspec.json.format(_json(row), indent=0)
    return " \\\n  ".join([*lines, f"-d {shlex.quote(spaced)}"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _control(field: Field, value: str) -> dict[str, Any]:
    """Return what the template needs for one input.

    `widget` is number, text, time, select or switch; `attributes` are those of the HTML element; `options` are values
    of a select and their words; `value` is what the input starts with, "" for a missing value.
    """
    options = _options(field)
    return {
        "field": field,
        "unit": "UTC" if field.zoned else field.unit,
        "expected": describe_field(field),
        "widget": "select" if options else "switch" if field.kind is Kind.BOOLEAN else _WIDGETS[field.kind],
        "attributes": {name: _number(bound) for name, bound in _attributes(field, value).items() if bound is not None},
        "options": options,
        "value": value,
        "optional": field.nullable or not field.required,
    }


def _options(field: Field) -> tuple[tuple[str, str], ...]:
    missing = (("", "missing"),) if field.nullable or not field.required else ()
    if field.categories:
        return (*((name, name) for name in field.categories), *missing)
    if field.kind is Kind.BOOLEAN and missing:
        return (("true", "yes"), ("false", "no"), *missing)
    return ()


def _attributes(field: Field, value: str) -> dict[str, float | str | None]:
    match field.kind:
        case Kind.NUMBER | Kind.INTEGER:
            low = field.ge if field.ge is not None else field.gt
            high = field.le if field.le is not None else field.lt
            return {"min": low, "max": high, "step": "1" if field.kind is Kind.INTEGER else "any"}
        case Kind.TIMESTAMP if value.count(":") > 1:
            # A browser takes whole minutes unless it is told otherwise.
            return {"step": "1"}
        case Kind.CATEGORY if not field.categories:
            pattern = field.pattern and _whole(field.pattern.replace(r"\Z", "$"))
            return {"pattern": pattern, "maxlength": field.max_length, "minlength": field.min_length}
    return {}


def _whole(pattern: str) -> str:
    """Extend a pattern to the whole text, as HTML matches it; a contract searches for it within the text."""
    if pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern:
        return pattern
    return rf"[\s\S]*(?:{pattern})[\s\S]*"


def _text(field: Field, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case str() if field.kind is Kind.TIMESTAMP:
            local = re.sub(r"(Z|[+-]00:00)$", "", value).partition(".")[0]
            return local.removesuffix(":00") if local.count(":") > 1 else local
    return str(value)


def _number(value: float | str) -> str:
    if isinstance(value, float):
        short = float(f"{value:.{_DIGITS}g}")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(short)
    return str(value)
