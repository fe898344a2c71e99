"""Let every mutant come before the gate, and its twin."""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import bundles
import champions
import contracts
import datasets
import hidden_inputs
import ledgers
import model
import newer_rows
import records
import reports
import requests_taken
import slices
import splits
from catalogue import CATALOGUE, Change, Mutant
from ledgerbox import git
from projectbox import Project, make_project, with_production

import rows
from slipway.gate.result import GateResult, Verdict
from slipway.gate.run import run_gate

# Their import puts the mutants into the catalogue.
SOURCES = (
    datasets,
    rows,
    records,
    champions,
    newer_rows,
    model,
    slices,
    splits,
    bundles,
    reports,
    ledgers,
    contracts,
    requests_taken,
    hidden_inputs,
)
# Enough for the gate's statistics: 60 days, of which a quarter is held out.
ROWS = 12_000


class Outcome(NamedTuple):
    """What became of a mutant: `refused_by` are the checks that failed, `twin` is the verdict on its twin."""

    mutant: Mutant
    refused_by: tuple[str, ...]
    twin: str
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether the mutant was refused for its own reason, and its twin was not."""
        return self.mutant.check in self.refused_by and self.twin in (Verdict.PROMOTE, Verdict.KEEP)


def make_good(folder: Path) -> Project:
    """The project that everything is done to: an honest candidate, an honest retrain in production."""
    project = make_project(folder / "good", rows=ROWS)
    return with_production(project, folder / "production")


def hunt(good: Project, mutants: Iterable[Mutant], folder: Path, say: Callable[[str], object]) -> list[Outcome]:
    """Judge each mutant and its twin, in copies of the project; a twin that several mutants have is judged once."""
    found, twins = [], dict[tuple[Change, bool], str]()
    for mutant in mutants:
        say(f"  {mutant.name} ...\n")
        began = time.perf_counter()
        gate = _judge(good, mutant, twin=False, folder=folder)
        failed = tuple(check.name for check in gate.checks if not check.stands)
        if (mutant.twin, mutant.base) not in twins:
            twin = _judge(good, mutant, twin=True, folder=folder)
            said = twin.verdict.value if twin.verdict is not Verdict.REFUSE else twin.sentence
            twins[mutant.twin, mutant.base] = said
        found.append(Outcome(mutant, failed, twins[mutant.twin, mutant.base], time.perf_counter() - began))
    return found


def _judge(good: Project, mutant: Mutant, twin: bool, folder: Path) -> GateResult:
    project = good.copy(folder / "mutant")
    try:
        base = git(project.root, "rev-parse", "HEAD") if mutant.base else None
        (mutant.twin if twin else mutant.harm)(project)
        return run_gate(project.root, base=base)
    finally:
        shutil.rmtree(project.root)


def chosen(names: Iterable[str]) -> list[Mutant]:
    """The mutants of these names, all of them for none."""
    return [CATALOGUE[name] for name in names] or list(CATALOGUE.values())
