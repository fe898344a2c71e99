"""Render what an environment serves as Markdown, for the summary of a run and for a release."""

from collections.abc import Mapping
from typing import Any

from slipway.ledger.entry import REHEARSAL
from slipway.markdown import escape_markdown, markdown_table


def render_delivery(facts: Mapping[str, Any]) -> str:
    """Render the facts of `slipway.delivery.status.trace_release` under a heading that names a rehearsal."""
    rehearsal = " (a rehearsal: nothing stays running)" if facts["target"] == REHEARSAL else ""
    rows = [
        [name.replace("_", " "), "-" if value is None else escape_markdown(str(value))] for name, value in facts.items()
    ]
    return f"## {facts['environment']}{rehearsal}\n\n{markdown_table(['what', 'which'], rows)}\n"
