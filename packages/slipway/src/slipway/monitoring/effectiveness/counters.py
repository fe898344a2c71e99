"""Measure what no prediction log holds, refused and failed requests, by the counters of the running service."""

import re
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from urllib.request import ProxyHandler, Request, build_opener

from slipway.delivery.smoke_test import is_loopback
from slipway.errors import DeliveryError
from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement

_SECONDS = 10.0
_LINE = re.compile(r"slipway_(requests|rejects)_total\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_ANSWERED, _FAILED, _REFUSED = "answered", "failed", "refused:"


def read_counters(url: str, key: str | None) -> dict[str, float]:
    """Return how many requests the service answered, failed (5xx) and refused by reason, since it started.

    Raises `DeliveryError` where its /metrics cannot be read.
    """
    opener = build_opener(ProxyHandler({})) if is_loopback(url) else build_opener()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        # The address is the operator's own.
        with opener.open(Request(f"{url}/metrics", headers=headers), timeout=_SECONDS) as answer:  # noqa: S310
            text = answer.read().decode(errors="replace")
    except (OSError, ValueError, HTTPException) as error:
        raise DeliveryError(f"Cannot read {url}/metrics: {error}.") from error
    return count_requests(text)


def count_requests(text: str) -> dict[str, float]:
    """Add up the counters in Prometheus' text format; health checks are left out."""
    found = {_ANSWERED: 0.0, _FAILED: 0.0}
    for kind, labels, value in _LINE.findall(text):
        named = dict(_LABEL.findall(labels))
        if kind == "rejects":
            found[f"{_REFUSED}{named['reason']}"] = float(value)
        elif named["route"] != "health":
            found[_ANSWERED] += float(value)
            found[_FAILED] += float(value) if named["status"].startswith("5") else 0.0
    return found


def measure_counters(now: Mapping[str, float], before: Mapping[str, float]) -> Iterator[Measurement]:
    """Yield `errors` and `refused:<reason>` as shares of the requests since `before`; all, where it restarted."""
    if any(now.get(name, 0.0) < count for name, count in before.items()):
        before = {}
    since = {name: count - before.get(name, 0.0) for name, count in now.items()}
    requests = int(since.pop(_ANSWERED, 0))
    note = "of the requests since the run before, or since the service started"
    for name, count in since.items():
        if name == _FAILED or count:
            figure = Figure(value=count / requests) if requests else None
            yield Measurement(name="errors" if name == _FAILED else name, figure=figure, rows=requests, note=note)
