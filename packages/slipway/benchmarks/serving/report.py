"""The figures as Markdown: one table for each question, every service in it, and what was aimed at."""

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.serving import machine
from benchmarks.serving.aims import judge
from benchmarks.serving.contestants import CORES, Server
from benchmarks.serving.kept import Kept
from benchmarks.serving.load import CONNECTIONS, RATE
from benchmarks.serving.questions import BATCH, ROWS, TOLERANCE
from benchmarks.serving.rounds import CONNECTS, Plan, Round

Rounds = Mapping[str, Sequence[Round]]
Memory = Mapping[str, tuple[float, float]]
# Of the reason why a service failed, in a row.
_WIDTH = 200


def write(servers: Sequence[Server], kept: Kept, plan: Plan) -> str:
    """Return the whole report."""
    rounds, memory = kept.rounds, kept.costs
    shown = [server for server in servers if rounds.get(server.name)]
    return (
        "\n\n".join(
            [
                "# The service beside others\n\nMade by `make bench-serving`, which keeps each finished round: "
                "a run that ended early continues with `make bench-serving RESUME=1`.",
                _method(rounds, plan),
                _quiet(rounds),
                "## Aims\n\n" + judge(rounds),
                f"## One row a request, {CONNECTIONS} connections\n\n" + _loops(shown, rounds, lambda r: r.one, 1),
                f"## {BATCH} rows a request, {CONNECTIONS} connections\n\n"
                + _loops(shown, rounds, lambda r: r.many, BATCH),
                f"## {RATE:,} requests a second, one row each\n\n" + _latencies(shown, rounds),
                "## Start and memory\n\n" + _costs(shown, rounds, memory),
                *_failures(servers, kept),
                "## Machine\n\n" + table(("", ""), machine.describe()),
            ]
        )
        + "\n"
    )


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _method(rounds: Rounds, plan: Plan) -> str:
    repeats = max(map(len, rounds.values()))
    return (
        f"Every service has the same model, {CORES} workers (`mlflow models serve` by default one) and its fastest "
        f"settings, and shares the machine only with the load. {repeats} rounds; in each, every service is started, "
        f"called until it responds correctly, checked ({ROWS} rows alone and in batches, within {TOLERANCE:g} of the "
        "bundle's score), warmed up, measured, stopped; the order rotates. Figures are medians over rounds, with the "
        f"smallest and largest. A closed loop is {CONNECTS} times {plan.loop:g} s, each with new connections, and the "
        "fastest counts, because the kernel distributes connections to workers at random. Processor time is that of "
        "all the service's processes, and steadier than throughput. Any status but 200 is a failure, after "
        "which a peer is left out. Only Slipway "
        "checks keys, writes a log and counts metrics."
    )


def _quiet(rounds: Rounds) -> str:
    others = [each.others for played in rounds.values() for each in played]
    text = (
        f"Other programs took {statistics.median(others):.0%} of the processors meanwhile (at most {max(others):.0%})."
    )
    return (
        text if max(others) < 0.05 else f"{text} **The machine was not quiet**: trust ratios of processor time first."
    )


def _failures(servers: Sequence[Server], kept: Kept) -> list[str]:
    lines = [
        [server.title, str(len(kept.rounds.get(server.name, ()))), _cell(kept.failures[server.name])]
        for server in servers
        if server.name in kept.failures
    ]
    return ["## Failures\n\n" + table(["service", "rounds before", "why it was left out"], lines)] if lines else []


def _cell(reason: str) -> str:
    short = reason if len(reason) <= _WIDTH else f"{reason[:_WIDTH]} ..."
    return short.replace("|", "\\|")


def _loops(servers: Sequence[Server], rounds: Rounds, loop: Callable[[Round], object], rows: int) -> str:
    lines = []
    for server in servers:
        played = [loop(each) for each in rounds[server.name]]
        rates = [each.rate for each in played]
        cells = [server.title, _spread(rates, "{:,.0f}")]
        cells += [f"{rows * statistics.median(rates):,.0f}"] if rows > 1 else []
        lines.append([*cells, _spread([each.cpu for each in played], "{:,.0f}")])
    head = ["service", "requests/s", *(["rows/s"] if rows > 1 else []), "processor µs/request"]
    return table(head, lines)


def _latencies(servers: Sequence[Server], rounds: Rounds) -> str:
    lines = []
    for server in servers:
        found = [each.latency for each in rounds[server.name] if each.latency]
        if len(found) < len(rounds[server.name]):
            lines.append([server.title, "too slow for it"])
            continue
        lines.append([server.title, _spread([each.p99 for each in found], "{:.2f}")])
    return table(["service", "p99 ms"], lines)


def _costs(servers: Sequence[Server], rounds: Rounds, memory: Memory) -> str:
    lines = []
    for server in servers:
        start = _spread([each.start for each in rounds[server.name]], "{:.2f}")
        one, more = memory.get(server.name, (None, None))
        cells = [f"{value:,.0f}" if value is not None else "" for value in (one, more if server.scales else None)]
        lines.append([server.title, start, *cells])
    return table(["service", "seconds to the first right answer", "MiB, one worker", "MiB, each further"], lines)


def _spread(values: Sequence[float], form: str) -> str:
    middle, low, high = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low}..{high})"
