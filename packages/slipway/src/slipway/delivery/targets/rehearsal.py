"""The target `rehearsal`: the image is started where the command runs, tested, and ended.

For a runner that is thrown away: everything up to the smoke test happens as in a real environment, and nothing stays
running. It calls itself a rehearsal everywhere.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from slipway.delivery.preconditions import check_files, read_key
from slipway.delivery.smoke import Smoke
from slipway.delivery.targets.base import Kept
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import Aside, given, keep
from slipway.ledger.entry import REHEARSAL
from slipway.settings import EnvironmentSettings


class RehearsalTarget:
    """One environment that exists only while it is tested."""

    kind = REHEARSAL
    rehearsal = True
    by_image = True

    def __init__(self, root: Path, name: str, settings: EnvironmentSettings) -> None:
        self.name = name
        self.url = "a rehearsal, nothing stays running"
        self._root = root
        self._settings = settings
        self._engine = Engine()
        # Of this project on this machine: another one's rehearsal may run beside it.
        place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        self._aside = Aside(self._engine, f"slipway-rehearsal-{name}-{place}")

    def is_here(self) -> bool:
        """True: it is everywhere and nowhere."""
        return True

    def runs(self) -> bool:
        """False: nothing stays running."""
        return False

    def check(self) -> None:
        """Raise `DeliveryError` for a file or an engine that is missing."""
        check_files(self._root, self.name, self._settings)
        self._engine.check()

    def check_new(self) -> None:
        """Nothing more is needed."""

    def note(self) -> str | None:
        """Nothing is to be noted."""
        return None

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - as every target has it
        """Nothing more: each clone has a container of its own."""
        return nullcontext()

    def clear(self) -> None:
        """Remove the container of a killed command."""
        self._aside.clear()

    def keep(self, folder: Path, image: str | None) -> Kept:
        """Pull the image by its digest; its label must name the verified bundle in `folder`."""
        return keep(self._engine, self.name, self.kind, folder, image)

    def rehearse(self, kept: Kept) -> None:
        """Nothing: `apply` is a rehearsal itself."""

    def apply(self, kept: Kept) -> Smoke:
        """Start the image, test it, end it."""
        return self.test(kept)

    def test(self, kept: Kept) -> Smoke:
        """The smoke test of the image in a container of its own."""
        # Reached from this machine only; who may ask is for the platform of a real environment to decide.
        own = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self._settings.workers)}
        what = given(self._root, own | self._settings.variables)
        return self._aside.test(kept, what, read_key(self._root, self._settings))

    def observe(self) -> str | None:
        """None: nothing stays running."""
        return None

    def differs(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - as every target has it
        """None: there is nothing that could differ."""
        return None

    def remove(self) -> bool:
        """False: nothing runs."""
        return False
