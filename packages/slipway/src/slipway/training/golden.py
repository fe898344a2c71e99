"""Choose golden rows among made ones, and let the estimator answer them."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import GoldenRow
from slipway.errors import ModelError, first_line
from slipway.training.made_rows import ORDINARY, Made, MadeRows

Answer = Callable[[Sequence[Made]], NDArray[np.float64]]

_REMEDIES = {
    "missing": "Impute it in model.py (SimpleImputer; for text an encoder that takes unknown codes), or take null out "
    "of the contract.",
    "unseen": 'Write OneHotEncoder(handle_unknown="ignore") or OrdinalEncoder(handle_unknown="use_encoded_value", '
    "unknown_value=-1) in model.py, or let the contract name the texts of the training set alone, as a Literal.",
    "ordinary": "Look at features.py and model.py: every row that the contract accepts needs a score.",
}
_RANGE = "Narrow its range in contract.py to what can be, or clip it in features.py."


def answer_rows(answer: Answer, rows: Sequence[Made]) -> NDArray[np.float64]:
    """Score made rows by the estimator; raises `ModelError` that names the field of the first it cannot score."""
    try:
        scores = answer(rows)
    except Exception:  # noqa: BLE001 features and estimators have no common type; found again row by row
        scores = None
    if scores is not None and np.isfinite(scores).all():
        return scores
    for made in rows:
        reason = _failure(answer, made)
        if reason:
            value = "an ordinary row" if made.field is None else f"a row whose {made.field} is {_words(made.what)}"
            raise ModelError(
                f"The estimator cannot score {value}, which the contract accepts: {reason} "
                f"{_REMEDIES.get(made.what, _RANGE)}"
            )
    raise ModelError(
        "The estimator scores made rows one by one, but not together. A score must not depend on other rows: look for "
        "statistics over the rows in features.py."
    )


def choose_golden_rows(made: MadeRows, scores: NDArray[np.float64]) -> list[tuple[Made, NDArray[np.float64]]]:
    """Choose ordinary rows that score differently, and one row for each extreme value.

    `scores` are those of the ordinary rows, then of the extreme ones, as the estimator gave them.
    """
    ordinary = [*zip(made.ordinary, scores, strict=False)]
    distinct: dict[bytes, int] = {}
    for number, (_, score) in enumerate(ordinary):
        distinct.setdefault(np.round(score, 9).tobytes(), number)
    first = [*distinct.values()]
    rest = sorted(set(range(len(ordinary))) - set(first))
    chosen = [ordinary[number] for number in sorted([*first, *rest][:ORDINARY])]
    extreme: dict[tuple[str | None, str], list[tuple[Made, NDArray[np.float64]]]] = {}
    for row, score in zip(made.extreme, scores[len(ordinary) :], strict=True):
        extreme.setdefault((row.field, row.what), []).append((row, score))
    # Each on another ordinary row.
    return chosen + [found[number % len(found)] for number, found in enumerate(extreme.values())]


def encode_golden_rows(chosen: Sequence[tuple[Made, NDArray[np.float64]]]) -> bytes:
    """Write one line of JSON for each row."""
    lines = [msgspec.json.encode(GoldenRow(made.sent, score.tolist())) for made, score in chosen]
    return b"\n".join(lines) + b"\n"


def _failure(answer: Answer, made: Made) -> str | None:
    try:
        score = answer([made])
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {first_line(error)}"
    return None if np.isfinite(score).all() else "the score is not finite."


def _words(what: str) -> str:
    return "a text that the training set does not have" if what == "unseen" else what
