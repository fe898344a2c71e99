"""Read from a pull request's base commit what it may not change for itself: rules, primary metric and split."""

import ast
from pathlib import Path
from typing import NamedTuple

import msgspec

from slipway.errors import GateError
from slipway.files.documents import parse_yaml
from slipway.gate.rules import RULES_FILE, GateRules, parse_gate_rules, read_gate_rules
from slipway.git import Git
from slipway.params import Params, SplitParams, TrainParams
from slipway.problem import ProblemFacts

# Files of the problem that define the target.
_TARGET = ("dataset.py", "problem.py")


class _Threshold(msgspec.Struct):
    threshold: float = TrainParams.__struct_defaults__[0]


class _Sections(msgspec.Struct):
    """The part of the base commit's parameters that is read; the others are the candidate's own."""

    split: SplitParams
    train: _Threshold


class BaseRules(NamedTuple):
    """Problem, parameters and rules of the judgement; `where` names the rules' file in errors.

    `moved` says what the working tree changes about them.
    """

    problem: ProblemFacts
    params: Params
    rules: GateRules
    threshold: float
    where: str = RULES_FILE
    moved: tuple[str, ...] = ()


def read_base(root: Path, package: str, problem: ProblemFacts, params: Params, base: str | None) -> BaseRules:
    """Return the rules of the working tree, or those of the commit `base`; raises `GateError` if unreadable."""
    if base is None:
        return BaseRules(problem, params, read_gate_rules(root), params.train.threshold)
    where = f"{RULES_FILE} of {base}"
    rules = parse_gate_rules(_show(root, base, RULES_FILE), where)
    sections, metric = _sections(root, base), _metric(root, base, package)
    split = sections.split
    moved = _changes("gate.yaml", rules, _own_rules(root))
    moved += _changes("params.yaml split", split, params.split)
    if metric != problem.metric:
        moved += (f"primary metric: {metric} -> {problem.metric} (judged by {metric})",)
    for name in _TARGET:
        path = f"src/{package}/{name}"
        if _show(root, base, path) != (root / path).read_bytes():
            moved += (f"{path}, which defines the target, differs from {base}",)
    judged = msgspec.structs.replace(problem, metric=metric)
    return BaseRules(
        judged, msgspec.structs.replace(params, split=split), rules, sections.train.threshold, where, moved
    )


def _own_rules(root: Path) -> GateRules | None:
    try:
        return read_gate_rules(root)
    except GateError:
        return None


def _changes(name: str, before: msgspec.Struct, after: msgspec.Struct | None) -> tuple[str, ...]:
    if after is None:
        return (f"{name} of the working tree cannot be read",)
    changed = [
        (key, getattr(before, field), getattr(after, field))
        for key, field in zip(before.__struct_encode_fields__, before.__struct_fields__, strict=True)
    ]
    return tuple(f"{name} {key}: {old} -> {new} (judged by {old})" for key, old, new in changed if old != new)


def _sections(root: Path, base: str) -> _Sections:
    content = _show(root, base, "params.yaml")
    return parse_yaml(content, _Sections, f"params.yaml of {base}", GateError, "Name another base commit.")


def _metric(root: Path, base: str, package: str) -> str:
    """Find the primary metric in the base commit's `problem.py` without running code of that commit."""
    path = f"src/{package}/problem.py"
    for node in ast.walk(ast.parse(_show(root, base, path))):
        if isinstance(node, ast.keyword) and node.arg == "metric" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    raise GateError(
        f'{path} of the base {base} has no metric="..." that can be read without running it. Write it as a string.'
    )


def _show(root: Path, base: str, path: str) -> bytes:
    done = Git(root, GateError).attempt("show", f"{base}:./{path}")
    if done.exit_code:
        raise GateError(
            f"Cannot read {path} of the base {base}: {done.reason} Name a commit of this repository that has it, and "
            "fetch it first (a shallow clone may lack it)."
        )
    return done.output
