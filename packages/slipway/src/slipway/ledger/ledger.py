"""The ledger: what every environment runs, since when and why, on the git branch `deployments`."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from slipway.errors import LedgerError
from slipway.ledger import bundles, chain, position, reading, remote, writing
from slipway.ledger.entry import Entry
from slipway.ledger.objects import Objects
from slipway.ledger.position import Position
from slipway.ledger.succession import check, genesis
from slipway.settings import actor

# How often an event is judged anew because somebody else wrote one first.
_TRIES = 6


class Ledger:
    """The ledger of the repository at `root`; working tree, index and head are never touched.

    The remote is asked once, at the first reading, and again by every `append` and `refresh`. Everything that is read
    has been verified: the history since the commit that was verified last, the whole of it in a new clone.
    Every method raises `LedgerError`.
    """

    def __init__(self, root: Path) -> None:
        """Nothing is read yet."""
        self.root = root
        self._git = Objects(root)
        self._position: Position | None = None

    @cached_property
    def remote(self) -> str | None:
        """The remote that keeps the ledger; None: the branch `deployments` of this repository does."""
        return remote.choose(self._git)

    @property
    def offline(self) -> str | None:
        """Why the remote could not be asked, so that what is read may be old; None if it was asked or there is none."""
        self._tip()
        return self._position.offline if self._position else None

    @cached_property
    def by(self) -> str:
        """Who acts here: git's user.name and user.email, else $GITHUB_ACTOR, else the user of the machine."""
        name, email = (self._git.attempt("config", "--get", key).text for key in ("user.name", "user.email"))
        return f"{name} <{email}>" if name and email else name or actor()

    def init(self, environments: Sequence[str], by: str, reason: str) -> None:
        """Write the genesis entry of each environment, in one commit; refused if any of them has one already."""
        tip = self._find(writing=True).commit
        there = set(reading.environments(self._git, tip)) if tip else set()
        if again := sorted(there & set(environments)):
            raise LedgerError(
                f"Nothing was written: the ledger exists, and {', '.join(again)} began in it already. "
                f"`slipway history {again[0]}` shows it."
            )
        if not environments:
            raise LedgerError("Nothing was written: name at least one environment.")
        entries = [genesis(name, by, reason) for name in sorted(set(environments))]
        new = writing.begin(self._git, tip, entries)
        if not self._publish(new, tip):
            raise LedgerError("Nothing was written: somebody else wrote to the ledger meanwhile. Look, and try again.")

    def exists(self) -> bool:
        """Whether the ledger has begun."""
        return self._find(writing=False).commit is not None

    def environments(self) -> list[str]:
        """The environments that have a genesis entry, sorted."""
        return reading.environments(self._git, self._tip())

    def read(self, environment: str) -> Entry:
        """The newest entry of the environment."""
        return reading.read(self._git, self._tip(), environment)

    def history(self, environment: str, limit: int | None = None) -> Iterator[Entry]:
        """The entries of the environment, newest first, genesis last."""
        return reading.history(self._git, self._tip(), environment, limit)

    def fetch_bundle(self, digest: str, folder: Path) -> Path:
        """The verified bundle as the folder `folder/<digest>`; one that is there already is verified and kept."""
        return bundles.take(self._git, self._tip(), digest, folder)

    def append(self, environment: str, make: Callable[[Entry], Entry], bundle: Path | None = None) -> Entry:
        """Record what `make` returns for the newest entry; the folder `bundle` is kept under `bundles/<digest>/`.

        `make` is called again with the newest entry when somebody else was faster (five times at most); what it raises
        is passed on, and nothing is written. Use `slipway.ledger.follow` in it. The bundle of `entry.release` must be
        kept already, or be given.
        """
        for _ in range(_TRIES):
            tip = self._existing(self._find(writing=True))
            before = reading.read(self._git, tip, environment)
            entry = make(before)
            try:
                check(before, entry)
            except LedgerError as error:
                raise LedgerError(f"Nothing was written: {error}") from error
            new = writing.record(self._git, tip, entry, bundle)
            if self._publish(new, tip):
                return entry
        raise LedgerError(
            f"Nothing was written: {_TRIES} times in a row somebody else wrote to the ledger first. "
            f"`slipway history {environment}` shows who; try again."
        )

    def refresh(self) -> None:
        """Ask the remote again and verify what is new."""
        self._find(writing=False)

    def verify(self) -> int:
        """Verify everything from the first commit: every entry and every bundle; the number of commits."""
        tip = self._tip()
        commits = chain.verify(self._git, None, tip)
        for item in self._git.tree(f"{tip}:bundles"):
            bundles.contents(self._git, tip, item.name)
        return commits

    def _tip(self) -> str:
        return self._existing(self._position or self._find(writing=False))

    def _existing(self, found: Position) -> str:
        if found.commit is None:
            where = f"at the remote {self.remote!r}" if self.remote else "in this repository"
            raise LedgerError(
                f"There is no ledger: expected the branch deployments {where}, found none. "
                "`slipway ledger init --reason ...` begins one."
            )
        return found.commit

    def _find(self, writing: bool) -> Position:
        self._position = position.find(self._git, self.remote, writing)
        return self._position

    def _publish(self, new: str, tip: str | None) -> bool:
        """Let the branch point to `new`; False if it no longer points to `tip`: the commit is then nobody's."""
        moved = position.publish(self._git, self.remote, new, tip)
        if moved:
            self._position = Position(new)
        return moved
