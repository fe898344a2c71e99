"""What becomes of the image: attested by the run that made it, and found by others only then."""

import re
from collections.abc import Sequence
from typing import Any

from policies.reading import Workflow

_BUILT = re.compile(r"steps\.image\.outputs\.built == 'true'( && \([^()]*\))?")
_NAMES = re.compile(r"\bslipway (ci name|publish)\b")


def attested_if_built(workflows: Sequence[Workflow]) -> list[str]:
    """A run attests what it built and nothing that it found."""
    return [
        f"{where}: attests whatever the registry had: expected if: steps.image.outputs.built == 'true'"
        for workflow in workflows
        for where, _, step in workflow.steps
        if _attests(step) and not _BUILT.fullmatch(str(step.get("if", "")).strip("${} \n"))
    ]


def named_after_the_attestations(workflows: Sequence[Workflow]) -> list[str]:
    """An image gets the name by which others find it once everything was attested: a run may die in between."""
    found = []
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            steps = job.get("steps") or []
            attests = [number for number, step in enumerate(steps) if _attests(step)]
            names = [number for number, step in enumerate(steps) if _NAMES.search(str(step.get("run", "")))]
            if attests and not (names and min(names) > max(attests)):
                found.append(f"{workflow.name}: {name}: expected slipway ci name behind the last attestation")
    return found


def _attests(step: dict[str, Any]) -> bool:
    return str(step.get("uses", "")).startswith("actions/attest@")


POLICIES = (attested_if_built, named_after_the_attestations)
