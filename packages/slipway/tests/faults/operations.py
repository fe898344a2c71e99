"""The operations of the ledger and of delivery that ask git, each with a world and with what must work afterwards."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ledgerbox import BY, ENVIRONMENTS
from worlds import NEW, OLD, ROOT, digest_of, make_entry

from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile
from slipway.delivery.release import BUNDLE, VERDICT, Chosen
from slipway.delivery.status import read_status, trace_release
from slipway.files.writing import write_json
from slipway.gate.result import GateResult, Verdict
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.ledger.transitions import unblock_entry


class Operation(NamedTuple):
    """A command in the work tree of a world: `run` returns its result.

    `go_on` says what does not work afterwards. `delivers`: the environment that it changes, which must serve what the
    ledger says unless the error says that it does not, or it was not `in_sync`
    before. `files`: it writes files as well.
    """

    world: str
    run: Callable[[], Any]
    go_on: Callable[[], str]
    writes: bool = True
    delivers: str = ""
    in_sync: bool = True
    files: bool = False


def _quiet(_: str) -> None:
    """Say nothing."""


# Writing: the genesis, entries with and without a bundle, corrections.


def _init(*environments: str) -> Any:
    ledger = Ledger(ROOT)
    ledger.init(environments or ENVIRONMENTS, BY, "it begins")
    return ledger.read((environments or ENVIRONMENTS)[0])


def _append(bundle: Path, event: Event = Event.PROMOTE) -> Any:
    return Ledger(ROOT).append("production", make_entry(bundle, event), bundle)


def _append_kept() -> Any:
    return Ledger(ROOT).append("production", make_entry(OLD, Event.FAILED))


def _distrust() -> Any:
    return Ledger(ROOT).distrust("production", digest_of(NEW)[:12], "it had seen its test")


def _unblock() -> Any:
    ledger = Ledger(ROOT)
    return ledger.append("production", partial(unblock_entry, digest=digest_of(NEW), by=ledger.by, reason="a reason"))


def _rebase() -> Any:
    ledger = Ledger(ROOT)
    champion = ledger.champion()
    assert champion
    record = ledger.fetch_record(champion.bundle)
    assert record
    make = partial(next_entry, event=Event.REBASE, by=ledger.by, reason="a reason", release=champion)
    return ledger.append("production", make, record=record + b"\n")


# Reading.


def _read() -> Any:
    ledger = Ledger(ROOT)
    return [ledger.read(name) for name in ledger.environments()], ledger.by, ledger.trust, ledger.exists()


def _history() -> Any:
    ledger = Ledger(ROOT)
    return list(ledger.history("production")), ledger.is_signed("production", 1), ledger.champion()


def _fetch() -> Any:
    ledger = Ledger(ROOT)
    folder = ledger.fetch_bundle(digest_of(OLD), ROOT / "fetched")
    return sorted(path.name for path in folder.iterdir()), len(ledger.fetch_record(digest_of(OLD)) or b"")


def _verify() -> Any:
    return Ledger(ROOT).verify()


def _status() -> Any:
    return read_status(ROOT)


def _show() -> Any:
    return trace_release(ROOT, "production")


# Delivery.


def _deploy() -> Any:
    _write_release(ROOT / "release")
    return operations.deploy(ROOT, "staging", _quiet, chosen=ROOT / "release")


def _promote() -> Any:
    return operations.promote(ROOT, "staging", "production", _quiet)


def _roll_back(to: int | None = None, seen: int | None = None) -> Any:
    return operations.rollback(ROOT, "production", "it drifted", _quiet, to, seen, accept=lambda _: True)


def _reconcile() -> Any:
    return reconcile(ROOT, "production", _quiet).entry


def _write_release(folder: Path) -> None:
    """Write what `slipway choose` writes for a candidate of the commit that is checked out."""
    if folder.exists():
        return
    (folder / BUNDLE).mkdir(parents=True)
    for path in NEW.iterdir():
        (folder / BUNDLE / path.name).write_bytes(path.read_bytes())
    digest = digest_of(NEW)
    release = Release(bundle=digest, commit=(ROOT / ".git/refs/heads/main").read_text().strip())
    verdict = {"sentence": "better", "primary": "log_loss", "confidence": 0.95}
    found = GateResult(verdict=Verdict.PROMOTE, candidate=digest, production=None, ships=digest, **verdict)
    write_json(folder / VERDICT, found)
    write_json(folder / "release.json", Chosen(release, {"verdict": "promote"}, 1))


# What must work afterwards in the same clone.


def _begins() -> str:
    ledger = Ledger(ROOT)
    if not ledger.exists():
        _init()
    return "" if Ledger(ROOT).read("production").number == 0 else "it cannot begin"


def _grows() -> str:
    newest = Ledger(ROOT).read("production").number
    ledger = Ledger(ROOT)
    entry = ledger.append("production", make_entry(OLD), OLD)
    return "" if entry.number == newest + 1 and ledger.verify() else "the next one does not follow"


def _reads() -> str:
    return "" if Ledger(ROOT).read("production").number else "it cannot be read"


def _same_again(run: Callable[[], Any], environment: str, bundle: Path, event: Event, count: int) -> Callable[[], str]:
    """The same command again must end with the bundle serving, after one entry of the event and no block of it."""

    def go_on() -> str:
        run()
        entries = list(Ledger(ROOT).history(environment))
        served = (ROOT / "served" / environment).read_text()
        events = [entry.event for entry in entries].count(event)
        digest = digest_of(bundle)
        serving = entries[0].serving.bundle if entries[0].serving else None
        if (events, served, serving, digest in entries[0].blocked) != (count, digest, digest, False):
            return f"again: {events} entries of {event}, serves {served}, by the ledger {serving}: {entries[0].blocked}"
        return ""

    return go_on


def _delivery(
    world: str, run: Callable[[], Any], bundle: Path, event: Event, environment: str = "production", count: int = 1
) -> Operation:
    return Operation(world, run, _same_again(run, environment, bundle, event, count), delivers=environment, files=True)


def _reading(world: str, run: Callable[[], Any], **more: Any) -> Operation:
    return Operation(world, run, _reads, writes=False, **more)


OPERATIONS = {
    "init": Operation("empty", _init, _begins),
    "init without a remote": Operation("alone", _init, _begins),
    "init of a third environment": Operation("begun", partial(_init, "canary"), _grows),
    "append": Operation("begun old", partial(_append, NEW), _grows),
    "append without a remote": Operation("alone begun old", partial(_append, NEW), _grows),
    "append of a kept bundle": Operation("known begun old", _append_kept, _grows),
    "append, signed": Operation("begun old signed", partial(_append, NEW), _grows),
    "distrust": Operation("begun old new", _distrust, _grows),
    "unblock": Operation("begun old new back", _unblock, _grows),
    "gate rebase": Operation("begun old new", _rebase, _grows),
    "read": _reading("begun old new", _read),
    "read what is known": _reading("known begun old new", _read),
    "read in a shallow clone": _reading("shallow begun old new", _read),
    "read, signed": _reading("begun old signed new", _read),
    "read without a remote": _reading("alone begun old", _read),
    "history": _reading("begun old new", _history),
    "history, signed": _reading("begun old signed new", _history),
    "fetch of a bundle": _reading("begun old new", _fetch, files=True),
    "verify": _reading("begun old new", _verify),
    "verify, signed": _reading("begun old signed new", _verify),
    "status": _reading("begun old new", _status),
    "show": _reading("begun old new", _show),
    "deploy": _delivery("begun old", _deploy, NEW, Event.DEPLOY, "staging"),
    "promote": _delivery("begun old staged", _promote, NEW, Event.PROMOTE, count=2),
    "promote without a remote": _delivery("alone begun old staged", _promote, NEW, Event.PROMOTE, count=2),
    "promote, signed": _delivery("begun old signed staged", _promote, NEW, Event.PROMOTE, count=2),
    "rollback": _delivery("begun old new", _roll_back, OLD, Event.ROLLBACK),
    "rollback --from": _delivery("begun old new", partial(_roll_back, seen=2), OLD, Event.ROLLBACK),
    "rollback --to": _delivery("begun old new", partial(_roll_back, 1), OLD, Event.ROLLBACK),
    "rollback, signed": _delivery("begun old signed new", _roll_back, OLD, Event.ROLLBACK),
    "rollback --to, signed": _delivery("begun old signed new", partial(_roll_back, 1), OLD, Event.ROLLBACK),
    "rollback without a remote": _delivery("alone begun old new", _roll_back, OLD, Event.ROLLBACK),
    "reconcile": _delivery("begun old new restarted", _reconcile, NEW, Event.PROMOTE, count=2)._replace(
        writes=False, in_sync=False
    ),
}
