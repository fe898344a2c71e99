"""What goes out, by the gate's word, and where it came from.

<folder>/
  release.json   the release, and what the ledger will keep of the verdict
  bundle/        its sealed bundle: the candidate, or the one that production runs
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from slipway.bundle import load_bundle
from slipway.documents import read_json
from slipway.errors import DeliveryError, GateError, TrackingError
from slipway.files import new_folder, write_json
from slipway.gate.result import GateResult, Verdict
from slipway.ledger import Event, Ledger, Release
from slipway.tracking.lineage import read_lineage

BUNDLE = "bundle"
_FILE = "release.json"
# The environment whose model a candidate is compared with.
_JUDGED_BY = "production"


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release that the gate let through, the summary of its verdict, and production's newest entry at that time."""

    release: Release
    gate: dict[str, Any]
    judged: int


def choose_release(
    root: Path, ledger: Ledger, folder: Path, say: Callable[[str], None], base: str | None = None
) -> Path:
    """Judge anew, and write what ships to `folder`; raises `GateError` where the gate refuses."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _FILE).exists():
        raise DeliveryError(
            f"{folder} holds something else than a release, and would be replaced. Name another folder."
        )
    say("gate: judging the candidate ...")
    newest = ledger.read(_JUDGED_BY).number
    # Only here: whoever delivers what was chosen installs nothing that the gate needs.
    from slipway.gate.run import run_gate

    found = run_gate(root, base=base, ledger=ledger)
    if found.verdict is Verdict.REFUSE or found.ships is None:
        raise GateError(f"{found.sentence} Nothing was deployed. `slipway gate` shows every check.")
    say(f"gate: {found.sentence}")
    chosen = Chosen(_release(root, ledger, found, found.ships), _summary(found), newest)
    with new_folder(folder) as temporary:
        if found.ships == found.candidate:
            shutil.copytree(root / "bundle", temporary / BUNDLE)
        else:
            ledger.fetch_bundle(found.ships, temporary).rename(temporary / BUNDLE)
        write_json(temporary / _FILE, chosen)
    return folder


def read_chosen(folder: Path) -> Chosen:
    """The release in `folder`; raises `DeliveryError`, and `BundleError` for a bundle that is not the one it names."""
    chosen = read_json(folder / _FILE, Chosen, DeliveryError, "`slipway choose` writes the release.")
    load_bundle(folder / BUNDLE, chosen.release.bundle)
    return chosen


def check_judged(chosen: Chosen, ledger: Ledger, environment: str) -> None:
    """Raise `DeliveryError` if the environment was rolled back since: the gate compared with what was taken back."""
    if environment != _JUDGED_BY:
        return
    for entry in ledger.history(environment):
        if entry.event is Event.ROLLBACK and entry.number > chosen.judged:
            raise DeliveryError(
                f"{environment} was rolled back by entry {entry.number} ({entry.by}) after the gate had judged this "
                "release beside what served then. Nothing was promoted. Choose again, at GitHub by all jobs of the run "
                "again: the gate compares with what serves now."
            )


def note_image(folder: Path, image: str) -> Chosen:
    """Note in `folder` which image holds the release."""
    chosen = read_chosen(folder)
    changed = msgspec.structs.replace(chosen, release=msgspec.structs.replace(chosen.release, image=image))
    write_json(folder / _FILE, changed)
    return changed


def _release(root: Path, ledger: Ledger, found: GateResult, ships: str) -> Release:
    commit, data = _lineage(root)
    serving = ledger.read(_JUDGED_BY).serving
    if found.verdict is Verdict.KEEP and serving and serving.bundle == ships:
        # New code around the same model: its own image, if it has one, is built anew.
        return msgspec.structs.replace(serving, commit=commit, image=None)
    registered = _registered(root, ships)
    return Release(bundle=ships, commit=commit, data=data, model=registered.get("model"), run=registered.get("run"))


def _summary(found: GateResult) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "verdict": found.verdict.value,
        "sentence": found.sentence,
        "metric": found.primary,
        "rows": found.rows,
        "groups": found.groups,
    }
    if found.relative:
        kept["relative"] = msgspec.to_builtins(found.relative)
    return kept


def _registered(root: Path, digest: str) -> dict[str, str]:
    """What the stage `register` left, if it is about this bundle."""
    try:
        found = msgspec.json.decode((root / "registered.json").read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    if found.get("digest") != digest:
        return {}
    return {"model": f"{found['model']}/{found['version']}", "run": str(found["run_id"])}


def _lineage(root: Path) -> tuple[str | None, str | None]:
    try:
        found = read_lineage(root)
    except TrackingError:
        return None, None
    return found.commit, found.data_md5
