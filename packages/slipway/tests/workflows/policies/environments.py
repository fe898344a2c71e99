"""Environments that jobs name are those of `.github/environments`: to one without a file any branch may deploy."""

from collections.abc import Iterator, Sequence
from typing import Any

from policies.reading import Workflow, called, environment_of
from policies.servers import NAMES, suffix
from slipway.github.repository.environments import FOLDER

_NAME = "${{ inputs.environment }}"


def environments_have_files(workflows: Sequence[Workflow]) -> list[str]:
    """Every environment has a file that limits it to main, and every file is of an environment that there is."""
    files = {path.stem for path in (workflows[0].root / FOLDER).glob("*.json")}
    named = set(_named(workflows))
    return [f"{name}: a job names it, and there is no {FOLDER}/{name}.json" for name in sorted(named - files)] + [
        f"{FOLDER}/{name}.json: no job names it" for name in sorted(files - named)
    ]


def _named(workflows: Sequence[Workflow]) -> Iterator[str]:
    for workflow in workflows:
        for job in workflow.jobs.values():
            if "environment" in job:
                template = f"${{{{ {NAMES.get(workflow.name, '')} }}}}"
                for each in _values(workflows, workflow, job):
                    name = environment_of(job).replace(template, each)
                    # On a server or not: it has a file in either case.
                    yield from (name.replace(suffix(workflow), end) for end in ("", "-rehearsal"))


def _values(workflows: Sequence[Workflow], workflow: Workflow, job: dict[str, Any]) -> Iterator[str]:
    """Yield the environments that `workflow` gets from its callers, where they run the job, or by hand."""
    if "workflow_dispatch" in workflow.events:
        yield from _choices(workflow)
    for caller in workflows:
        for each in caller.jobs.values():
            given = each.get("with") or {}
            if called(each) != workflow.name or (job.get("if") == "inputs.approval" and not given.get("approval")):
                continue
            name = str(given.get("environment"))
            yield from _choices(caller) if name == _NAME else [name]


def _choices(workflow: Workflow) -> list[str]:
    """The environments among which somebody chooses who starts it by hand; one without a name if there is no choice."""
    inputs = workflow.events["workflow_dispatch"].get("inputs", {})
    return list(inputs["environment"]["options"]) if "environment" in inputs else [""]


POLICIES = (environments_have_files,)
