"""Break a good project in every way of the catalogue, and see that the gate refuses each for its own reason.

python packages/slipway/tests/mutants [--only NAME ...] [--json]
"""

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent / "toys")]

from slipway.settings import quiet_environment  # noqa: E402

quiet_environment()

import msgspec  # noqa: E402
from catalogue import CATALOGUE  # noqa: E402
from hunt import Outcome, chosen, hunt, make_good  # noqa: E402


def main() -> None:
    """Exit with 1 if a mutant survives, or is refused for another reason only, or its twin is refused."""
    given = _arguments()
    say = sys.stderr.write if given.json else sys.stdout.write
    with tempfile.TemporaryDirectory() as temporary:
        say("A good project, and an honest model in its production ...\n")
        good = make_good(Path(temporary))
        found = hunt(good, chosen(given.only), Path(temporary), say)
    if given.json:
        rows = [{**outcome._asdict(), "mutant": outcome.mutant.name, "caught": outcome.caught} for outcome in found]
        sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
    else:
        sys.stdout.write(f"\n{table(found)}\n")
    survivors = [outcome for outcome in found if not outcome.caught]
    for outcome in survivors:
        sys.stderr.write(
            f"not caught: {outcome.mutant.name}: expected {outcome.mutant.check}, refused by "
            f"{', '.join(outcome.refused_by) or 'nothing'}; its twin: {outcome.twin}\n"
        )
    caught = len(found) - len(survivors)
    say(f"\n{caught} of {len(found)} mutants were refused for their own reason, and their honest twins passed.\n")
    sys.exit(1 if survivors else 0)


def table(found: list[Outcome]) -> str:
    """The outcomes as Markdown."""
    lines = ["| mutant | what is wrong | refused by | seconds |", "|---|---|---|---:|"]
    for outcome in found:
        own = outcome.mutant.check
        others = [name for name in outcome.refused_by if name != own]
        named = f"**{own}**" if own in outcome.refused_by else "nothing of its own"
        also = f", {', '.join(others)}" if others else ""
        lines.append(f"| {outcome.mutant.name} | {outcome.mutant.what} | {named}{also} | {outcome.seconds:.1f} |")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=sorted(CATALOGUE))
    parser.add_argument("--json", action="store_true", help="one JSON array instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
