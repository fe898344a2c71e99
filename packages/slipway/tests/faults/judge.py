"""Judge an operation during which git has failed once: what was lost, what is false, and what no longer works."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from ledgerbox import git
from operations import Operation

from slipway.errors import SlipwayError

# What a reader would take for the state of the ledger, of its signatures or of a release, although only git has failed.
FALSE = (
    "damaged",
    "rewritten",
    "shortened",
    "set back",
    "hidden",
    "no ledger",
    "no environment",
    "no such",
    "missing",
    "found none",
    "unsigned",
    "not signed",
    "has to be signed",
    "blocked",
    "nothing to go back to",
    "Nothing to rebase",
    "serves nothing yet",
    "Conflict",
    "rolled back already",
    "Traceback",
)
# An error that leaves open what serves.
UNSURE = ("could not be brought back", "not known", "may be newer")
UNCHANGED = ("Nothing was written", "Nothing was changed", "nothing is written")


class State(NamedTuple):
    """The commits of the branch and its witnesses in their repository, and a hash of the world's files."""

    branch: str
    witnesses: dict[str, str]
    files: str


class Report(msgspec.Struct, omit_defaults=True):
    """The losses and false entries after a fault, empty for nothing, and the state from which all goes on."""

    lost: str = ""
    false: str = ""
    state: State | None = None
    fault: str = ""


def look() -> State:
    """Return the state of the ledger, read with git alone."""
    lines = git(_keeper(), "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    found = dict(line.split(" ") for line in lines)
    tags = {name: commit for name, commit in found.items() if name.startswith("refs/tags/ledger/")}
    return State(found.get("refs/heads/deployments", ""), tags, fingerprint())


def judge_outcome(
    operation: Operation, before: State, expected: Any, found: Any, said: str, sound: dict[str, State]
) -> Report:
    """Judge the result `found` of an operation, or the text of its error, in a world whose `sound` states are known."""
    report = judge_state(before, sound)
    if report.state and (false := _find_false(operation, before, report.state, expected, found, said)):
        return Report(false=false)
    return msgspec.structs.replace(report, lost=f"{report.lost} ({said or found})") if report.lost else report


def judge_state(before: State, sound: dict[str, State]) -> Report:
    """Judge what is there now, whatever was said."""
    now = sound.get(fingerprint()) or look()
    lost = "" if now.files in sound else _find_lost(before, now)
    return Report(lost=lost) if lost else Report(state=now)


def judge_next(operation: Operation, report: Report, outcome: Any) -> Report:
    """Judge whether all goes on from the state of the world."""
    try:
        wrong = operation.go_on()
    except SlipwayError as error:
        wrong = str(error)
    return Report(false=f"then: {wrong} (after: {outcome})") if wrong else report


def _find_lost(before: State, now: State) -> str:
    """Return what was there before and is there no longer."""
    if moved := [name for name, commit in before.witnesses.items() if now.witnesses.get(name) != commit]:
        return f"the witness {moved[0]}"
    if now.branch == before.branch or not before.branch:
        return ""
    if not now.branch:
        return "the branch"
    commits = git(_keeper(), "rev-list", f"{now.branch}..{before.branch}")
    return commits or git(_keeper(), "diff-tree", "-r", "--diff-filter=D", "--name-only", before.branch, now.branch)


def _find_false(operation: Operation, before: State, now: State, expected: Any, found: Any, said: str) -> str:
    written = now.branch != before.branch
    if said:
        wrong = [word for word in FALSE if word in said]
        denied = written and any(word in said for word in UNCHANGED)
        return f"false: {said}" if wrong or denied else _find_contradiction(operation, said)
    if operation.writes and not written:
        return f"reported, but not there: {found}"
    return "" if found == expected else f"false result: {found}"


def _find_contradiction(operation: Operation, said: str) -> str:
    """Return the error where what serves is not what the ledger says, and the error does not say so either."""
    if not (operation.delivers and operation.in_sync) or any(word in said for word in UNSURE):
        return ""
    served = (Path("served") / operation.delivers).read_text()
    entry = json.loads(git(_keeper(), "show", f"refs/heads/deployments:{operation.delivers}.json"))
    newest = entry["serving"]["bundle"]
    return "" if served == newest else f"serves {served}, the ledger says {newest}: {said}"


def fingerprint() -> str:
    """Return a hash of every file of the world but git's objects, which decide nothing that a reference does not."""
    found = hashlib.sha256()
    for path in sorted(Path("..").rglob("*")):
        if path.is_file() and "objects" not in path.parts:
            found.update(f"{path}\n".encode() + path.read_bytes())
    return found.hexdigest()


def _keeper() -> Path:
    """The repository that keeps the ledger of the world in whose work tree this runs."""
    hub = Path("../hub.git")
    return hub if hub.exists() else Path()
