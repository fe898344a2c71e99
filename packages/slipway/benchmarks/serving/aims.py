"""What was aimed at, and how far it was reached: ratios of two services in the same round, medians over rounds."""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec
from benchmarks.serving.contestants import BY_HAND, MLFLOW, MLFLOW_BEST, NOOP, OURS, OURS_IN_LINE, USUAL
from benchmarks.serving.load import RATE
from benchmarks.serving.questions import BATCH
from benchmarks.serving.rounds import Round

Rounds = Mapping[str, Sequence[Round]]


class Aim(msgspec.Struct, frozen=True):
    """`figure` of our round and the peer's; more is better unless `most`."""

    text: str
    peer: str
    figure: Callable[[Round, Round], float | None]
    floor: float
    aim: float
    most: bool = False
    own: str = OURS


def _latency(ours: Round, theirs: Round) -> float | None:
    return ours.latency.p99 / theirs.latency.p99 if ours.latency and theirs.latency else None


def _one(ours: Round, theirs: Round) -> float:
    return ours.one.rate / theirs.one.rate


def _many(ours: Round, theirs: Round) -> float:
    return ours.many.rate / theirs.many.rate


def _many_cpu(ours: Round, theirs: Round) -> float:
    return ours.many.cpu / theirs.many.cpu


AIMS = (
    Aim("one row: requests/s over FastAPI + ONNX by hand", BY_HAND, _one, 2, 3),
    Aim("the same by processor time", BY_HAND, lambda a, b: b.one.cpu / a.one.cpu, 2, 3),
    Aim("one row: requests/s over FastAPI + ONNX as usual", USUAL, _one, 2, 3),
    Aim("one row: requests/s over MLflow, defaults", MLFLOW, _one, 50, 50),
    Aim("one row: requests/s over MLflow at its best", MLFLOW_BEST, _one, 30, 30),
    Aim("one row: requests/s of the no-op's", NOOP, _one, 0.40, 0.55),
    Aim("the same, one request at once", NOOP, _one, 0.40, 0.55, own=OURS_IN_LINE),
    Aim("one request at once: requests/s over FastAPI + ONNX as usual", USUAL, _one, 2, 3, own=OURS_IN_LINE),
    Aim(f"p99 at {RATE:,}/s, part of FastAPI + ONNX's by hand", BY_HAND, _latency, 0.5, 0.5, most=True),
    Aim(f"{BATCH} rows: requests/s over FastAPI + ONNX by hand", BY_HAND, _many, 2, 2),
    Aim(f"{BATCH} rows: requests/s over FastAPI + ONNX as usual", USUAL, _many, 2, 2),
    Aim(f"{BATCH} rows: processor time, part of FastAPI + ONNX's by hand", BY_HAND, _many_cpu, 1, 1, most=True),
    Aim("seconds to the first right answer", OURS, lambda a, _: a.start, 0.6, 0.6, most=True),
)


def judge(rounds: Rounds) -> str:
    """A Markdown table of every aim whose services were measured."""
    lines = ["| what | measured | floor | aim | |", "|---|---:|---:|---:|---|"]
    for aim in AIMS:
        peers = {each.number: each for each in rounds.get(aim.peer, ())}
        pairs = [(each, peers[each.number]) for each in rounds.get(aim.own, ()) if each.number in peers]
        values = [value for ours, theirs in pairs if (value := aim.figure(ours, theirs)) is not None]
        if values:
            found = statistics.median(values)
            sign = "<= " if aim.most else ""
            lines.append(
                f"| {aim.text} | {found:.2f} ({min(values):.2f}..{max(values):.2f}) | {sign}{aim.floor:g} "
                f"| {sign}{aim.aim:g} | {_verdict(aim, found)} |"
            )
    return "\n".join(lines)


def _verdict(aim: Aim, found: float) -> str:
    def reached(wanted: float) -> bool:
        return found <= wanted if aim.most else found >= wanted

    if reached(aim.aim):
        return "reached"
    return "floor reached" if reached(aim.floor) else "**missed**"
