"""Verify the history of the ledger, commit by commit: each is one event, and follows from the one before it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from slipway.errors import LedgerError
from slipway.ledger.bundles import read_bundle
from slipway.ledger.entries import (
    ENTRY,
    DamageError,
    damaged_commit,
    list_environments,
    missing_object,
    parse_entry,
    read_entry,
)
from slipway.ledger.entry import Entry, Event
from slipway.ledger.objects import Objects
from slipway.ledger.records import RECORD_PATH, hash_record, wrong_record
from slipway.ledger.transitions import verify_transition

_BUNDLE = re.compile(r"bundles/([0-9a-f]{64})/[^/\"]+\Z")
_END = "end"
_DONE = {"A": "added", "M": "modified", "D": "deleted"}


class Change(NamedTuple):
    """The change of one path by one commit; `status` is A for added, M for modified, D for deleted."""

    status: str
    mode: str
    id: str
    path: str


class Step(NamedTuple):
    """One commit: the entries that it writes (environment and object), and the bundles that it adds.

    `records` are the objects of the records that it adds, by the bundle, and `replaced` of those that it replaces.
    """

    commit: str
    entries: tuple[tuple[str, str], ...]
    bundles: frozenset[str]
    records: dict[str, str]
    replaced: dict[str, str]


def verify_history(git: Objects, since: str | None, tip: str) -> int:
    """Verify the commits after `since` (None: from the first one) up to `tip`, and return their number.

    Each has one parent, writes one entry that follows from the one before it, or genesis entries, and adds the bundle
    that its entry names unless that is kept already. The files of bundles are not read here.
    """
    commits = _list_commits(git, since, tip)
    if not commits:
        return 0
    steps = [_step(commit, changes) for commit, changes in _changes(git, commits)]
    newest = {name: read_entry(git, since, name) for name in list_environments(git, since)} if since else {}
    kept = {item.name for item in git.tree(since, "bundles")} if since else set()
    contents = git.contents(blob for step in steps for _, blob in step.entries)
    named: list[tuple[Step, str]] = []
    for step in steps:
        for environment, _ in step.entries:
            entry = parse_entry(next(contents), environment, step.commit)
            try:
                verify_transition(newest.get(environment), entry)
            except LedgerError as error:
                raise damaged_commit(step.commit, str(error)) from error
            _verify_bundles(step, entry, kept)
            _verify_records(step, entry)
            newest[environment] = entry
            if entry.record:
                named.append((step, entry.record))
        kept |= step.bundles
    _verify_hashes(git, named)
    return len(commits)


def verify_own_commit(git: Objects, tip: str | None, new: str, entries: Sequence[Entry]) -> None:
    """Verify, as a reader would, that the commit `new` adds these entries to `tip`, and nothing else is changed."""
    try:
        verify_history(git, tip, new)
        for entry in entries:
            found = read_entry(git, new, entry.environment)
            if msgspec.json.encode(found) != msgspec.json.encode(entry):
                raise damaged_commit(new, f"expected {entry}, found {found}")
            if entry.release:
                read_bundle(git, new, entry.release.bundle)
    except DamageError as error:
        raise LedgerError(
            f"Nothing was written: git made another commit than the one that was asked for: {error.what}. Retry; if it "
            "stays, `git fsck` says what is wrong with this clone."
        ) from error


def _list_commits(git: Objects, since: str | None, tip: str) -> list[str]:
    """Return the commits after `since`, which `tip` descends from, oldest first; each is the parent of the next."""
    if since == tip:
        return []
    wanted = [tip, f"^{since}"] if since else [tip]
    shown = git.run("rev-list", "--parents", "--topo-order", "--reverse", *wanted, "--")
    rows = [row.split() for row in shown.splitlines()]
    for commit, *parents in rows:
        if len(parents) > 1:
            merged = ", ".join(parent[:12] for parent in parents)
            raise damaged_commit(commit, f"expected one parent, found a merge of {merged}")
    chain = [since, *(commit for commit, *_ in rows)]
    if chain[-1] != tip or [parents for _, *parents in rows] != [[before] if before else [] for before in chain[:-1]]:
        raise git.unexpected("rev-list", shown)
    return [commit for commit, *_ in rows]


def _changes(git: Objects, commits: list[str]) -> Iterator[tuple[str, list[Change]]]:
    """Yield the changes of each commit against its parent, of the first one against nothing."""
    # Git prints every commit, and repeats a line that is none: the last one shows that nothing is missing.
    given = "".join(f"{commit}\n" for commit in [*commits, _END]).encode()
    options = ("--stdin", "--always", "--root", "-r", "--raw", "--no-abbrev", "--no-renames")
    shown = git.run("diff-tree", *options, given=given)
    found: dict[str, list[Change]] = {}
    for line in shown.splitlines():
        if not line.startswith(":"):
            found[line] = current = []
            continue
        about, path = line.split("\t", 1)
        _, mode, _, blob, status = about.split(" ")
        current.append(Change(status, mode, blob, path))
    if list(found) != [*commits, _END]:
        raise git.unexpected("diff-tree", shown)
    yield from ((commit, found[commit]) for commit in commits)


def _step(commit: str, changes: list[Change]) -> Step:
    entries: dict[str, Change] = {}
    bundles, records, replaced = set[str](), dict[str, str](), dict[str, str]()
    for change in changes:
        entry, bundle, record = (kind.match(change.path) for kind in (ENTRY, _BUNDLE, RECORD_PATH))
        if entry and change.status in "AM" and change.mode == "100644":
            entries[entry.group(1)] = change
        elif bundle and change.status == "A" and change.mode == "100644":
            bundles.add(bundle.group(1))
        elif record and change.status in "AM" and change.mode == "100644":
            (records if change.status == "A" else replaced)[record.group(1)] = change.id
        else:
            done = _DONE.get(change.status, "changed")
            raise damaged_commit(commit, f"expected an entry and at most a new bundle, found {change.path} {done}")
    written = tuple((name, change.id) for name, change in entries.items())
    step = Step(commit, written, frozenset(bundles), records, replaced)
    if not entries:
        _verify_records(step, None)
    kinds = {change.status for change in entries.values()}
    if kinds != {"A"} and (kinds != {"M"} or len(entries) != 1):
        raise damaged_commit(commit, f"expected one event, found {len(entries)} entries written")
    return step


def _verify_bundles(step: Step, entry: Entry, kept: set[str]) -> None:
    named = {entry.release.bundle} if entry.release else set()
    if changed := step.bundles & kept:
        raise damaged_commit(
            step.commit, f"expected bundles to stay as they are, found files added to {min(changed)[:12]}"
        )
    if stray := step.bundles - named:
        raise damaged_commit(
            step.commit, f"expected only the bundle that its entry names, found {min(stray)[:12]} added"
        )
    if missing := named - kept - step.bundles:
        raise damaged_commit(step.commit, f"its entry names the bundle {min(missing)[:12]}, which is not in bundles/")


def _verify_hashes(git: Objects, named: Sequence[tuple[Step, str]]) -> None:
    """Raise unless each commit writes one record, with the hash that its entry names."""
    written = [[*step.records.items(), *step.replaced.items()] for step, _ in named]
    contents = git.contents(blob for records in written for _, blob in records)
    for (step, expected), records in zip(named, written, strict=True):
        if not records:
            raise damaged_commit(step.commit, f"its entry names the evaluation record {expected[:12]} and brings none")
        for digest, _ in records:
            content = next(contents)
            if content is None:
                raise missing_object(f"records/{digest}.json.gz", step.commit)
            if (found := hash_record(content)) != expected:
                raise wrong_record(step.commit, digest, found, expected)


def _verify_records(step: Step, entry: Entry | None) -> None:
    """Raise unless records come with their bundle, or one is written by a rebase of its release."""
    if entry and entry.event is Event.REBASE:
        named = {entry.release.bundle} if entry.release else set()
        if {*step.records, *step.replaced} != named:
            raise damaged_commit(step.commit, "expected a rebase to write the record of its release, and no other one")
        return
    if step.replaced:
        raise damaged_commit(
            step.commit, f"expected a record to stay, found records/{min(step.replaced)}.json.gz modified"
        )
    if stray := step.records.keys() - step.bundles:
        raise damaged_commit(
            step.commit, f"expected only the record of a new bundle, found that of {min(stray)[:12]} added"
        )
