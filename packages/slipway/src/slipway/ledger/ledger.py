"""The ledger: which release serves in each environment, since when and why, on the git branch `deployments`."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from slipway.errors import LedgerError
from slipway.ledger.bundles import read_bundle, take_bundle
from slipway.ledger.champion import distrust_entry, find_champion
from slipway.ledger.commit import commit_entry, commit_genesis, publish_commit
from slipway.ledger.entries import list_environments, read_entry, read_history
from slipway.ledger.entry import PRODUCTION, Entry, Event, Release
from slipway.ledger.objects import Objects
from slipway.ledger.records import read_record_content
from slipway.ledger.remote import choose_remote
from slipway.ledger.signatures import SIGNERS, SignatureError, Signers, verify_newest, verify_signatures
from slipway.ledger.tip import Tip, find_tip
from slipway.ledger.transitions import genesis_entry, next_entry, verify_transition
from slipway.ledger.verify import verify_history, verify_own_commit
from slipway.ledger.witness import witness_entries
from slipway.settings import ProjectSettings, actor

# How often an event is made again because another command wrote first.
_TRIES = 6


class Ledger:
    """The ledger of the repository at `root`; working tree, index and head are never touched.

    The remote is asked once, at the first reading, and again by every `append` and `refresh`. Everything that is read
    has been verified: the history since the commit that was verified last, the whole of it in a new clone.
    Every method raises `LedgerError`.
    """

    def __init__(self, root: Path, settings: ProjectSettings | None = None) -> None:
        """Read nothing yet; without `settings` those of `root` are read when they are needed."""
        self.root = root
        self._settings = settings
        self._git = Objects(root)
        self._tip: Tip | None = None

    @cached_property
    def remote(self) -> str | None:
        """The remote that keeps the ledger; None: the branch `deployments` of this repository does."""
        return choose_remote(self._git, self._settings)

    @property
    def offline(self) -> str | None:
        """Why the remote was not asked, so that what is read may be old; None if it was asked or there is none."""
        return (self._tip or self._find(writing=False)).offline

    @cached_property
    def by(self) -> str:
        """The acting person: git's user.name and user.email, else $GITHUB_ACTOR, else the user of the machine."""
        found = self._git.configuration()
        name, email = found.get("user.name"), found.get("user.email")
        return f"{name} <{email}>" if name and email else name or actor()

    @property
    def trust(self) -> str:
        """A sentence on who vouches for the newest entry: a signer, or anybody who can push."""
        return (self._tip or self._find(writing=False)).trust

    def is_signed(self, environment: str, number: int) -> bool:
        """Return False for an unsigned entry that was written before there were signers, and that they accept.

        True where main names no signers: then no entry is signed, which `trust` says.
        """
        signers = (self._tip or self._find(writing=False)).signers
        accepted = signers.accepted if signers else None
        if accepted is None or environment not in list_environments(self._git, accepted):
            return True
        return number > read_entry(self._git, accepted, environment).number

    def init(self, environments: Sequence[str], by: str, reason: str) -> None:
        """Write the genesis entry of each environment, in one commit; refused if any of them has one already."""
        found = self._find(writing=True)
        tip = found.commit
        there = set(list_environments(self._git, tip)) if tip else set()
        if again := sorted(there & set(environments)):
            raise LedgerError(
                f"Nothing was written: the ledger already has {', '.join(again)}. `slipway history {again[0]}` shows "
                "the entries."
            )
        if not environments:
            raise LedgerError("Nothing was written: name at least one environment.")
        entries = [genesis_entry(name, by, reason) for name in sorted(set(environments))]
        new = commit_genesis(self._git, tip, entries, found.signers is not None)
        if not self._publish(new, tip, entries, found.signers):
            raise LedgerError(
                "Conflict: another command wrote to the ledger while this one was starting. Nothing was written. See "
                f"`slipway history {entries[0].environment}`, then retry."
            )

    def exists(self) -> bool:
        """Return whether the ledger has a first commit."""
        return self._find(writing=False).commit is not None

    def environments(self) -> list[str]:
        """Return the environments that have a genesis entry, sorted."""
        return list_environments(self._git, self._commit())

    def read(self, environment: str) -> Entry:
        """Return the newest entry of the environment."""
        return read_entry(self._git, self._commit(), environment)

    def history(self, environment: str, limit: int | None = None) -> Iterator[Entry]:
        """Return the entries of the environment, newest first, genesis last."""
        return read_history(self._git, self._commit(), environment, limit)

    def champion(self, environment: str = PRODUCTION) -> Release | None:
        """Return the release that a candidate is compared with; None: the baseline, as before a first release."""
        return find_champion(self.history(environment))

    def distrust(self, environment: str, digest: str, reason: str) -> Entry:
        """Record that no candidate is compared any longer with the release whose bundle begins with `digest`."""

        def make(newest: Entry) -> Entry:
            entries = list(self.history(environment))
            return distrust_entry([newest, *entries[1:]], digest, by=self.by, reason=reason)

        return self.append(environment, make)

    def rebase(self, bundle: str, record: bytes, reason: str, commit: str) -> Entry:
        """Record what production's champion gets on the rows of a source commit; refused if it is not `bundle`."""

        def make(newest: Entry) -> Entry:
            release = self.champion()
            if release is None or release.bundle != bundle:
                raise LedgerError(
                    f"Nothing was written: expected the record of {release.shown if release else 'no release'}, which "
                    f"candidates are compared with, found that of {bundle[:12]}. Evaluate again."
                )
            why = f"{reason} (the rows of commit {commit[:12]})"
            return next_entry(newest, Event.REBASE, by=self.by, reason=why, release=release)

        return self.append(PRODUCTION, make, record=record)

    def fetch_bundle(self, digest: str, folder: Path) -> Path:
        """Return the verified bundle as the folder `folder/<digest>`; one that is there is verified and kept."""
        return take_bundle(self._git, self._commit(), digest, folder)

    def fetch_record(self, digest: str) -> bytes | None:
        """Return the compressed evaluation record of the bundle, None where it was released without one."""
        return read_record_content(self._git, self._commit(), digest)

    def append(
        self,
        environment: str,
        make: Callable[[Entry], Entry],
        bundle: Path | None = None,
        record: bytes | None = None,
    ) -> Entry:
        """Record what `make` returns for the newest entry; the folder `bundle` is kept under `bundles/<digest>/`.

        An evaluation record beside that folder is kept under `records/`. `record` replaces the one that is kept, which
        only a rebase event may do.
        `make` is called again with the newest entry if another command wrote first (five times at most); its errors
        are passed on, and nothing is written. Use `slipway.ledger.next_entry` in it. The bundle of `entry.release`
        must be kept already, or be given.
        """
        for _ in range(_TRIES):
            found = self._find(writing=True)
            tip = self._require(found)
            before = read_entry(self._git, tip, environment)
            entry = make(before)
            try:
                verify_transition(before, entry)
            except LedgerError as error:
                raise LedgerError(f"Nothing was written: {error}") from error
            new, entry = commit_entry(self._git, tip, entry, bundle, found.signers is not None, record)
            if self._publish(new, tip, [entry], found.signers):
                return entry
        raise LedgerError(
            f"Conflict: other commands wrote to the ledger first, {_TRIES} times in a row. Nothing was written. See "
            f"`slipway history {environment}`, then retry."
        )

    def refresh(self) -> None:
        """Ask the remote again and verify what is new."""
        self._find(writing=False)

    def verify(self) -> int:
        """Verify everything from the first commit, every entry and every bundle; return the number of commits."""
        tip = self._commit()
        commits = verify_history(self._git, None, tip)
        signers = self._tip.signers if self._tip else None
        if signers is not None and tip != signers.accepted:
            verify_signatures(self._git, signers, tip)
        for item in self._git.tree(tip, "bundles"):
            read_bundle(self._git, tip, item.name)
        return commits

    def _commit(self) -> str:
        return self._require(self._tip or self._find(writing=False))

    def _require(self, found: Tip) -> str:
        if found.commit is None:
            where = f"at the remote {self.remote!r}" if self.remote else "in this repository"
            raise LedgerError(
                f"There is no ledger: expected the branch deployments {where}, found none. "
                "`slipway ledger init --reason ...` creates one. At GitHub the first run of cd does: wait until its "
                "job ledger has ended, then re-run all jobs of this one."
            )
        return found.commit

    def _find(self, writing: bool) -> Tip:
        self._tip = find_tip(self._git, self.remote, writing)
        return self._tip

    def _publish(self, new: str, tip: str | None, entries: Sequence[Entry], signers: Signers | None) -> bool:
        """Point the branch to `new`; return False if it no longer points to `tip`: the commit is then dropped."""
        verify_own_commit(self._git, tip, new, entries)
        try:
            trust = verify_newest(self._git, signers, new)
        except SignatureError as error:
            raise LedgerError(
                f"Nothing was written: every entry has to be signed with a key of {SIGNERS} on the main branch, and "
                f"the new one {error.found}. Set SLIPWAY_LEDGER_KEY to the private key of a signer or to its file, or "
                "git's gpg.format to ssh and user.signingkey to that file, then retry."
            ) from error
        except LedgerError as error:
            raise LedgerError(f"Nothing was written: {error}") from error
        published = publish_commit(self._git, self.remote, new, tip, witness_entries(new, entries))
        if published:
            self._tip = Tip(new, signers=signers, trust=trust)
        return published
