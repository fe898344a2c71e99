"""Ask the checks of pairs of honest models, and count what they refuse."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from inputs import earlier_releases, make_day, make_inputs
from models import FITS, NEWER, PAIRS, Model, Parts, Retrain

from slipway.gate.checks import CHECKS
from slipway.gate.inputs import GateInputs
from slipway.project import Project
from slipway.stage import print_progress

NOT_ASKED = {
    "not_blocked",
    "contract_compatible",
    "served_as_evaluated",
    "contract_reads_holdout",
    "accepts_requests",
    "source_allowed",
    "latency_and_size",
}
# What these say depends on the candidate alone: they are asked of its first pair.
ASKED_ONCE = {
    "holdout_disjoint",
    "no_duplicate_rows",
    "no_near_copies",
    "enough_data",
    "metrics_reproduced",
    "record_reproduced",
    "predictions_sane",
    "plausible_skill",
    "no_leaking_feature",
    "beats_baseline",
}


def judge_kind(project: Project, kind: str, models: Sequence[Model], parts: Parts) -> Iterator[dict[str, object]]:
    """Ask every check of each pair; a production of newer data is at least a week older than its candidate."""
    pairs = [(one, other) for one in models for other in models if _can_follow(one.retrain, other.retrain)]
    chosen = np.random.default_rng(0).permutation(len(pairs))[: PAIRS[kind]]
    alone: dict[str, str] = {}
    last = None
    # Those of one candidate follow each other, so that it is evaluated once.
    for number, at in enumerate(sorted(chosen.tolist()), 1):
        candidate, production = pairs[at]
        first, last = candidate is not last, candidate
        if first:
            day = make_day(project, candidate, parts)
        inputs = make_inputs(project, day, pairs[at], earlier_releases(pairs[at], models))
        if first:
            alone = ask(inputs, ASKED_ONCE)
        failed = ask(inputs, {check.name for check in CHECKS} - NOT_ASKED - ASKED_ONCE) | alone
        print_progress(f"  {kind}: {number} of {len(chosen)} pairs{', ' if failed else ''}{', '.join(failed)}")
        yield {
            "kind": kind,
            "candidate": candidate.retrain.number,
            "production": production.retrain.number,
            "gain": inputs.gain.value if inputs.gain else None,
            "failed": failed,
        }


def ask(inputs: GateInputs, names: set[str]) -> dict[str, str]:
    """Return what the checks that fail have found."""
    found = [check(inputs) for check in CHECKS if check.name in names]
    return {each.name: each.observed for each in found if not each.passed}


def _can_follow(candidate: Retrain, production: Retrain) -> bool:
    if candidate.kind == NEWER:
        return candidate.weeks_left_out < production.weeks_left_out
    return candidate.number != production.number


def render(found: Sequence[Mapping[str, object]]) -> str:
    """Render the refusals by check and kind."""
    refused = Counter((pair["kind"], name) for pair in found for name in pair["failed"])
    whole = Counter(pair["kind"] for pair in found if pair["failed"])
    asked = [check.name for check in CHECKS if check.name not in NOT_ASKED]
    lines = [f"{'check':24}{''.join(f'{kind:>18}' for kind in PAIRS)}{'all':>8}"]
    for name in asked:
        counts = [refused[kind, name] for kind in PAIRS]
        lines.append(f"{name:24}{''.join(f'{count:>18}' for count in counts)}{sum(counts):>8}")
    lines.append(f"{'refused by any':24}{''.join(f'{whole[kind]:>18}' for kind in PAIRS)}{sum(whole.values()):>8}")
    lines.append(f"{'of pairs':24}{''.join(f'{PAIRS[kind]:>18}' for kind in PAIRS)}{len(found):>8}")
    lines.append(f"{'of independent fits':24}{''.join(f'{FITS:>18}' for _ in PAIRS)}{FITS * len(PAIRS):>8}")
    return "\n".join(lines)
