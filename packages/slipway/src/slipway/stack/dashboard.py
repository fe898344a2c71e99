"""The panels of Grafana's dashboard on Prometheus's own page, for a stack without Grafana."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from slipway.errors import StackError
from slipway.stack.compose import published_url, require_engine

BOARD = Path("deploy/grafana/dashboards/service.json")
# What is a number or a table in Grafana is a table here; the rest are curves.
_TABLES = ("stat", "table")


def dashboard_urls() -> tuple[str | None, str]:
    """Return Grafana's address, None if it is not running, and that of Prometheus's page with the same queries."""
    require_engine()
    prometheus = published_url("prometheus", 9090)
    if prometheus is None:
        raise StackError(
            "Prometheus is not running. Start it: make up PROFILES=prometheus, or with Grafana: PROFILES=monitoring"
        )
    board = msgspec.json.decode(BOARD.read_bytes())
    return published_url("grafana", 3000), f"{prometheus}/graph?{urlencode([*_queries(board)], quote_via=quote)}"


def _queries(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the query of each panel's target, with the panel's title as its comment, and how it is shown."""
    targets = ((panel, target) for panel in board["panels"] for target in panel.get("targets", ()))
    for number, (panel, target) in enumerate(targets):
        # Grafana's own variable; Prometheus scrapes every fifteen seconds.
        expression = target["expr"].replace("$__rate_interval", "1m")
        yield f"g{number}.expr", f"# {panel['title']}\n{expression}"
        yield f"g{number}.range_input", "1h"
        yield f"g{number}.tab", "1" if panel["type"] in _TABLES else "0"
