"""Suggest what `monitor.yaml` has to say for the traffic of this problem."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.data.prepared import read_parts
from slipway.errors import DataError
from slipway.evaluation.result import read_evaluation
from slipway.evaluation.slices import cut_slices
from slipway.files.suggested_text import find_suggested_keys
from slipway.monitoring.result import find_result
from slipway.monitoring.rules import RULES
from slipway.monitoring.suggest.changes import RuleChange, compute_changes
from slipway.monitoring.suggest.rules_text import write_rule_changes
from slipway.monitoring.suggest.volume import Volume, count_days, measure_volume, read_volume, state_volume
from slipway.project import load_project

if TYPE_CHECKING:
    import pandas as pd


class MonitorSuggestion(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic that is expected, the rules that it takes, and what no rule can see.

    `text` is the whole of monitor.yaml with them, the present one where nothing changes.
    """

    volume: Volume
    changes: tuple[RuleChange, ...]
    notes: tuple[str, ...]
    text: str
    changed: bool


def suggest_monitor_rules(root: Path, rows_per_day: float | None, environment: str | None) -> MonitorSuggestion:
    """Compare the defaults with the traffic: as stated, as `environment` had it, or as the dataset has it.

    Raises `DataError` where the traffic is unknown, `SettingsError` for a monitor.yaml that cannot be edited.
    """
    project = load_project(root)
    train, holdout = read_parts(root / "prepared")
    evaluation = read_evaluation(root / "metrics.json") if (root / "metrics.json").is_file() else None
    parts = cut_slices(project.problem.slices, holdout)
    volume = _find_volume(root, train, holdout, rows_per_day, environment)
    task, shares = project.problem.task, [len(each.rows) / len(holdout) for each in parts]
    found = compute_changes(volume, task, evaluation, tuple(shares))
    path = root / RULES
    text = path.read_bytes().decode() if path.is_file() else "rules: {}\n"
    known = {each.rule for each in found.changes}
    back = [RuleChange(rule=name, keys={}, why="") for name in find_suggested_keys(text) if name not in known]
    written = write_rule_changes(text, [*found.changes, *back])
    return MonitorSuggestion(
        volume=volume, changes=(*found.changes, *back), notes=found.notes, text=written, changed=written != text
    )


def _find_volume(
    root: Path, train: "pd.DataFrame", holdout: "pd.DataFrame", rows_per_day: float | None, environment: str | None
) -> Volume:
    import pandas as pd

    timed = "time" in train
    measured = measure_volume(pd.concat([train["time"], holdout["time"]])) if timed else None
    if rows_per_day is not None:
        found: Volume | None = state_volume(rows_per_day)
    elif environment is not None:
        result = find_result(root / "monitoring", environment)
        found = read_volume(result) if result else None
    else:
        found = measured
    if found is None:
        source = f"No result below monitoring/ has rows of {environment}. Run `slipway monitor run {environment}`."
        data = "The dataset does not show how many rows come a day: it has no column `time` that covers two weeks."
        raise DataError(f"{source if environment else data} Or say it with --rows-per-day N.")
    # What limits of inputs come from.
    return msgspec.structs.replace(found, days=count_days(train["time"]) if timed else None)
