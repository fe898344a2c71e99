"""The target `rehearsal`: the image is started on this machine's engine, tested, and removed.

It is for a runner that is thrown away: everything up to the smoke test happens as in a real environment, and nothing
stays running. All output calls it a rehearsal.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from slipway.bundle.verify import read_sealed
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.base import PreparedRelease, TargetSettings
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image_target import ImageTarget
from slipway.delivery.targets.registry import lock_environment


def rehearse_image(root: Path, image: str, folder: Path, say: Callable[[str], None]) -> Smoke:
    """Start an image here, test it with the bundle in `folder`, stop it, and return the result of the test."""
    target = RehearsalTarget(root, "image", TargetSettings(target="rehearsal"))
    target.preflight()
    with lock_environment(root, target.name, say):
        return target.smoke_test(target.prepare(read_sealed(folder), image))


class RehearsalTarget(ImageTarget):
    """One environment that exists only while it is tested."""

    rehearsal = True

    def __init__(self, root: Path, name: str, settings: TargetSettings) -> None:
        # The folder is part of the name: the rehearsal of another clone may run at the same time.
        clone = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        super().__init__(root, name, settings, Engine(), f"slipway-rehearsal-{name}-{clone}")

    @property
    def url(self) -> str:
        """A remark instead of an address."""
        return "a rehearsal, nothing stays running"

    def preflight(self) -> None:
        """Raise `DeliveryError` for a missing file or engine."""
        super().preflight()
        self._engine.check()

    def rehearse(self, prepared: PreparedRelease) -> None:
        """Do nothing: the release is tested once, when it is applied."""

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Start the image, test it and stop it."""
        return self._test_aside(prepared)

    def smoke_test(self, prepared: PreparedRelease) -> Smoke:
        """Test the image in a container of its own."""
        return self._test_aside(prepared)

    def observe(self) -> str | None:
        """Return None: nothing stays running."""
        return None

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - nothing runs
        """Return None: nothing runs that could differ."""
        return None

    def remove(self) -> bool:
        """Return False: nothing runs."""
        return False
