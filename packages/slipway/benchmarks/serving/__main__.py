"""The service beside others, on this machine.

    python -m benchmarks.serving [--quick] [--only NAME ...] [--out docs/serving-benchmark.md]

Run it in packages/slipway (`make bench-serving` does); FILE is relative to the root of the repository. Needed: what
`make repro` leaves, wrk, vegeta, Linux. Peers are installed into .slipway/bench-serving/. The whole takes about 20
minutes, `--quick` five; nothing else should run meanwhile.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from benchmarks.serving import environment, report
from benchmarks.serving.contestants import OURS, OURS_IN_LINE, Places, Server, contestants
from benchmarks.serving.prepare import make_key, prepare
from benchmarks.serving.processes import BenchmarkError
from benchmarks.serving.questions import Questions, choose
from benchmarks.serving.rounds import Plan, Round, memory, play

from slipway.errors import SlipwayError
from slipway.settings import quiet_environment

ROOT = Path(__file__).parents[4]
FULL, QUICK = (5, Plan(warm=2, loop=2, rate=8)), (3, Plan(warm=1, loop=1, rate=4))
WORKERS = 3


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
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        every = contestants(Places(ROOT, programs, folder, make_key(folder), uri))
        servers = [server for server in every if not given.only or server.name in {OURS, OURS_IN_LINE, *given.only}]
        questions = choose(ROOT)
        prepare(Places(ROOT, programs, folder, "", uri), servers, questions)
        # First, because it is short: what fails here would fail after all rounds.
        costs = {server.name: weigh(server, plan, questions, folder) for server in servers}
        rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
        for number in range(repeats):
            for server in turn(servers, number):
                played = play(server, plan, questions, folder)
                rounds[server.name].append(played)
                say(f"round {number + 1} of {repeats}", played)
    return report.write(servers, rounds, costs, plan)


def turn(servers: Sequence[Server], number: int) -> list[Server]:
    """Another order in every round, so that none always follows the same."""
    start = number % len(servers)
    return [*servers[start:], *servers[:start]]


def weigh(server: Server, plan: Plan, questions: Questions, folder: Path) -> tuple[float, float]:
    """MiB with one worker, and for each further one."""
    one = memory(server, 1, plan.warm, questions, folder)
    many = memory(server, WORKERS, plan.warm, questions, folder) if server.scales else one
    print(f"memory: {server.name} {one:.0f} MiB with 1 worker, {many:.0f} with {WORKERS}", flush=True)
    return one, (many - one) / (WORKERS - 1)


def say(where: str, played: Round) -> None:
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
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
