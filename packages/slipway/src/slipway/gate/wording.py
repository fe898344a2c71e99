"""Numbers of the gate as a reviewer reads them."""

from slipway.evaluation.metrics import METRICS, Better
from slipway.figures import Figure
from slipway.problem import Task

_SAME = "the same"


def loss_name(task: Task, primary: str) -> str:
    """What is compared: `log loss`, or `distance of ROC AUC from 1` for a metric that should be high."""
    kind = METRICS[task][primary]
    label = kind.label.split(",")[0]
    if label[1:2].islower():
        label = label[0].lower() + label[1:]
    return f"distance of {label} from 1" if kind.better is Better.HIGHER else label


def describe_difference(found: Figure, name: str, whose: str, level: float) -> str:
    """A relative difference of losses in words: `log loss 4.7% lower than production's (95% interval ...)`."""
    how = describe_change(found.value)
    than = "as" if how == _SAME else "than"
    return f"{name} {how} {than} {whose} ({level:.0%} interval {describe_interval(found)})"


def describe_change(value: float) -> str:
    """A relative difference of losses in words: above zero the candidate's is lower."""
    return f"{abs(value):.1%} {'lower' if value > 0 else 'higher'}" if round(value, 4) else _SAME


def describe_interval(found: Figure) -> str:
    """The interval of a relative difference in words, from its worse end to its better one."""
    if found.low is None or found.high is None:
        return "interval unknown"
    if found.low > 0 or found.high < 0:
        near, far = sorted((abs(found.low), abs(found.high)))
        return f"{near:.1%} to {far:.1%}"
    return f"from {abs(found.low):.1%} higher to {found.high:.1%} lower"
