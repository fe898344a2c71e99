"""Read the bundle of a shadow, before any process of the service starts."""

from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.errors import SettingsError
from slipway.serving.console import print_line
from slipway.serving.settings import ServingSettings


def read_shadow(settings: ServingSettings, served: SealedBundle) -> SealedBundle | None:
    """Return the verified bundle of the shadow, None if there is none, or if it is the bundle that is served.

    Raises `BundleError` for a damaged one, `SettingsError` for one whose scores cannot be compared with production's.
    """
    folder = settings.shadow
    # An environment keeps an empty folder there, so that SIGHUP can bring a shadow and take it away.
    if folder is None or (folder.is_dir() and not any(folder.iterdir())):
        return None
    found = read_sealed(folder)
    if found.digest == served.digest:
        print_line(f"no shadow: {folder} is the bundle that is served")
        return None
    verify_comparable(served, found)
    return found


def verify_comparable(served: SealedBundle, shadow: SealedBundle) -> None:
    """Raise `SettingsError` unless the scores of both bundles mean the same."""
    ours, theirs = served.manifest, shadow.manifest
    if (ours.task, ours.classes) != (theirs.task, theirs.classes):
        raise SettingsError(
            f"The shadow {shadow.path} cannot be compared with the bundle that is served: expected the task "
            f"{ours.task} with the classes {list(ours.classes)}, found {theirs.task} with {list(theirs.classes)}. "
            "Choose a bundle of the same problem, or serve without a shadow."
        )
