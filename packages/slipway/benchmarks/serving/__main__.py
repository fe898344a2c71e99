"""The service beside others, on this machine.

    python -m benchmarks.serving [--quick] [--only NAME ...] [--resume] [--out docs/serving-benchmark.md]

Run it in packages/slipway (`make bench-serving` does); FILE is relative to the root of the repository. Needed: what
`make repro` leaves, wrk, vegeta, Linux. Peers are installed into .slipway/bench-serving/. The whole takes about 20
minutes, `--quick` five; nothing else should run meanwhile. Each finished round is kept there: a run that ended early
continues with `--resume`. A peer that fails is left out from then on, and its row says why.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import psutil
from benchmarks.serving import environment, machine, report
from benchmarks.serving.contestants import OURS, OURS_IN_LINE, Places, Server, contestants
from benchmarks.serving.kept import Cost, Failure, Kept, Setting, begin, resume
from benchmarks.serving.prepare import make_key, prepare
from benchmarks.serving.processes import BenchmarkError
from benchmarks.serving.questions import Questions, choose
from benchmarks.serving.rounds import Plan, Round, memory, play

from slipway.errors import SlipwayError
from slipway.settings import quiet_environment

ROOT = Path(__file__).parents[4]
FULL, QUICK = (5, Plan(warm=2, loop=2, rate=8)), (3, Plan(warm=1, loop=1, rate=4))
WORKERS = 3
KEPT = Path(".slipway/bench-serving/rounds.jsonl")


def main() -> None:
    given = _arguments()
    quiet_environment()
    try:
        environment.require(ROOT)
        out = _writable(given.out)
        text = run(given)
    except (BenchmarkError, SlipwayError) as error:
        sys.exit(f"bench-serving: {error}")
    print(f"\n{text}")
    if out:
        out.write_text(text)


def _writable(out: Path | None) -> Path | None:
    """Return the place of the report, from the root of the repository; raise `BenchmarkError` without its folder."""
    found = ROOT / out if out else None
    if found and not found.parent.is_dir():
        raise BenchmarkError(
            f"Cannot write --out {out}: expected the folder {found.parent}. Create it, or name another."
        )
    return found


def run(given: argparse.Namespace) -> str:
    """Measure what was asked for; the report."""
    repeats, plan = QUICK if given.quick else FULL
    programs = environment.install(ROOT)
    uri = msgspec.json.decode((ROOT / "registered.json").read_bytes())["uri"]
    setting = Setting(_revision(), machine.describe(), repeats, plan)
    kept = (resume if given.resume else begin)(ROOT / KEPT, setting)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        every = contestants(Places(ROOT, programs, folder, make_key(folder), uri))
        servers = [server for server in every if not given.only or server.name in {OURS, OURS_IN_LINE, *given.only}]
        questions = choose(ROOT)
        prepare(Places(ROOT, programs, folder, "", uri), servers, questions)
        measure(servers, kept, setting, questions, folder)
    return report.write(servers, kept, plan)


def measure(servers: Sequence[Server], kept: Kept, setting: Setting, questions: Questions, folder: Path) -> None:
    """Measure what `kept` lacks; a peer that fails is left out from then on, and one of ours ends the run."""
    plan = setting.plan
    # First, because it is short: what fails here would fail after all rounds.
    for server in servers:
        if server.name not in kept.costs:
            attempt(server, kept, partial(weigh, server, plan, questions, folder))
    for number in range(setting.repeats):
        for server in turn(servers, number):
            if server.name not in kept.failures and not kept.has_round(server.name, number):
                played = attempt(server, kept, partial(play, server, number, plan, questions, folder))
                say(f"round {number + 1} of {setting.repeats}", played)


def attempt(server: Server, kept: Kept, step: Callable[[], Cost | Round]) -> Cost | Round | None:
    """Return what `step` measured, and keep it; None if it fails."""
    try:
        found = step()
    except (BenchmarkError, OSError, psutil.Error) as error:
        if server.name in (OURS, OURS_IN_LINE):
            raise
        reason = " ".join(str(error).split())
        print(f"{server.name} is left out: {reason}", flush=True)
        kept.add(Failure(server.name, reason))
        return None
    kept.add(found)
    return found


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40"], capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip()


def turn(servers: Sequence[Server], number: int) -> list[Server]:
    """Another order in every round, so that none always follows the same."""
    start = number % len(servers)
    return [*servers[start:], *servers[:start]]


def weigh(server: Server, plan: Plan, questions: Questions, folder: Path) -> Cost:
    """Measure the memory with one worker and with several."""
    one = memory(server, 1, plan.warm, questions, folder)
    many = memory(server, WORKERS, plan.warm, questions, folder) if server.scales else one
    print(f"memory: {server.name} {one:.0f} MiB with 1 worker, {many:.0f} with {WORKERS}", flush=True)
    return Cost(server.name, one, (many - one) / (WORKERS - 1))


def say(where: str, played: Cost | Round | None) -> None:
    """Print the figures of a round, if it has any."""
    if not isinstance(played, Round):
        return
    latency = f"p99 {played.latency.p99:.2f} ms" if played.latency else ""
    print(
        f"{where}: {played.server:<16} start {played.start:5.2f} s, one row {played.one.rate:8,.0f}/s "
        f"{played.one.cpu:7,.0f} us, many {played.many.rate:7,.0f}/s {played.many.cpu:8,.0f} us, "
        f"others {played.others:4.0%}  {latency}",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a short run: fewer rounds, shorter loops")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="ours and this one; may be repeated"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue a run that ended early, at the same commit on this machine"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
