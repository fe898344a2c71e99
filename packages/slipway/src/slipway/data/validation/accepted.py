"""The one rule that holds whole rows against the contract: the service would accept each row of the dataset."""

from typing import TYPE_CHECKING

from slipway.data.validation.report import RuleResult
from slipway.data.validation.results import EXAMPLES, name_examples
from slipway.data.validation.suite import ACCEPTED
from slipway.figures import round_figure
from slipway.problem import Problem
from slipway.rows.check import WHOLE_ROW, Fault
from slipway.rows.frame import check_frame

if TYPE_CHECKING:
    import pandas as pd

_WHY = "contract: the service takes each row of the dataset"


def check_accepted(problem: Problem, frame: "pd.DataFrame") -> list[RuleResult]:
    """Return one passed result, or one for each way in which rows of `frame` (index 0 to n - 1) break the contract."""
    faults = check_frame(problem.contract, frame)
    return [_read_fault(fault, frame) for fault in faults] or [
        RuleResult(rule=ACCEPTED, expected={}, why=_WHY, passed=True)
    ]


def _read_fault(fault: Fault, frame: "pd.DataFrame") -> RuleResult:
    column = None if fault.column == WHOLE_ROW else fault.column
    return RuleResult(
        rule=ACCEPTED,
        column=column,
        expected={},
        why=_WHY,
        passed=False,
        unexpected=len(fault.rows),
        share=round_figure(len(fault.rows) / len(frame)),
        violation=fault.rule,
        examples=name_examples([column], fault.rows[:EXAMPLES].tolist(), frame),
    )
