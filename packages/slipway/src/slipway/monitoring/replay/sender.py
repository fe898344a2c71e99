"""Send rows and outcomes to a service over HTTP, and tell what became of each."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import requests

from slipway.delivery.smoke_test import is_loopback
from slipway.errors import DeliveryError

SOURCE = "slipway replay"
_TIMEOUT = 30.0
# A service that restarts, or is full, is asked again for so long.
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.5
_JSON = {"Content-Type": "application/json"}


class _Model(msgspec.Struct):
    digest: str


class _Row(msgspec.Struct):
    prediction_id: str


class _Predicted(msgspec.Struct):
    predictions: list[_Row]
    model: _Model


class _Fault(msgspec.Struct):
    row: int
    field: str | None
    expected: str
    found: str


class _Refused(msgspec.Struct):
    detail: str
    errors: list[_Fault] = []


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of a prediction, as `/feedback` takes it."""

    prediction_id: str
    outcome: Any
    observed_at: datetime
    source: str = ""


class Sent(msgspec.Struct, frozen=True):
    """Rows that were sent: the id of each prediction, None for a refused row; refusals by reason; the model."""

    ids: list[str | None]
    refused: dict[str, int] = {}
    digest: str = ""


class Sender:
    """A connection to a running service; a refused row is counted, whatever else fails is a `DeliveryError`."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self._session = requests.Session()
        # A proxy that the environment names is for other machines.
        self._session.trust_env = not is_loopback(url)
        self._session.headers.update(_JSON | ({"Authorization": f"Bearer {key}"} if key else {}))

    def predict(self, rows: Sequence[dict[str, Any]]) -> Sent:
        """Send rows in one request; if some are refused, the others again without them."""
        ids: list[str | None] = [None] * len(rows)
        refused: Counter[str] = Counter()
        digest = ""
        waiting = [[*range(len(rows))]]
        while waiting:
            part = waiting.pop()
            answer = self._post("/predict", [rows[number] for number in part], 200, 422)
            if answer.status_code == 200:
                found = self._decode(answer, _Predicted)
                digest = found.model.digest
                for number, row in zip(part, found.predictions, strict=True):
                    ids[number] = row.prediction_id
            else:
                waiting += self._split(part, self._decode(answer, _Refused), refused)
        return Sent(ids, dict(refused), digest)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Send outcomes in one request."""
        self._post("/feedback", outcomes, 202)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _split(self, part: list[int], refusal: _Refused, refused: Counter[str]) -> list[list[int]]:
        """Count the rows that a refusal names, and return the rest; a part in which it names none, in halves."""
        first = {fault.row: fault for fault in reversed(refusal.errors)}
        if len(part) == 1 and not first:
            refused[refusal.detail] += 1
            return []
        if not first:
            half = len(part) // 2
            return [part[half:], part[:half]]
        refused.update(_describe_reason(fault) for fault in first.values())
        rest = [number for place, number in enumerate(part) if place not in first]
        return [rest] if rest else []

    def _post(self, path: str, body: Any, *expected: int) -> requests.Response:
        content, deadline = msgspec.json.encode(body), time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._session.post(f"{self.url}{path}", data=content, timeout=_TIMEOUT)
                if answer.status_code != 503 or time.monotonic() > deadline:
                    break
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise DeliveryError(
                        f"Cannot connect to {self.url}{path} within {_PATIENCE_SECONDS:.0f} seconds "
                        f"({type(error).__name__}). `slipway status` shows what runs."
                    ) from error
            time.sleep(_LOOK_SECONDS)
        if answer.status_code == 401:
            raise DeliveryError(
                f"{self.url}{path} asks for a key (status 401). Set key_file in the environment's table of "
                "pyproject.toml, or give --key."
            )
        if answer.status_code not in expected:
            raise DeliveryError(
                f"{self.url}{path}: expected status {expected[0]}, found {answer.status_code}: {answer.text[:200]}"
            )
        return answer

    def _decode(self, answer: requests.Response, kind: Any) -> Any:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.DecodeError as error:
            raise DeliveryError(
                f"{answer.url}: expected a service of Slipway ({error}), found: {answer.text[:200]}"
            ) from error


def _describe_reason(fault: _Fault) -> str:
    return f"{fault.field or 'row'}: expected {fault.expected}, found {fault.found}"
