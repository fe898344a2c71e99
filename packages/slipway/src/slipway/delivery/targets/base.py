"""What every target can do: an environment is one of these."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from slipway.bundle import Bundle
from slipway.delivery.smoke import Smoke


class Kept(NamedTuple):
    """A release that a target has at hand: its verified bundle, and the image that holds it, where there is one."""

    bundle: Bundle
    image: str | None


class Target(Protocol):
    """Where an environment runs; whoever calls anything but `observe` and `differs` holds it alone.

    All raise `DeliveryError`. `kind` is the word in pyproject.toml; after a `rehearsal` nothing stays running;
    `by_image` says that an image runs, so that the same model with other code is another release.
    """

    name: str
    kind: str
    rehearsal: bool
    by_image: bool

    @property
    def url(self) -> str:
        """Where the service answers."""

    def is_here(self) -> bool:
        """Whether the environment is brought about from this folder, once something serves in it."""

    def runs(self) -> bool:
        """Whether a service of the environment runs, whatever it answers."""

    def check(self) -> None:
        """Raise for what is missing, or in the way, before anything starts."""

    def check_new(self) -> None:
        """Raise for what a new release must not do without; the way back is never refused for it."""

    def note(self) -> str | None:
        """What a person should know though it runs what the ledger says; None if there is nothing."""

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Keep away commands of other clones and machines that would change the same, as long as the block lasts."""

    def clear(self) -> None:
        """End what a killed command left aside."""

    def keep(self, folder: Path, image: str | None) -> Kept:
        """Have a release at hand: the bundle in `folder`, verified, and the image if the target needs one."""

    def rehearse(self, kept: Kept) -> None:
        """Try the release aside; the environment itself is not touched."""

    def apply(self, kept: Kept) -> Smoke:
        """Let the environment serve a kept release, and test it."""

    def test(self, kept: Kept) -> Smoke:
        """The smoke test of what serves."""

    def observe(self) -> str | None:
        """The digest that answers, None where nothing of ours does."""

    def differs(self, digest: str | None, image: str | None = None) -> str | None:
        """What is not as it is where `digest` serves (None: where nothing does), from `image`; None if all is."""

    def remove(self) -> bool:
        """End the service; False if none ran."""
