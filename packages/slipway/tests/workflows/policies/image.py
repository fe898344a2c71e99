"""What becomes of the image: which registry has it, who attests it, and when others find it."""

import re
from collections.abc import Sequence
from typing import Any

from policies.reading import Workflow

_BUILT = re.compile(r"steps\.image\.outputs\.built == 'true' && steps\.settings\.outputs\.(attested|signed)")
# The one login. A repository's token that was shown to another registry would be known there.
_LOGIN = {
    "registry": "${{ vars.SLIPWAY_REGISTRY || 'ghcr.io' }}",
    "username": "${{ vars.SLIPWAY_REGISTRY_USER || github.actor }}",
    "password": "${{ secrets.SLIPWAY_REGISTRY_PASSWORD || !vars.SLIPWAY_REGISTRY && github.token || '' }}",
}
_SIGNS = "slipway ci sign"


def attested_if_built(workflows: Sequence[Workflow]) -> list[str]:
    """A run attests and signs what it built and nothing that it found."""
    return [
        f"{where}: attests whatever it found: expected if: steps.image.outputs.built == 'true'"
        for workflow in workflows
        for where, _, step in workflow.steps
        if _attests(step) and not _BUILT.fullmatch(str(step.get("if", "")).strip("${} \n"))
    ]


def kept_after_the_attestations(workflows: Sequence[Workflow]) -> list[str]:
    """A later attempt takes an image for finished once everything was attested and signed: a run may die in between."""
    found = []
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            steps = job.get("steps") or []
            vouches = [number for number, step in enumerate(steps) if _attests(step)]
            kept = [number for number, step in enumerate(steps) if (step.get("with") or {}).get("name") == "release"]
            if vouches and not (kept and min(kept) > max(vouches)):
                found.append(f"{workflow.name}: {name}: expected the artifact release behind the last attestation")
    return found


def one_login(workflows: Sequence[Workflow]) -> list[str]:
    """Every job that pushes or pulls does it at one registry, and the project's token is shown to no other one."""
    return [
        f"{where}: expected {name}: {_LOGIN.get(name)}, found {(step.get('with') or {}).get(name)}"
        for workflow in workflows
        for where, _, step in workflow.steps
        if str(step.get("uses", "")).startswith("docker/login-action@")
        for name in sorted(_LOGIN.keys() | (step.get("with") or {}).keys())
        if (step.get("with") or {}).get(name) != _LOGIN.get(name)
    ]


def _attests(step: dict[str, Any]) -> bool:
    """Return whether the step attests or signs."""
    return str(step.get("uses", "")).startswith("actions/attest@") or _SIGNS in str(step.get("run", ""))


POLICIES = (attested_if_built, kept_after_the_attestations, one_login)
