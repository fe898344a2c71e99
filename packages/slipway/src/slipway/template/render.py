"""Write the files of a new problem from its plan."""

import json
import math
import shlex
from collections.abc import Iterator
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from slipway.data.splitting import FEWEST_GROUPS
from slipway.markdown import escape_markdown, inline_code
from slipway.monitoring.suggest.changes import compute_changes
from slipway.monitoring.suggest.rules_text import write_rule_changes
from slipway.problem import Task
from slipway.template.column_plans import ColumnPlan
from slipway.template.field_names import TIMES
from slipway.template.plan import ProblemPlan

_TYPES = {
    "integer": "int",
    "number": "float",
    "text": "str",
    "boolean": "bool",
    "timestamp": "datetime",
    "instant": "datetime",
}
_METRICS = {Task.BINARY: "log_loss", Task.MULTICLASS: "log_loss", Task.REGRESSION: "rmse"}
_ESTIMATORS = {
    Task.BINARY: ("HistGradientBoostingClassifier", "LogisticRegression"),
    Task.MULTICLASS: ("HistGradientBoostingClassifier", "LogisticRegression"),
    Task.REGRESSION: ("HistGradientBoostingRegressor", "Ridge"),
}
# A margin is a relative loss. It falls with the root of the number of held-out rows, or of groups, of which each has
# many rows.
_LEAST_MARGIN, _OF_ROWS, _OF_GROUPS = 0.0125, 1.5, 0.3
# Limits of what one column may explain alone: the strongest one, and half of what it leaves unexplained.
_LEAST_SINGLE, _MOST_SINGLE = 0.5, 0.98
# With more inputs, README.md has no row to paste.
_MOST_SHOWN = 40
# A leaf of a tree has a thousandth of the table's rows, within these limits.
_LEAST_LEAF, _MOST_LEAF = 10, 200
# A tree has a leaf for this many rows of the rarest class, and 15 leaves at most below so many of them: of 40,000 rows
# with 1.3 % of a class, 200 trees of 31 leaves lost 5 % to a constant, and 100 of 5 leaves won 6 %.
_OF_RAREST, _FEWEST_LEAVES, _MOST_LEAVES, _MANY = 100, 4, 15, 25_000


