"""Let each call of git fail once, in every way, in every operation: nothing is lost, and nothing false is reported.

python packages/slipway/tests/faults [--only OPERATION ...] [--json]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
_MEMORY = Path("/dev/shm")
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "OMP_NUM_THREADS": "1"}

import msgspec  # noqa: E402
from forks import Found, try_every_fault  # noqa: E402
from operations import OPERATIONS  # noqa: E402
from worlds import Worlds  # noqa: E402


def main() -> None:
    """Exit with 1 if a fault loses something, or something false is reported."""
    given = _arguments()
    say = sys.stderr.write if given.json else sys.stdout.write
    found: dict[str, tuple[Found, float]] = {}
    # In memory, where there is some for files: each fault makes and removes a hundred.
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as temporary:
        worlds = Worlds(Path(temporary))
        for name in given.only or OPERATIONS:
            started = time.monotonic()
            found[name] = try_every_fault(worlds, OPERATIONS[name]), time.monotonic() - started
            say(f"{name}: {found[name][0].calls} calls, {found[name][0].faults} faults\n")
    if given.json:
        rows = [{"operation": name, **each._asdict()} for name, (each, _) in found.items()]
        sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
    else:
        sys.stdout.write(f"\n{_render(found)}\n")
    for name, (each, _) in found.items():
        sys.stderr.writelines(f"{name}: {problem}\n" for problem in (*each.lost, *each.false))
    sys.exit(1 if any(each.lost or each.false for each, _ in found.values()) else 0)


def _render(found: dict[str, tuple[Found, float]]) -> str:
    """Return the table as Markdown."""
    lines = ["| operation | calls of git | faults | lost | false | seconds |", "|---|---:|---:|---:|---:|---:|"]
    rows = {
        name: (each.calls, each.faults, len(each.lost), len(each.false), took) for name, (each, took) in found.items()
    }
    rows[f"**{len(rows)} operations**"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    lines += [
        f"| {name} | {calls:,} | {faults:,} | {lost} | {false} | {took:.0f} |"
        for name, (calls, faults, lost, false, took) in rows.items()
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="OPERATION", choices=sorted(OPERATIONS))
    parser.add_argument("--json", action="store_true", help="one JSON array instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
