"""Suggest the limits of `gate.yaml` for the present holdout."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.gate.power.false_refusals import count_false_refusals
from slipway.gate.power.retrains import Recipe
from slipway.gate.rules import GateRules
from slipway.gate.statistics.near_copies import NearCopies, count_near_copies
from slipway.gate.suggest.holdout import propose_budget, propose_size
from slipway.gate.suggest.levels import is_skill_proven, propose_calibration, propose_mean, propose_skill
from slipway.gate.suggest.margins import Proposed, propose_margins
from slipway.gate.suggest.measured import Measured, measure_retrains
from slipway.gate.suggest.proposal import Proposal
from slipway.gate.wording import describe_held_out, describe_unseen

# The share of honest retrains that the gate may refuse.
_MOST_REFUSED = 0.01


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """The proposed limits, in the order of `gate.yaml`, and what they see of `rows` held-out rows in `groups` groups.

    No worse model that loses less than `smallest_seen` is refused in 95 % of cases. `refused` of `pairs` of honest
    retrains would be refused. `notes` say what no limit can change.
    """

    problem: str
    rows: int
    groups: int
    retrains: int
    proposals: tuple[Proposal, ...]
    smallest_seen: float
    unseen: str
    refused: int
    pairs: int
    notes: tuple[str, ...]


def suggest_limits(recipe: Recipe, rules: GateRules, retrains: int, bundle: Path) -> Suggestion:
    """Fit `retrains` honest models on other training groups and propose each limit; time `bundle`, if there is one.

    Raises `DataError` for fewer than two retrains.
    """
    timed = isolate_bundle(read_sealed(bundle)) if bundle.is_dir() else None
    measured = measure_retrains(recipe, rules, retrains, timed)
    copies = count_near_copies(recipe.train, recipe.holdout)
    found = {name: (limit, why) for name, limit, why in _propose(measured, copies)}
    order = [name for name in GateRules.__struct_fields__ if name in found]
    proposed = msgspec.structs.replace(rules, **{name: found[name][0] for name in order})
    refusals = count_false_refusals(measured.compared, proposed, recipe.params.evaluate)
    smallest = measured.smallest_seen(proposed.margin)
    return Suggestion(
        problem=recipe.problem.name,
        rows=measured.rows,
        groups=measured.groups,
        retrains=retrains,
        proposals=tuple(
            Proposal(name=name, now=getattr(rules, name), proposed=found[name][0], why=found[name][1]) for name in order
        ),
        smallest_seen=smallest,
        unseen=describe_unseen(measured.rows, measured.groups, smallest),
        refused=refusals.refused,
        pairs=refusals.pairs,
        notes=tuple(_note(measured, copies, refusals.refused / refusals.pairs)),
    )


def _propose(measured: Measured, copies: NearCopies) -> Iterator[Proposed]:
    yield from propose_margins(measured)
    yield from propose_skill(measured)
    yield from propose_calibration(measured)
    yield from propose_mean(measured)
    yield from propose_size(measured, copies.excess)
    yield from propose_budget(measured)


def _note(measured: Measured, copies: NearCopies, refused: float) -> Iterator[str]:
    """Say what no limit can change: a holdout that shows too little, copies, honest retrains that are refused."""
    held, number = describe_held_out(measured.rows, measured.groups), measured.retrains
    worse = int((measured.figures.skill <= 0).sum())
    if np.median(measured.figures.skill) <= 0:
        yield (
            f"{worse} of {number} honest retrains are worse than a constant, and beats_baseline refuses such models "
            "whatever the limits are. Change the model before gate.yaml: take a simpler one (model.py), search "
            "(`slipway search`), or find columns that say more. Then repeat this command: limits measured on the "
            "model of now do not fit a better one."
        )
    elif not is_skill_proven(measured):
        proven = int((measured.figures.least_skill > 0).sum())
        narrow = ", some of them by so little that one in a thousand would not be" if proven == number else ""
        yield (
            f"{held} hardly show that the model is better than a constant: {proven} of {number} honest retrains are "
            f"significantly better{narrow}. Hold out more (split.holdout in params.yaml), add rows, or find columns "
            "that say more. Until then the floor `skill` alone decides (skill_significant: false)."
        )
    lows = measured.figures.lows
    if lows is not None and (unknown := int((~np.isfinite(lows)).sum())):
        yield (
            f"calibrated refuses {unknown} of {number} honest retrains whatever `calibration` is: {held} are too few "
            "for an interval of the calibration error."
        )
    if measured.figures.single > measured.rules.single:
        yield (
            f"{measured.figures.column} alone has {measured.figures.single:.3f}, more than `single` allows now "
            f"({measured.rules.single:g}): usually a leak. Look where the column comes from before you write a limit "
            "that lets it pass."
        )
    if copies.excess > 0:
        yield (
            f"{copies.held:.1%} of the held-out rows have a near copy in the training set, of training rows in other "
            f"groups {copies.trained:.1%}: look at what dataset.py joins, and whether rows that belong together have "
            "one group."
        )
    if refused > _MOST_REFUSED:
        yield (
            f"{refused:.1%} of the pairs of honest retrains would be refused all the same. Repeat with --retrains "
            f"{max(100, 2 * number)}."
        )
