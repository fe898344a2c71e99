"""The page at `/`: the model that is served, and a form made from the contract to try it."""

import hashlib
import mimetypes
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from flask import Response, abort, render_template

from slipway.bundle import Bundle
from slipway.bundle.predictions import class_text
from slipway.serving.api.predict import name_outcome
from slipway.serving.app.shared import Shared
from slipway.serving.settings import ServingSettings
from slipway.serving.site.form import form_controls
from slipway.serving.site.operations import HTML
from slipway.serving.site.schema import ordinary_rows

_ASSETS = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
# Part of the assets' addresses, so that a browser may cache them until they change.
_EDITION = hashlib.sha256(b"".join(_ASSETS[name] for name in sorted(_ASSETS))).hexdigest()[:8]
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
}
# More classes than this are chosen from a list.
_BUTTONS = 6


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
        keys=settings.auth == "keys",
        about=bundle.contract.__doc__ or "",
        outcome_name=name_outcome(manifest, settings.outcome),
        controls=form_controls(bundle, rows[0]),
        rows=_json(rows),
        classes=[(_json(name), class_text(name)) for name in manifest.classes],
        buttons=len(manifest.classes) <= _BUTTONS,
        curl=curl_command(settings, rows[0]),
        edition=_EDITION,
    )
    return Response(text, content_type=HTML, headers=_HEADERS)


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
