"""Check that what is served is what was evaluated: row by row, at another time, by the contract's own reader."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.allowed import find_forbidden
from slipway.bundle.code import CONTRACT, FEATURES
from slipway.bundle.isolation import IsolatedBundle, isolate_bundle
from slipway.bundle.isolation.bundle_worker import USUAL_SIZES
from slipway.columns import count_rows, frame_to_columns, spread_rows, take_rows
from slipway.evaluation.scored import Vector
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.statistics.probe import add_long_texts, probe_rows
from slipway.gate.statistics.reproduction import add_absent_columns

if TYPE_CHECKING:
    import pandas as pd

# Rows that are scored in another order, and in batches: of usual sizes, then of every size from one row up to 255.
_IN_BATCHES = 1 << 15
# Seconds by which the other clock is ahead: a year and a month, at another time of the day.
_AHEAD = 395.3 * 86_400
_NAMED, _MEGABYTE = 3, 1e6
# The limits of the median, the 99th percentile and the slowest row, as multiples of that of the median.
TIMES = (1.0, 2.0, 4.0)
# Milliseconds. Less than this is nothing beside a request, whatever share of production's it is; of one row in hundreds
# it may be an interruption by the machine.
_RESOLUTION = np.array([0.05, 0.05, 2.0])


@gate_check(
    why="A score that depends on the other rows of a batch, on their order or on the clock was never evaluated.",
    advice="Let features.py compute each row from its own columns: fixed numbers for means of a batch, no clock, and "
    "no value that a call changes.",
)
def served_as_evaluated(inputs: GateInputs) -> Finding:
    """Fail unless rows get exactly their score alone, in batches, in another order, twice, and at another time.

    Also fail where a call leaves a trace in the code: sooner or later it makes another score, or takes all memory.
    """
    bundle, scores = inputs.candidate.bundle, inputs.candidate.scored.scores
    columns = frame_to_columns(bundle.fields, inputs.holdout)
    probed = probe_rows(columns)
    batched = np.append(np.resize(probed, sum(USUAL_SIZES)), spread_rows(len(scores), _IN_BATCHES))
    some, expected = take_rows(columns, probed), scores[probed]
    twice = np.repeat(np.arange(len(probed)), 2)
    order = np.random.default_rng(0).permutation(spread_rows(len(scores), _IN_BATCHES))
    later = isolate_bundle(bundle.sealed, ahead=_AHEAD)
    asked = {
        "alone, at another time, in another thread": (later.score_alone(some)[0], expected),
        "in one batch, at another time, in another thread": (later.score(some), expected),
        "in batches of every size": (bundle.score_in_batches(take_rows(columns, batched)), scores[batched]),
        "in another order": (bundle.score(take_rows(columns, order)), scores[order]),
        "twice in a batch": (
            bundle.score(take_rows(some, twice)),
            expected[twice],
        ),
    }
    later.close()
    wrong = [f"{_differing(found, right):,} {how}" for how, (found, right) in asked.items() if _differing(found, right)]
    problems = [f"other scores for {'; '.join(wrong)}"] if wrong else []
    if not bundle.is_as_started():
        problems.append("a call changes what the code keeps for the next ones (a global, a default, an iterator)")
    observed = "; ".join(problems) or f"{len(probed):,} rows in {len(asked)} ways"
    return Finding(not problems, observed, "exactly the evaluated score of every row, and nothing kept between calls")


@gate_check(
    why="A row that the contract refuses or changes gets an answer 422 or another score, whatever the evaluation says.",
    advice="Look at ranges, patterns and __post_init__ in contract.py; it must take every row that was evaluated.",
)
def contract_reads_holdout(inputs: GateInputs) -> Finding:
    """Fail unless the contract's own reader takes every row of the holdout, and reads it as it is."""
    bundle = inputs.candidate.bundle
    columns = frame_to_columns(bundle.fields, inputs.holdout)
    read, refused, reasons = bundle.read_rows(columns)
    kept = np.delete(np.arange(count_rows(columns)), refused)
    problems = [f"{len(refused):,} refused ({'; '.join(reasons[:_NAMED])})"] if len(refused) else []
    if len(kept):
        sent = take_rows(columns, kept)
        changed = [name for name, values in sent.items() if not _same_values(read.get(name), values)]
        problems += [f"read as other values: {', '.join(changed)}"] if changed else []
    observed = "; ".join(problems) or f"{len(kept):,} rows read as they are"
    return Finding(not problems, observed, "every row of the holdout read as it is")


