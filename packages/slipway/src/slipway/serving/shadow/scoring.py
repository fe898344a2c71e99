"""Score the logged predictions of production with the shadow's bundle: lines in, records of the log out."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from slipway.bundle import Bundle
from slipway.columns import rows_to_columns
from slipway.errors import ScoringError
from slipway.serving.api.rows import RowReader
from slipway.serving.error_responses import Reason, Refusal
from slipway.serving.log import Batch, Prediction, Shadow
from slipway.serving.metrics.recorder import ERROR

_DECODER = msgspec.json.Decoder(Prediction | Batch)


class RefusedRow(NamedTuple):
    """A row without a score: the reason is one of the metric's; `what` is the field, or the type of the error."""

    reason: str
    what: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """The reason as the log names it."""
        return f"{self.reason}:{self.what}" if self.what else self.reason


class ScoredBlock(NamedTuple):
    """The records of a block, and its rows without a score."""

    records: list[Shadow]
    refused: list[RefusedRow]


class ShadowScorer:
    """A loaded bundle that scores rows as production logged them."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._reader = RowReader(bundle, max_rows=1)

    def score(self, lines: Sequence[bytes]) -> ScoredBlock:
        """Score every row of the lines together; a row that cannot be scored leaves the others alone."""
        predictions = [_DECODER.decode(line) for line in lines]
        rows = [each.inputs if isinstance(each, Batch) else [each.inputs] for each in predictions]
        found = iter(self._score([row for those in rows for row in those or ()]))
        now = datetime.now(UTC)
        parts = [list(islice(found, len(those or ()))) for those in rows]
        records = [self._record(each.id, now, part) for each, part in zip(predictions, parts, strict=True)]
        return ScoredBlock(records, [each for part in parts for each in part if isinstance(each, RefusedRow)])

    def _score(self, plain: Sequence[Any]) -> list[Any]:
        """Return for each row its score and label, or why it has none."""
        found: list[Any] = [self._accept(row) for row in plain]
        places = [place for place, row in enumerate(found) if not isinstance(row, RefusedRow)]
        for place, scored in zip(places, self._score_accepted([found[place] for place in places]), strict=True):
            found[place] = scored
        return found

    def _accept(self, plain: Any) -> Any:
        try:
            return self._reader.convert([plain])[0]
        except Refusal as refusal:
            field = refusal.faults[0].field if refusal.faults else None
            return RefusedRow(refusal.reason, field or "", refusal.detail)
        except Exception as error:  # noqa: BLE001 - code of the shadow's contract; it is counted
            return _describe(error)

    def _score_accepted(self, rows: Sequence[msgspec.Struct]) -> list[Any]:
        """Score rows together; where one of them fails, by halves, so that it fails alone."""
        if not rows:
            return []
        try:
            scores = self._bundle.score(rows_to_columns(self._bundle.fields, rows))
        except Exception as error:  # noqa: BLE001 - code of the shadow's features; it is counted
            if len(rows) == 1:
                return [_describe(error)]
            half = len(rows) // 2
            return self._score_accepted(rows[:half]) + self._score_accepted(rows[half:])
        labels = self._bundle.label(scores).tolist() if self._bundle.manifest.classes else [None] * len(rows)
        return [*zip(scores.tolist(), labels, strict=True)]

    def _record(self, identifier: str, now: datetime, found: Sequence[Any]) -> Shadow:
        refused = Counter(each.name for each in found if isinstance(each, RefusedRow))
        pairs = [(None, None) if isinstance(each, RefusedRow) else each for each in found]
        labels = [label for _, label in pairs] if self._bundle.manifest.classes else None
        return Shadow(identifier, now, self._bundle.digest, [score for score, _ in pairs], labels, dict(refused))


def _describe(error: Exception) -> RefusedRow:
    if isinstance(error, ScoringError | OverflowError):
        return RefusedRow(Reason.NO_SCORE, detail="No finite score for a row: a number in it is too large.")
    return RefusedRow(ERROR, type(error).__name__, f"{type(error).__name__} in the code of the shadow's bundle.")
