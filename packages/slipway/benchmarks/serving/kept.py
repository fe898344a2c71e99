"""Store each figure as a line of a file when it is measured, so that `--resume` continues a run that ended early."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from benchmarks.serving.processes import BenchmarkError
from benchmarks.serving.rounds import Plan, Round


class Setting(msgspec.Struct, frozen=True, tag=True):
    """The conditions of a run; figures of another run are comparable only under the same ones."""

    revision: str
    machine: list[tuple[str, str]]
    repeats: int
    plan: Plan


class Cost(msgspec.Struct, frozen=True, tag=True):
    """MiB of a service with one worker, and for each further one."""

    server: str
    one: float
    more: float


class Failure(msgspec.Struct, frozen=True, tag=True):
    """Why a service is left out from then on."""

    server: str
    reason: str


class Kept(msgspec.Struct):
    """The figures, by service; each one is on the disk before the next is measured."""

    path: Path
    rounds: dict[str, list[Round]] = {}
    costs: dict[str, tuple[float, float]] = {}
    failures: dict[str, str] = {}

    def add(self, figure: Cost | Failure | Round) -> None:
        """Keep a figure."""
        self._take(figure)
        _append(self.path, figure)

    def has_round(self, server: str, number: int) -> bool:
        """Tell whether the service was measured in this round."""
        return any(each.number == number for each in self.rounds.get(server, ()))

    def _take(self, figure: "Cost | Failure | Round") -> None:
        match figure:
            case Cost(server, one, more):
                self.costs[server] = one, more
            case Failure(server, reason):
                self.failures[server] = reason
            case Round():
                self.rounds.setdefault(figure.server, []).append(figure)


def begin(path: Path, setting: Setting) -> Kept:
    """Return no figures, and forget those of an earlier run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    _append(path, setting)
    return Kept(path)


def resume(path: Path, setting: Setting) -> Kept:
    """Return the figures of a run that ended early; what failed then is tried again.

    Raises `BenchmarkError` where there are none, or where they were made in another way.
    """
    lines = _whole_lines(path)
    decoder: msgspec.json.Decoder[Setting | Cost | Failure | Round] = msgspec.json.Decoder(
        Setting | Cost | Failure | Round
    )
    try:
        before, *figures = map(decoder.decode, lines)
    except (ValueError, msgspec.MsgspecError):
        raise BenchmarkError(
            f"Nothing to resume: expected {path}, which a run keeps. Run it without --resume."
        ) from None
    if before != setting:
        raise BenchmarkError(
            f"Cannot resume: {path} was measured at {_describe(before)}, this is {_describe(setting)}. "
            "Figures of both would not be comparable: run it without --resume."
        )
    kept = Kept(path)
    for each in figures:
        if isinstance(each, Cost | Round):
            kept._take(each)
    return kept


def _whole_lines(path: Path) -> Sequence[bytes]:
    """Return the lines of the file, and cut off one that was not written to its end."""
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    return whole.splitlines()


def _describe(found: object) -> str:
    if not isinstance(found, Setting):
        return "an unknown commit"
    return f"commit {found.revision[:12]}, {found.repeats} rounds of {found.plan.loop:g} s"


def _append(path: Path, figure: msgspec.Struct) -> None:
    with path.open("ab") as file:
        file.write(msgspec.json.encode(figure) + b"\n")
        file.flush()
        os.fsync(file.fileno())
