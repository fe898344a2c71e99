"""Test over HTTP, at any address, that a service serves the expected bundle and computes what was evaluated."""

import ipaddress
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

import msgspec
import numpy as np

from slipway.bundle.manifest import TOLERANCE, GoldenRow
from slipway.bundle.predictions import SCORE, SCORES
from slipway.bundle.verify import SealedBundle, score_difference
from slipway.errors import DeliveryError
from slipway.problem import Task
from slipway.serving.request import PROBE

# A row takes 0.1 ms on an idle machine; a budget that a busy one keeps, and a broken one does not.
BUDGET_MS = 100.0
_ASKED = 50
_TIMEOUT = 10.0
_LOOK_SECONDS = 0.05
_ALIVE_SECONDS = 1.0

Ask = Callable[[str, Any, int, Any], Any]


class Smoke(msgspec.Struct, frozen=True):
    """The result of a smoke test: golden rows, largest difference of a score, median milliseconds of a request."""

    url: str
    digest: str
    golden_rows: int
    largest_difference: float
    milliseconds: float


class Model(msgspec.Struct, frozen=True):
    """The model that `/version` names."""

    digest: str


class Version(msgspec.Struct, frozen=True):
    """The answer of `/version`: which model serves, and since when, and which one shadows it."""

    model: Model
    since: datetime
    shadow: Model | None = None


def run_smoke_test(url: str, bundle: SealedBundle, key: str | None = None) -> Smoke:
    """Test readiness, digest, scores of the golden rows, refusal of a bad row, and latency of the service at `url`.

    Raises `DeliveryError` that names what was expected and found.
    """
    ask = _asker(url, key)
    ask("/readyz", None, 200, Any)
    served = ask("/version", None, 200, Version).model.digest
    if served != bundle.digest:
        raise DeliveryError(f"{url} serves the bundle {served[:12]}, expected {bundle.digest[:12]}.")
    golden = read_golden_rows(bundle)
    # One at a time: how many rows a request may have is the environment's own setting.
    answers = [ask("/predict", line.row, 200, dict[str, Any]) for line in golden]
    off = _differences(url, bundle, answers, golden)
    if off.max() > TOLERANCE:
        raise DeliveryError(
            f"{url} gives golden row {int(off.argmax()) + 1} another score than the estimator gave: expected a "
            f"difference of at most {TOLERANCE:g}, found {off.max():.2g}. It does not compute what was evaluated."
        )
    ask("/predict", {"no such field": 1}, 422, Any)
    return Smoke(url, served, len(golden), float(off.max()), _milliseconds(ask, golden[0].row, url))


def read_version(url: str, key: str | None = None) -> Version | None:
    """Return the version of the service at `url`, None where no service of ours responds."""
    try:
        found: Version = _asker(url, key)("/version", None, 200, Version)
    except DeliveryError:
        return None
    return found


def wait_until(
    what: Callable[[], bool], seconds: float, alive: Callable[[], bool] = lambda: True, look: float = _LOOK_SECONDS
) -> bool:
    """Wait until `what` returns True, asking every `look` seconds; return False after `seconds`, or if not `alive`."""
    begun = asked = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        if what():
            return True
        # Asking an engine costs what the service needs to start.
        if now >= asked + _ALIVE_SECONDS:
            asked = now
            if not alive():
                return False
        time.sleep(look)
    return False


def is_ready(url: str) -> bool:
    """Return whether the service takes requests."""
    try:
        _asker(url, None)("/readyz", None, 200, Any)
    except DeliveryError:
        return False
    return True


def read_golden_rows(bundle: SealedBundle) -> list[GoldenRow]:
    """Return the golden rows of a sealed bundle; raises `DeliveryError` where they cannot be read."""
    try:
        found = [msgspec.json.decode(line, type=GoldenRow) for line in bundle.files["golden.jsonl"].splitlines()]
    except msgspec.DecodeError as error:
        raise DeliveryError(f"{bundle.path / 'golden.jsonl'}: expected one golden row a line: {error}.") from error
    if not found:
        raise DeliveryError(f"{bundle.path / 'golden.jsonl'} is empty. Train the model again.")
    return found


def _milliseconds(ask: Ask, row: dict[str, Any], url: str) -> float:
    taken = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        ask("/predict", row, 200, Any)
        taken.append(time.perf_counter() - began)
    found = statistics.median(taken) * 1e3
    if found > BUDGET_MS:
        raise DeliveryError(
            f"{url} takes {found:.0f} ms for a row (median of {_ASKED}), expected at most {BUDGET_MS:g}."
        )
    return found


def _differences(
    url: str, bundle: SealedBundle, answers: list[dict[str, Any]], golden: list[GoldenRow]
) -> np.ndarray[Any, Any]:
    many = bundle.manifest.task is Task.MULTICLASS
    try:
        scores = np.array([list(answer[SCORES].values()) if many else answer[SCORE] for answer in answers])
        return score_difference(scores, np.array([line.score for line in golden]), bundle.manifest.scale)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise DeliveryError(f"{url}/predict gives no scores for {len(golden)} golden rows.") from error


def _asker(url: str, key: str | None) -> Ask:
    headers = {"Content-Type": "application/json", PROBE: "smoke-test"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    opener = _opener(url)

    def ask(path: str, body: Any, expected: int, kind: Any) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        # The address is the operator's own.
        request = Request(f"{url}{path}", data=content, headers=headers)  # noqa: S310
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as error:
            status, text = error.code, error.read()
        except (OSError, ValueError, HTTPException) as error:
            raise DeliveryError(f"Cannot connect to {url}{path}: {error}.") from error
        said = text[:200].decode(errors="replace")
        if status != expected:
            raise DeliveryError(f"{url}{path}: expected status {expected}, found {status}: {said}")
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as error:
            raise DeliveryError(f"{url}{path}: expected a service of Slipway ({error}), found: {said}") from error

    return ask


def _opener(url: str) -> OpenerDirector:
    """Return the opener of `url`: through the proxy that the environment names, but never to this machine itself."""
    return build_opener(ProxyHandler({})) if is_loopback(url) else build_opener()


def is_loopback(url: str) -> bool:
    """Return whether the host of `url` is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
