"""Import outcomes from a file: by the prediction's identifier, or by columns of the contract that name a row.

They become feedback in a segment beside the log, so that they are joined like those that clients send. The identifier
of such a feedback follows from the prediction and the outcome: the same file imported again adds nothing.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns
from slipway.contract import Field, read_contract
from slipway.errors import DataError
from slipway.files.writing import write_bytes
from slipway.monitoring.intake.chunks import OUTCOMES, list_chunks, read_stored_table
from slipway.monitoring.intake.identifiers import match_identifiers, parse_identifiers
from slipway.monitoring.intake.imports.outcome_file import IDENTIFIER, OutcomeFile, read_outcome_file
from slipway.monitoring.intake.log import IMPORTED, Progress, open_log, state_folder
from slipway.monitoring.intake.segments import LogSource
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.release_reference import read_release_reference
from slipway.project import load_project
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Feedback
from slipway.serving.log.segments import SUFFIX

_SOURCE = "import"
_UNKNOWN, _AMBIGUOUS = -1, -2
_EVERY_ROW = 1 << 62
# Of a UUID of version 7: the version and the variant, and the bits that are free.
_MILLISECONDS, _VERSION, _RANDOM = 80, 0x7 << 76 | 0b10 << 62, 0xFFF << 64 | (1 << 62) - 1


class ImportedOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a file by what became of them; each is counted once.

    `joined` rows gave a prediction of the log its outcome. `unknown` ones are of a prediction that is not there; those
    that name it by its identifier are kept until it is. `ambiguous` keys belong to several predictions, or have
    several outcomes. `repeated` rows were imported before, or stand in the file twice.
    """

    rows: int
    joined: int
    unknown: int
    ambiguous: int
    repeated: int


class _Places(NamedTuple):
    """For each row of the file, the position of its prediction in the log, and the prediction's identifier."""

    positions: NDArray[np.intp]
    identifiers: NDArray[np.uint64]


def import_outcomes(
    root: Path, environment: str, path: Path, by: Sequence[str], sources: Sequence[LogSource], progress: Progress
) -> ImportedOutcomes:
    """Import the outcomes in the .parquet or .csv file `path`; without columns `by`, by identifier.

    Raises `DataError` for a file without the columns, an outcome that the model does not know, and a missing key.
    """
    problem, reference = load_project(root).problem, read_release_reference(root, environment)
    keys = _find_fields(read_contract(problem.contract), by)
    file = read_outcome_file(path, keys, reference.manifest.classes)
    with open_log(root, environment, sources, reference.manifest, keys, progress, most_rows=_EVERY_ROW) as log:
        traffic = log.loaded.traffic
        places = _find_by_key(file, traffic) if keys else _find_by_identifier(file, traffic)
        counts: Counter[str] = Counter()
        feedback = list(_make_feedback(file, places, _read_known(log.store), counts, keep_unknown=not keys))
        if feedback:
            lines = b"".join(msgspec.json.encode(each) + b"\n" for each in feedback)
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.urandom(4).hex()}{SUFFIX}"
            write_bytes(state_folder(root, environment) / IMPORTED / name, lines, 0o640)
    names = ("joined", "unknown", "ambiguous", "repeated")
    return ImportedOutcomes(rows=len(file.outcomes), **{name: counts[name] for name in names})


def _find_fields(fields: Sequence[Field], by: Sequence[str]) -> tuple[Field, ...]:
    known = {field.name: field for field in fields}
    if missing := [name for name in by if name not in known]:
        raise DataError(f"--by: the contract has no column {', '.join(missing)}; it has {', '.join(known)}.")
    return tuple(known[name] for name in dict.fromkeys(by))


def _find_by_identifier(file: OutcomeFile, traffic: Traffic) -> _Places:
    named = parse_identifiers(file.identifiers)
    if not named.valid.all():
        row = int(np.argmin(named.valid))
        raise DataError(
            f"{file.path}, column {IDENTIFIER}, row {row}: expected the prediction_id of a prediction, found "
            f"{file.identifiers[row]!r}. Name the key columns with --by if the file has no identifiers."
        )
    identifiers = np.stack([named.high, named.low], axis=1)
    return _Places(match_identifiers(traffic.identifiers, identifiers), identifiers)


def _find_by_key(file: OutcomeFile, traffic: Traffic) -> _Places:
    asked, logged = _as_keys(file.keys), _as_keys(traffic.columns)
    times = Counter(logged)
    position = {key: at for at, key in enumerate(logged)}
    outcomes: dict[tuple[Any, ...], set[tuple[bool, Any]]] = {}
    for key, outcome in zip(asked, file.outcomes, strict=True):
        outcomes.setdefault(key, set()).add((isinstance(outcome, bool), outcome))
    found = np.array(
        [_AMBIGUOUS if times[key] > 1 or len(outcomes[key]) > 1 else position.get(key, _UNKNOWN) for key in asked],
        dtype=np.intp,
    )
    return _Places(found, traffic.identifiers[np.maximum(found, 0)])


def _as_keys(columns: Columns) -> list[tuple[Any, ...]]:
    """Return the key of each row; a missing value equals another one."""
    plain = ([None if value != value else value for value in each.tolist()] for each in columns.values())
    return [*zip(*plain, strict=True)]


def _read_known(store: Path) -> set[str]:
    """Return the identifiers of all feedback in the store."""
    paths = [chunk.path / OUTCOMES for chunk in list_chunks(store)]
    known = set()
    for path in paths:
        if path.is_file():
            table = read_stored_table(path, ["own_high", "own_low"])
            pairs = zip(table["own_high"].to_pylist(), table["own_low"].to_pylist(), strict=True)
            known |= {format_identifier(high << 64 | low) for high, low in pairs}
    return known


def _make_feedback(
    file: OutcomeFile, places: _Places, known: set[str], counts: Counter[str], *, keep_unknown: bool
) -> Iterator[Feedback]:
    """Yield the feedback that is new, and count every row by what became of it."""
    now, identifiers = datetime.now(UTC), places.identifiers.tolist()
    for row, position in enumerate(places.positions.tolist()):
        state = {_AMBIGUOUS: "ambiguous", _UNKNOWN: "unknown"}.get(position, "joined")
        if state == "joined" or (state == "unknown" and keep_unknown):
            high, low = identifiers[row]
            feedback = _name_feedback(high << 64 | low, file.outcomes[row], file.observed[row], now)
            if feedback.id in known:
                state = "repeated"
            else:
                known.add(feedback.id)
                yield feedback
        counts[state] += 1


def _name_feedback(prediction: int, outcome: Any, observed: datetime | None, now: datetime) -> Feedback:
    """Return feedback whose identifier is a hash of the prediction's and the outcome, with the prediction's time."""
    content = msgspec.json.encode([_SOURCE, format_identifier(prediction), outcome])
    random = int.from_bytes(hashlib.sha256(content).digest()[:16])
    identifier = prediction >> _MILLISECONDS << _MILLISECONDS | _VERSION | random & _RANDOM
    return Feedback(
        format_identifier(identifier), now, format_identifier(prediction), outcome, observed_at=observed, source=_SOURCE
    )