@gate_check(
    why="A clock, a file, the network or the rest of a batch make the served score another one than the evaluated.",
    advice="Use names of the list in docs/gate.md (slipway.bundle.allowed); reduce over rows in dataset.py.",
)
def source_allowed(inputs: GateInputs) -> Finding:
    """Fail if `contract.py` or `features.py` use a name beyond the allowed ones: reads the source by `ast`."""
    files = inputs.candidate.bundle.sealed.files
    found = [what for name in (CONTRACT, FEATURES) if name in files for what in find_forbidden(name, files[name])]
    more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    observed = ", ".join(found[:_NAMED]) + more if found else "allowed names only"
    return Finding(not found, observed, "names of slipway.bundle.allowed")


@gate_check(
    why="A slow model delays every request, a large one every start and every rollback.",
    advice="Train fewer or smaller trees; look at what features.py does for a single row, and for which rows.",
    alone=True,
)
def latency_and_size(inputs: GateInputs) -> Finding:
    """Fail if rows take too long, absolutely or beside production's, or the bundle is too large.

    Each row is scored alone a few times, and its fastest time counts: median, 99th percentile and the slowest row.
    """
    rules, bundle = inputs.rules, inputs.candidate.bundle
    ours = measure_milliseconds(bundle, inputs.holdout)
    if ours is None:
        return Finding(False, "the contract reads no row of the holdout", "rows to time")
    most = rules.milliseconds * np.array(TIMES)
    beside = ""
    theirs = measure_milliseconds(inputs.production.bundle, inputs.holdout) if inputs.production else None
    if theirs is not None:
        most = np.minimum(most, np.maximum(rules.slower * theirs, _RESOLUTION))
        beside = f" (production {_three(theirs)})"
    megabytes = measure_megabytes(bundle)
    observed = f"{_three(ours)} ms a row: median, 99th percentile and slowest{beside}, {megabytes:.2g} MB"
    limit = f"at most {_three(most)} ms, {rules.megabytes:g} MB"
    return Finding(bool((ours <= most).all()) and megabytes <= rules.megabytes, observed, limit)


def measure_milliseconds(bundle: IsolatedBundle, holdout: "pd.DataFrame") -> Vector | None:
    """Return median, 99th percentile and maximum of a row's time, over those rows of the probe that the contract reads.

    Rows with long texts are among them, which clients may send where the contract has no limit.

    None where it reads none: production's contract may not know what the candidate's allows.
    """
    columns = frame_to_columns(bundle.fields, add_absent_columns(bundle.fields, holdout))
    columns = add_long_texts(take_rows(columns, probe_rows(columns)))
    _, refused, _ = bundle.read_rows(columns)
    kept = np.delete(np.arange(count_rows(columns)), refused)
    if not len(kept):
        return None
    _, seconds = bundle.score_alone(take_rows(columns, kept))
    return np.quantile(seconds, [0.5, 0.99, 1.0]) * 1e3


def measure_megabytes(bundle: IsolatedBundle) -> float:
    """Return the size of all files of a bundle."""
    return sum(file.stat().st_size for file in bundle.path.iterdir()) / _MEGABYTE


def _three(times: Vector) -> str:
    return " / ".join(f"{each:.2g}" for each in times)


def _differing(found: Vector, expected: Vector) -> int:
    """Count rows with other scores."""
    return int((found != expected).reshape(len(expected), -1).any(axis=1).sum())


def _same_values(read: NDArray[np.generic] | None, sent: NDArray[np.generic]) -> bool:
    if read is None or read.shape != sent.shape:
        return False
    return bool((read == sent).all()) if sent.dtype == object else np.array_equal(read, sent, equal_nan=True)
