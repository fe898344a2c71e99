"""The child's half of an isolated bundle: it loads the bundle, and answers with plain data."""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.code import CONTRACT, FEATURES, module_name
from slipway.bundle.isolation.bundle_messages import AloneScores, BundleFacts, BundleStart, RequestsTaken, RowsRead
from slipway.bundle.isolation.clock import shift_clock
from slipway.bundle.isolation.confinement import fill_memory
from slipway.bundle.isolation.state import State, digest_state
from slipway.bundle.isolation.wire import PackedArray, PackedColumns, pack_array, pack_columns, unpack_columns
from slipway.bundle.model import Bundle
from slipway.bundle.row import RowScorer
from slipway.bundle.verify import SealedBundle, start_bundle
from slipway.columns import columns_to_rows, count_rows, rows_to_columns, take_rows

T = TypeVar("T")
# Sizes of batches that services and jobs use, beside all small ones.
USUAL_SIZES = (1000, 1024, 999, 512, 500, 400, 300, 256)
# Turns of timing, which end early after so many seconds, and rows that have as many again. Reasons that are kept, and
# characters of each.
_TURNS, _ENOUGH, _SLOWEST = 5, 1.0, 16
_REASONS, _REASON = 5, 300
# The field in the text of msgspec's errors.
_REFUSALS = {
    "missing": re.compile(r"^Object missing required field `([^`]*)`"),
    "unknown": re.compile(r"^Object contains unknown field `([^`]*)`"),
    "value": re.compile(r" - at `\$\.([^`]*)`$"),
}


