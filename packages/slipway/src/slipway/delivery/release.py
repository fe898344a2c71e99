"""Choose the release that goes out, by the verdict of the gate, and write it to a folder; request one by a file.

A request is reviewed and merged where no run can ask for an approval.

<folder>/
  release.json   the release, and the summary of the verdict that the ledger keeps
  gate.json      the verdict that chose it, with every check: what is attested
  bundle/        its sealed bundle: the candidate, or the one that production runs
  evaluation.json.gz  the candidate's evaluation record, for the ledger
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from slipway.bundle.verify import read_sealed
from slipway.errors import DeliveryError, GateError, TrackingError
from slipway.files.documents import read_json
from slipway.files.writing import new_folder, write_json
from slipway.gate.result import GateResult, Verdict
from slipway.ledger import Ledger, Release
from slipway.ledger.entry import PRODUCTION, Digest
from slipway.ledger.records import RECORD_FILE
from slipway.tracking.evidence import read_lineage

BUNDLE = "bundle"
REQUESTS = Path("requested")
_CHOOSE = "`slipway choose` writes the release."
_FILE = "release.json"
VERDICT = "gate.json"


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release that the gate let through, the summary of its verdict, and production's newest entry at that time."""

    release: Release
    gate: dict[str, Any]
    production_entry: int = msgspec.field(name="judged")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The release that is to serve: the bundle by its digest, and the image that holds it, where there is one."""

    bundle: Digest
    image: str | None


def choose_release(
    root: Path,
    ledger: Ledger,
    folder: Path,
    say: Callable[[str], None],
    base: str | None = None,
    show: Callable[[GateResult], None] = lambda _: None,
    log: Path | None = None,
) -> Chosen:
    """Run the gate and write the release that ships to `folder`; raises `GateError` if the gate refuses.

    `show` gets the result of the gate, also a refusal; `log` is the folder of production's prediction log.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _FILE).exists():
        raise DeliveryError(f"{folder} holds other files than a release, and would be replaced. Name another folder.")
    say("gate: judging the candidate ...")
    newest = ledger.read(PRODUCTION).number
    # Imported here: a job that delivers a chosen release does not install what the gate needs.
    from slipway.gate.run import run_gate

    found = run_gate(root, base=base, ledger=ledger, log=log)
    show(found)
    if found.verdict is Verdict.REFUSE or found.ships is None:
        raise GateError(f"{found.sentence} Nothing was deployed. `slipway gate` shows every check.")
    say(f"gate: {found.sentence}")
    chosen = Chosen(_make_release(root, ledger, found, found.ships), _summarize(found), newest)
    with new_folder(folder) as temporary:
        if found.ships == found.candidate:
            shutil.copytree(root / "bundle", temporary / BUNDLE)
            if (record := root / RECORD_FILE).exists():
                shutil.copyfile(record, temporary / RECORD_FILE)
            read_sealed(temporary / BUNDLE, found.ships)
        else:
            ledger.fetch_bundle(found.ships, temporary).rename(temporary / BUNDLE)
        write_json(temporary / VERDICT, found)
        write_json(temporary / _FILE, chosen)
    return chosen


def read_chosen(folder: Path) -> Chosen:
    """Read the release in `folder`.

    Raises `DeliveryError` without a verdict that lets it through, and `BundleError` for another bundle than it names.
    """
    chosen = read_json(folder / _FILE, Chosen, DeliveryError, _CHOOSE)
    verdict = read_json(folder / VERDICT, GateResult, DeliveryError, _CHOOSE)
    if verdict.verdict is Verdict.REFUSE or verdict.ships != chosen.release.bundle:
        raise DeliveryError(
            f"{folder / VERDICT} lets {(verdict.ships or 'nothing')[:12]} through ({verdict.verdict}), and the release "
            f"holds the bundle {chosen.release.bundle[:12]}. {_CHOOSE}"
        )
    read_sealed(folder / BUNDLE, chosen.release.bundle)
    return chosen


def read_noted_release(folder: Path) -> Release | None:
    """Read the release that `folder` names, None if it holds none; its bundle and verdict may be missing."""
    if not (folder / _FILE).exists():
        return None
    return read_json(folder / _FILE, Chosen, DeliveryError, _CHOOSE).release


def note_image(folder: Path, chosen: Chosen, image: str) -> Release:
    """Note in `folder` which image holds the `chosen` release, and return the release with it."""
    release = msgspec.structs.replace(chosen.release, image=image)
    write_json(folder / _FILE, msgspec.structs.replace(chosen, release=release))
    return release


def write_request(root: Path, environment: str, release: Release) -> Path:
    """Write the file that requests `release` for `environment`, and return its path."""
    path = root / REQUESTS / f"{environment}.json"
    write_json(path, Request(bundle=release.bundle, image=release.image))
    return path


def check_request(path: Path, release: Release) -> None:
    """Raise `DeliveryError` unless the file requests exactly this release."""
    found = read_json(path, Request, DeliveryError, "`slipway request` writes the file.")
    if (found.bundle, found.image) != (release.bundle, release.image):
        raise DeliveryError(
            f"{path} asks for the bundle {found.bundle[:12]} in the image {found.image}, and {release.bundle[:12]} in "
            f"{release.image} serves by now. Nothing was promoted. `slipway request` writes a new request."
        )


def _make_release(root: Path, ledger: Ledger, found: GateResult, ships: str) -> Release:
    try:
        lineage = read_lineage(root)
    except TrackingError:
        commit = data = None
    else:
        commit, data = lineage.commit, lineage.data_md5
    serving = ledger.read(PRODUCTION).serving
    if found.verdict is Verdict.KEEP and serving and serving.bundle == ships:
        # New code around the same model: it gets an image of its own.
        return msgspec.structs.replace(serving, commit=commit, image=None)
    registered = _read_registered(root, ships)
    return Release(bundle=ships, commit=commit, data=data, model=registered.get("model"), run=registered.get("run"))


def _summarize(found: GateResult) -> dict[str, Any]:
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


def _read_registered(root: Path, digest: str) -> dict[str, str]:
    """Return the registered version and the run of this bundle, empty if the stage `register` has not written them."""
    try:
        found = msgspec.json.decode((root / "registered.json").read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    if found.get("digest") != digest:
        return {}
    return {"model": f"{found['model']}/{found['version']}", "run": str(found["run_id"])}
