"""Differences of losses, and what a holdout cannot show, as a reviewer reads them."""

from typing import TYPE_CHECKING

from slipway.evaluation.metrics import METRICS, Better
from slipway.figures import Figure
from slipway.gate.statistics.paired import TARGET_POWER
from slipway.problem import Task

if TYPE_CHECKING:
    from slipway.gate.inputs import GateInputs

NO_PRODUCTION = "no release to compare with"
_SAME = "the same"


def loss_name(task: Task, primary: str) -> str:
    """Name the loss of a metric: `log loss`, or `distance of ROC AUC from 1` for one that should be high."""
    kind = METRICS[task][primary]
    label = kind.label.split(",")[0]
    if label[1:2].islower():
        label = label[0].lower() + label[1:]
    return f"distance of {label} from 1" if kind.better is Better.HIGHER else label


def describe_difference(inputs: "GateInputs", found: Figure, whose: str) -> str:
    """Describe a relative difference: `log loss 4.7% lower than production's (95% interval ...)`."""
    how = describe_change(found.value)
    than = "as" if how == _SAME else "than"
    name = loss_name(inputs.problem.task, inputs.problem.metric)
    return f"{name} {how} {than} {whose} ({inputs.rules.level:.0%} interval {describe_interval(found)})"


def describe_change(value: float) -> str:
    """Say how much lower or higher the candidate's loss is; above zero it is lower."""
    return f"{abs(value):.1%} {'lower' if value > 0 else 'higher'}" if round(value, 4) else _SAME


def describe_interval(found: Figure) -> str:
    """Describe the interval of a relative difference, from its worse end to its better one."""
    if found.low is None or found.high is None:
        return "unknown"
    if found.low > 0 or found.high < 0:
        near, far = sorted((abs(found.low), abs(found.high)))
        return f"{near:.1%} to {far:.1%}"
    return f"from {abs(found.low):.1%} higher to {found.high:.1%} lower"


def describe_held_out(rows: int, groups: int) -> str:
    """Describe a holdout by its rows, and its groups where they are not the rows."""
    return f"{rows:,} held-out rows" + (f" in {groups:,} groups" if groups != rows else "")


def describe_unseen(rows: int, groups: int, loss: float) -> str:
    """Say which loss the holdout cannot show."""
    return (
        f"With {describe_held_out(rows, groups)} a loss under {_percent(loss)} cannot be seen: it would be refused in "
        f"fewer than {TARGET_POWER:.0%} of cases."
    )


def _percent(share: float) -> str:
    """Write a share with two significant digits: 14%, 1.9%, 0.45%."""
    return f"{float(f'{100 * share:.2g}'):g}%"