class BundleWorker:
    """One loaded bundle and the questions that are asked of it; `payload` is msgpack of the question's type."""

    def __init__(self, payload: msgspec.Raw) -> None:
        start = msgspec.msgpack.decode(payload, type=BundleStart)
        if start.ahead:
            shift_clock(start.ahead)
            fill_memory()
        self._elsewhere = bool(start.ahead)
        sealed = SealedBundle(Path(start.path), start.digest, start.manifest, start.files)
        self._bundle: Bundle = start_bundle(sealed)

    def facts(self, _: msgspec.Raw) -> BundleFacts:
        """Describe the bundle."""
        return BundleFacts(self._bundle.fields, len(self._bundle.golden()[1]), self.state(_))

    def score(self, payload: msgspec.Raw) -> PackedArray:
        """Score columns."""
        return pack_array(self._run(self._bundle.score, _columns(payload)))

    def score_in_batches(self, payload: msgspec.Raw) -> PackedArray:
        """Score columns in batches of usual sizes, then of one row, of two and so on, until no row is left."""
        columns, start = _columns(payload), 0
        rows, parts = count_rows(columns), list[NDArray[np.float64]]()
        for size in chain(USUAL_SIZES, count(1)):
            parts.append(self._bundle.score(take_rows(columns, slice(start, start + size))))
            start += size
            if start >= rows:
                break
        return pack_array(np.concatenate(parts))

    def state(self, _: msgspec.Raw) -> State:
        """Return digests of what the bundle's code keeps between calls."""
        names = (module_name(name, self._bundle.digest) for name in (CONTRACT, FEATURES))
        return digest_state(sys.modules[name] for name in names if name in sys.modules)

    def derive(self, payload: msgspec.Raw) -> PackedColumns:
        """Apply the features to columns."""
        return pack_columns(self._bundle.derive(_columns(payload)))

    def score_alone(self, payload: msgspec.Raw) -> AloneScores:
        """Score each row alone, by the reader and the scorer of the service; the fastest of some turns counts.

        The fastest turn of a row is what it costs: a slower one was interrupted by the machine.
        """
        sent = columns_to_rows(self._bundle.fields, _columns(payload))
        rows: list[Any] = [msgspec.convert(row, self._bundle.contract) for row in sent]
        return self._run(self._time_rows, rows)

    def _run(self, function: Callable[..., T], *given: Any) -> T:
        """Call a function, in a thread of its own where conditions shall be others."""
        if not self._elsewhere:
            return function(*given)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(function, *given).result()

    def _time_rows(self, rows: list[Any]) -> AloneScores:
        scorer, clock = RowScorer(self._bundle), time.perf_counter
        scores: dict[int, Any] = {}
        fastest = [float("inf")] * len(rows)

        def time_row(place: int) -> None:
            before = clock()
            score = scorer.score(rows[place])
            fastest[place] = min(fastest[place], clock() - before)
            scores.setdefault(place, score)

        began = clock()
        # Under other conditions the scores are asked for, and not the time.
        turns = 1 if self._elsewhere else _TURNS
        for _ in range(turns):
            for place in range(len(rows)):
                time_row(place)
            if clock() - began > _ENOUGH:
                break
        # Once more those that were slow in every turn: the machine may have been busy in all of them.
        for place in sorted(scores, key=fastest.__getitem__)[-_SLOWEST:] * (turns - 1):
            time_row(place)
        return AloneScores(pack_array(np.array([*scores.values()], dtype=np.float64)), tuple(fastest))

    def read_rows(self, payload: msgspec.Raw) -> RowsRead:
        """Write rows as a client sends them, and read them by the contract as the service does."""
        sent = columns_to_rows(self._bundle.fields, _columns(payload))
        read, refused, reasons = self._read(sent)
        columns = pack_columns(rows_to_columns(self._bundle.fields, read)) if read else {}
        return RowsRead(columns, pack_array(np.array(refused, dtype=np.int64)), tuple(reasons[:_REASONS]))

    def take_requests(self, payload: msgspec.Raw) -> RequestsTaken:
        """Read rows that are JSON by the contract, and score those that it takes; the answer has no value of them."""
        decoder, read = msgspec.json.Decoder(self._bundle.contract), []
        refused: Counter[tuple[str, str]] = Counter()
        for row in msgspec.msgpack.decode(payload, type=list[bytes]):
            try:
                read.append(decoder.decode(row))
            except Exception as error:  # noqa: BLE001 - a hook may raise anything, which the service cannot answer
                refused[find_refusal(error)] += 1
        unscored = self._count_unscored(read) if read else 0
        return RequestsTaken(unscored, tuple((*why, rows) for why, rows in refused.items()))

    def _count_unscored(self, rows: list[Any]) -> int:
        """Score all rows at once, and one by one where that fails."""
        try:
            self._bundle.score(rows_to_columns(self._bundle.fields, rows))
        except Exception:  # noqa: BLE001 - whatever the features raise, there is no score
            return 1 if len(rows) == 1 else sum(self._count_unscored([row]) for row in rows)
        return 0

    def _read(self, sent: list[dict[str, Any]]) -> tuple[list[Any], list[int], list[str]]:
        """Read all rows at once, which is fast, and one by one where the contract refuses any."""
        contract = self._bundle.contract
        try:
            return msgspec.json.decode(msgspec.json.encode(sent), type=list[contract]), [], []  # type: ignore[valid-type]
        except (msgspec.ValidationError, OverflowError):
            read, refused, reasons = [], [], []
            decoder = msgspec.json.Decoder(contract)
            for place, row in enumerate(sent):
                try:
                    read.append(decoder.decode(msgspec.json.encode(row)))
                except (msgspec.ValidationError, OverflowError) as error:
                    refused.append(place)
                    reasons.append(str(error)[:_REASON])
            return read, refused, [*dict.fromkeys(reasons)]


def find_refusal(error: Exception) -> tuple[str, str]:
    """Return the reason and the field of a row that msgspec refused; its text may repeat a value, and is dropped."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError) or error.__cause__ is not None:
        return "hook", ""
    for reason, pattern in _REFUSALS.items():
        if found := pattern.search(text):
            return reason, found[1]
    return "row", ""


def _columns(payload: msgspec.Raw) -> Any:
    return unpack_columns(msgspec.msgpack.decode(payload, type=PackedColumns))
