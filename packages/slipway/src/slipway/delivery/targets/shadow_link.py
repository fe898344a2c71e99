"""The shadow of an environment: bundles in its folder, and a link to the one that shadows production.

.slipway/environments/<name>/
  shadows/<digest>/   bundles that shadowed it; `shadows/none` is an empty folder
  shadow              a link to one of them; it moves by a rename
"""

import shutil
from contextlib import suppress
from pathlib import Path

from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.errors import BundleError, SettingsError
from slipway.files.writing import new_folder, point_link
from slipway.serving.shadow.sealed import verify_comparable

_NONE = "none"


class ShadowLink:
    """The link in the folder of an environment."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shadow"
        self._shadows = folder / "shadows"

    @property
    def digest(self) -> str | None:
        """The digest of the bundle that shadows the environment, None for none."""
        name = self.path.resolve().name if self.path.is_symlink() else _NONE
        return None if name == _NONE else name

    def read(self) -> SealedBundle | None:
        """Return the verified bundle, None for none, or for a damaged one: what serves starts without it."""
        with suppress(BundleError):
            return read_sealed(self._shadows / self.digest, self.digest) if self.digest else None
        return None

    def point(self, bundle: SealedBundle | None) -> None:
        """Let the link name a copy of the bundle, or the empty folder."""
        target = self._shadows / (bundle.digest if bundle else _NONE)
        if bundle is None:
            target.mkdir(parents=True, exist_ok=True)
        elif not _is_whole(target, bundle.digest):
            with new_folder(target) as temporary:
                shutil.copytree(bundle.path, temporary, dirs_exist_ok=True)
        point_link(self.path, target)

    def settle(self, served: SealedBundle) -> None:
        """Make the link where there is none; one that names a bundle which cannot shadow `served` is emptied.

        Otherwise a service would not start because of its shadow.
        """
        try:
            shadow = self.read()
            if shadow is not None:
                verify_comparable(served, shadow)
                return
        except SettingsError:
            pass
        self.point(None)


def _is_whole(folder: Path, digest: str) -> bool:
    with suppress(BundleError):
        return read_sealed(folder, digest).digest == digest
    return False
