"""`slipway shadow`: let a second bundle shadow what an environment serves, or end that, without a pause.

The ledger says what serves and nothing of shadows: the link in the environment's folder does.
"""

from pathlib import Path

import msgspec

from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.delivery.preconditions import require_serving
from slipway.delivery.rollout import (
    ROLLOUT_ERRORS,
    OpenEnvironment,
    Say,
    find_difference,
    open_environment,
    prepare_release,
)
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Ledger, Release
from slipway.serving.shadow.sealed import verify_comparable
from slipway.settings import project_settings

OFF, CANDIDATE = "off", "candidate"
# Digits of a digest that name a bundle.
_FEWEST = 8


class Shadowed(msgspec.Struct, frozen=True):
    """The bundle that shadows an environment now, None for none; `changed` is false where it did before."""

    environment: str
    serving: str
    shadow: str | None
    smoke: Smoke | None = None

    @property
    def changed(self) -> bool:
        """True after a change."""
        return self.smoke is not None


def switch_shadow(root: Path, environment: str, chosen: str, say: Say) -> Shadowed:
    """Let `chosen` (a digest or its first digits, `candidate`, or `off`) shadow what the environment serves.

    The service is replaced as in a deployment. Where that fails, the shadow before comes back. Raises `DeliveryError`.
    """
    settings = project_settings(root)
    target = find_target(root, environment, settings)
    if not target.shadows:
        raise DeliveryError(
            f"A shadow cannot run in {environment}: expected the target local or docker, found {target.kind}. "
            "A service that you start yourself can have one: `slipway serve --shadow BUNDLE`, or SLIPWAY_SHADOW."
        )
    with open_environment(root, environment, say, settings) as held:
        target = held.target
        serving = require_serving(held.ledger.read(environment))
        found = None if chosen == OFF else find_bundle(root, held.ledger, chosen)
        _check(held, serving, found)
        wanted = found.digest if found else None
        if target.shadow.digest == wanted and target.observe_shadow() == wanted:
            return Shadowed(environment, serving.bundle, wanted)
        prepared = prepare_release(held, serving, accepted=serving)
        return Shadowed(environment, serving.bundle, wanted, start_shadow(held, prepared, found))


def find_bundle(root: Path, ledger: Ledger, chosen: str) -> SealedBundle:
    """Return the bundle of the working tree, or one of the ledger, by the first digits of its digest."""
    folder = root / "bundle"
    candidate = read_sealed(folder) if chosen == CANDIDATE or folder.is_dir() else None
    if candidate and (chosen == CANDIDATE or (len(chosen) >= _FEWEST and candidate.digest.startswith(chosen))):
        return candidate
    released = {
        entry.release.bundle for name in ledger.environments() for entry in ledger.history(name) if entry.release
    }
    digests = [digest for digest in released if len(chosen) >= _FEWEST and digest.startswith(chosen)]
    if len(digests) != 1:
        raise DeliveryError(
            f"No bundle {chosen}: expected `{CANDIDATE}` (bundle/ of this folder), `{OFF}`, or {_FEWEST} or more digits"
            " of the digest of one that bundle/ or the ledger holds. `slipway history production` shows digests."
        )
    return read_sealed(ledger.fetch_bundle(digests[0], _bundles(root)), digests[0])


def _bundles(root: Path) -> Path:
    found = root / ".slipway" / "bundles"
    found.mkdir(parents=True, exist_ok=True)
    return found


def _check(held: OpenEnvironment, serving: Release, shadow: SealedBundle | None) -> None:
    """Raise `DeliveryError`, or `SettingsError`, for a shadow or an environment that cannot be switched."""
    target, name = held.target, held.target.name
    if shadow and shadow.digest == serving.bundle:
        raise DeliveryError(f"{name} serves {shadow.digest[:12]} itself. Choose another bundle as its shadow.")
    if not target.is_managed_here():
        raise DeliveryError(
            f"{name} does not run from this folder, so a change here would have no effect. Run this where it runs, or "
            f"start it here first: `slipway reconcile {name}`."
        )
    if shadow:
        bundles = _bundles(held.ledger.root)
        verify_comparable(read_sealed(held.ledger.fetch_bundle(serving.bundle, bundles)), shadow)
    if difference := find_difference(target, serving):
        raise DeliveryError(f"{name} is out of sync ({difference}). Run `slipway reconcile {name}` first.")
    target.preflight()


def start_shadow(held: OpenEnvironment, prepared: PreparedRelease, shadow: SealedBundle | None) -> Smoke:
    """Let a bundle shadow the environment, None for none, and test it; on failure the shadow before comes back."""
    target, before = held.target, held.target.shadow.read()
    held.say(f"{target.name}: switching the shadow to {shadow.digest[:12] if shadow else 'none'} ...")
    target.shadow.point(shadow)
    wanted = shadow.digest if shadow else None
    try:
        smoke = target.apply(prepared)
        if (found := target.observe_shadow()) != wanted:
            raise DeliveryError(
                f"The service of {target.name} has the shadow {(found or 'none')[:12]}, expected "
                f"{(wanted or 'none')[:12]}. Its output says why; an image from before shadows has none."
            )
    except ROLLOUT_ERRORS as error:
        held.say(f"{target.name}: back to the shadow before ...")
        target.shadow.point(before)
        try:
            target.apply(prepared)
        except ROLLOUT_ERRORS as again:
            raise DeliveryError(
                f"{error} The service before could not be brought back ({again}); `slipway reconcile {target.name}` "
                "tries again."
            ) from error
        raise DeliveryError(f"{error} The service before runs again, with the shadow that it had.") from error
    return smoke