def render_files(plan: ProblemPlan) -> dict[str, str]:
    """Return the text of every file that belongs to the problem, by its path in the repository."""
    environment = Environment(
        loader=PackageLoader("slipway.template", "files"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python and YAML, where each text is written as a literal
    )
    facts = _collect_facts(plan)
    package = f"src/{plan.name}"
    names = {
        "contract.py": f"{package}/contract.py",
        "dataset.py": f"{package}/dataset.py",
        "model.py": f"{package}/model.py",
        "problem.py": f"{package}/problem.py",
        "params.yaml": "params.yaml",
        "gate.yaml": "gate.yaml",
        "monitor.yaml": "monitor.yaml",
        "README.md": "README.md",
        "data.md": "docs/data.md",
        "test_dataset.py": "tests/test_dataset.py",
    }
    if plan.timestamps:
        names["features.py"] = f"{package}/features.py"
    files = {path: environment.get_template(f"{name}.jinja").render(facts) for name, path in names.items()}
    if plan.volume is not None:
        changes = compute_changes(plan.volume, plan.task, None, None if plan.slices else ()).changes
        files["monitor.yaml"] = write_rule_changes(files["monitor.yaml"], changes)
    return {f"{package}/__init__.py": "", **files}


def render_plots(task: Task) -> str:
    """Return the section `plots` of dvc.yaml for a task."""
    return (resources.files("slipway.template") / "files" / f"plots_{task}.yaml").read_text()


def _collect_facts(plan: ProblemPlan) -> dict[str, Any]:
    trees, linear = _ESTIMATORS[plan.task]
    held_groups, held_rows = plan.groups * plan.holdout, plan.rows * plan.holdout
    grouped = plan.groups < plan.rows
    margin = max(_LEAST_MARGIN, (_OF_GROUPS if grouped else _OF_ROWS) / math.sqrt(held_groups))
    return {
        "plan": plan,
        "class_name": "".join(word.capitalize() for word in plan.name.split("_")),
        "describe": describe_name,
        "literal": _write_literal,
        "code": inline_code,
        "escape": escape_markdown,
        "type_of": _write_type,
        "rules_of": _write_rules,
        "kinds": _select_kinds(plan),
        "roles": _join([f"`{name}`" for name in ("target", *_roles(plan))]),
        "outcome": describe_outcome(plan),
        "target_text": _describe_target(plan),
        "metric": _METRICS[plan.task],
        "trees": trees,
        "linear": linear,
        "texts": [each.field for each in plan.inputs if each.kind == "text"],
        "leaf": max(_LEAST_LEAF, min(_MOST_LEAF, plan.rows // 1_000)),
        "leaves": max(_FEWEST_LEAVES, min(_MOST_LEAVES, plan.rarest // _OF_RAREST)),
        "many": plan.rarest >= _MANY,
        "held": round(held_groups),
        "unit": "groups" if grouped else "rows",
        "margin": _round(min(0.5, margin)),
        "slice_margin": _round(min(0.5, 3 * margin)),
        "slice_rows": max(50, min(500, round(held_rows / 50))),
        "single": _round(min(_MOST_SINGLE, max(_LEAST_SINGLE, (1 + plan.strongest) / 2))),
        "least_groups": max(FEWEST_GROUPS, round(held_groups / 2)),
        "least_rows": max(FEWEST_GROUPS, round(held_rows / 2)),
        "row": _write_row(plan) if len(plan.inputs) <= _MOST_SHOWN else "",
        "clock": next((each.field for each in plan.timestamps if each.source == plan.request.time), ""),
    }


def describe_name(name: str) -> str:
    """Return a column's or package's name as words: `Monthly charges`."""
    printable = "".join(sign if sign.isprintable() else " " for sign in name)
    words = " ".join(printable.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:] if words else repr(name)


def describe_outcome(plan: ProblemPlan) -> str:
    """Say in a few words what a score is of."""
    target = describe_name(plan.request.target).lower()
    if plan.task is not Task.BINARY or plan.target_kind == "boolean" or plan.positive in (1, 1.0):
        return target
    return f"{target} is {plan.positive}"


def _describe_target(plan: ProblemPlan) -> str:
    if plan.task is Task.BINARY:
        return f"True if the column {plan.request.target} is {plan.positive}."
    if plan.task is Task.MULTICLASS:
        return f"The column {plan.request.target}: {_join([str(each) for each in plan.classes[:20]])}."
    return f"The column {plan.request.target}, in its own unit."


def _select_kinds(plan: ProblemPlan) -> dict[str, str]:
    request = plan.request
    used = {each.source for each in plan.inputs} | {request.target, request.group, request.time, request.key}
    return {name: kind for name, kind in plan.kinds.items() if name in used}


def _write_row(plan: ProblemPlan) -> str:
    """Return a row of typical values as a word of the shell."""
    row = {each.field: each.typical for each in plan.inputs}
    text = json.dumps(row, ensure_ascii=False)
    return shlex.quote(text if text.isprintable() else json.dumps(row))


def _roles(plan: ProblemPlan) -> Iterator[str]:
    if plan.request.group or plan.group_by_day:
        yield "group"
    if plan.request.time:
        yield "time"
    if plan.request.key:
        yield "key"


def _write_type(plan: ColumnPlan) -> str:
    return f"Literal[{', '.join(map(_write_literal, plan.categories))}]" if plan.categories else _TYPES[plan.kind]


def _write_rules(plan: ColumnPlan) -> str:
    if plan.kind in TIMES:
        return f"tz={plan.kind == 'instant'}, "
    rules = {"ge": plan.low, "le": plan.high, "max_length": plan.longest}
    return "".join(f"{name}={_write_number(value, plan.kind)}, " for name, value in rules.items() if value is not None)


def _write_number(value: float, kind: str) -> str:
    """Write a limit; of whole numbers and of digits that can be counted, as a whole number."""
    if kind == "integer" or (float(value).is_integer() and abs(value) < 2**53):
        return f"{int(value):_}"
    return f"{value:g}"


def _write_literal(value: Any) -> str:
    """Return the value as Python writes it, text in double quotes."""
    if isinstance(value, str):
        quoted = repr(value)
        return quoted if '"' in quoted or "\\" in quoted else f'"{quoted[1:-1]}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_write_literal, value))}]"
    return repr(value)


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _round(value: float) -> float:
    return float(f"{value:.2g}")
