"""What goes out, by the gate's word, and where it came from."""

from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import GateError, TrackingError
from slipway.gate.judge import judge
from slipway.gate.result import Gate, Verdict
from slipway.ledger import Ledger, Release
from slipway.tracking.lineage import read_lineage


def choose(root: Path, ledger: Ledger, base: str | None = None) -> tuple[Release, Gate]:
    """Judge anew, and return what ships; raises `GateError` where the gate refuses."""
    found = judge(root, base=base, ledger=ledger)
    if found.verdict is Verdict.REFUSE or found.ships is None:
        raise GateError(f"{found.sentence} Nothing was deployed. `slipway gate` shows every check.")
    serving = ledger.read("production").serving
    if found.verdict is Verdict.KEEP and serving and serving.bundle == found.ships:
        return msgspec.structs.replace(serving, commit=_lineage(root)[0]), found
    return _of_candidate(root, found.ships), found


def summary(found: Gate) -> dict[str, Any]:
    """What the ledger keeps of a verdict."""
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


def _of_candidate(root: Path, digest: str) -> Release:
    commit, data = _lineage(root)
    registered = _registered(root, digest)
    return Release(bundle=digest, commit=commit, data=data, model=registered.get("model"), run=registered.get("run"))


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
