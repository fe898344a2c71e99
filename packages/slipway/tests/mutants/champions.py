"""What a candidate is compared with: a champion that was dethroned, and the best of many small steps down."""

import shutil
from collections.abc import Sequence

import msgspec
import pandas as pd
from catalogue import mutant
from contracts import range_narrowed
from ledgerbox import deploy
from projectbox import Project

from slipway.bundle import load_bundle
from slipway.ledger import Ledger


def _leaked_champion(project: Project) -> str:
    """Production serves a model that was fitted on the holdout too, until a person finds out."""
    leaked = project.retrain(pd.concat([project.train, project.holdout], ignore_index=True), trees=150)
    deploy(project.root, leaked)
    Ledger(project.root).distrust("production", leaked.digest, "it was fitted on its own holdout")
    return leaked.digest


def _honest_again(project: Project) -> None:
    """An honest model takes the place of a distrusted one."""
    _leaked_champion(project)
    project.retrain(trees=32)


def _release_before_again(project: Project) -> None:
    """The release before a distrusted one comes back as a candidate."""
    before = project.retrain(trees=32)
    deploy(project.root, before)
    _leaked_champion(project)
    _bring(project, before.digest)


def _bring(project: Project, digest: str) -> None:
    folder = Ledger(project.root).fetch_bundle(digest, project.root / ".slipway" / "bundles")
    project.retrain()
    shutil.rmtree(project.bundle)
    shutil.copytree(folder, project.bundle)
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


@mutant("not_blocked", _release_before_again)
def distrusted_model_again(project: Project) -> None:
    """The distrusted model comes again as a candidate."""
    _bring(project, _leaked_champion(project))


@mutant("not_worse", _honest_again)
def worse_than_the_release_before(project: Project) -> None:
    """In place of a distrusted model comes one that is worse than the release before it."""
    _leaked_champion(project)
    project.retrain(trees=2)


def _all_distrusted(project: Project) -> None:
    """No release is trusted any longer, and an honest model is compared with the baseline."""
    first = Ledger(project.root).champion()
    _honest_again(project)
    Ledger(project.root).distrust("production", first.bundle, "so was this one")


@mutant("beats_baseline", _all_distrusted)
def hardly_better_than_the_baseline(project: Project) -> None:
    """No release is trusted any longer, and a model that has learnt nothing takes its place."""
    _all_distrusted(project)
    train = project.train.copy()
    train["target"] = train["target"].sample(frac=1, random_state=3).to_numpy()
    project.retrain(train, None)


@mutant("contract_compatible", _honest_again)
def contract_of_a_distrusted_model_narrowed(project: Project) -> None:
    """In place of a distrusted model comes one that refuses what its clients send."""
    _leaked_champion(project)
    range_narrowed(project)


def _steps(project: Project, trees: Sequence[int], **rules: object) -> None:
    """Release models of so many trees one after the other; the last one is the candidate."""
    project.change_rules(**rules)
    for number in trees[:-1]:
        deploy(project.root, project.retrain(trees=number))
    project.retrain(trees=trees[-1])


def _steps_on_the_spot(project: Project) -> None:
    """Release after release is as good as the one before it, and the rule for ties ships each."""
    _steps(project, (30, 31, 28, 32), tie="candidate")


@mutant("not_eroded", _steps_on_the_spot)
def eroded_step_by_step(project: Project) -> None:
    """Release after release is a little worse, each within what is allowed."""
    _steps(project, (30, 14, 10, 8, 7), tie="candidate")


def _threshold_of(project: Project, threshold: float) -> None:
    train = msgspec.structs.replace(project.params.train, threshold=threshold)
    project.write_params(msgspec.structs.replace(project.params, train=train))


def _other_threshold(project: Project) -> None:
    """The same model as before gets another decision threshold."""
    deploy(project.root, project.retrain())
    _threshold_of(project, 0.5)
    project.retrain()


@mutant("not_eroded", _other_threshold)
def eroded_behind_thresholds(project: Project) -> None:
    """Each release is a little worse, and ships for a new decision threshold."""
    for number, trees in enumerate((30, 14, 10, 8)):
        _threshold_of(project, 0.4 + number / 100)
        deploy(project.root, project.retrain(trees=trees))
    _threshold_of(project, 0.45)
    project.retrain(trees=7)


@mutant("not_eroded", _steps_on_the_spot)
def eroded_behind_repeated_releases(project: Project) -> None:
    """Each release is a little worse, and two of them are released in turns until the good one should be forgotten."""
    _steps(project, (30, 14, 10, 8, 10, 8, 10, 8, 7), tie="candidate", anchors=3)


@mutant("metrics_reproduced", _other_threshold)
def threshold_of_no_parameters(project: Project) -> None:
    """The bundle has a decision threshold that params.yaml does not have."""
    _threshold_of(project, 0.5)
    project.retrain()
    _threshold_of(project, 0.4)
