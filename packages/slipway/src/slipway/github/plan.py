"""Which jobs of ci a change can affect, and whether all of them did what they should."""

from fnmatch import fnmatch
from pathlib import Path

import msgspec

from slipway.errors import GitHubError
from slipway.git import Git

ALWAYS = ("lint", "workflows")
# On main the model and its image are made by cd, which ships them; here they are made to be looked at.
ONLY_BEFORE_MERGE = ("gate", "image", "report")
_BESIDE_THE_CODE = (
    "requested/*",
    "*.md",
    "docs/*",
    "LICENSE",
    ".github/ISSUE_TEMPLATE/*",
    ".github/CODEOWNERS",
    ".gitignore",
)
_BESIDE_THE_MODEL = (
    *_BESIDE_THE_CODE,
    "tests/*",
    "packages/slipway/tests/*",
    "packages/slipway/benchmarks/*",
    "packages/slipway/ci/*",
    ".github/*",
    ".ci/*",
    "demo.yaml",
    ".pre-commit-config.yaml",
)
# What ci itself is made of is tried by running it.
_MAKES_CI = (".github/workflows/ci.yml", ".github/actions.json")
# A job is skipped if every changed file is one of these: what is not known to be harmless runs everything.
CANNOT_AFFECT = {
    "tests": _BESIDE_THE_CODE,
    **dict.fromkeys(("pipeline", "gate", "image"), _BESIDE_THE_MODEL),
    "report": (),
}


class Need(msgspec.Struct, frozen=True):
    """What became of a job that another one waited for, as `toJSON(needs)` has it."""

    result: str
    outputs: dict[str, str] | None = None


def plan(event: str, changed: list[str] | None) -> list[str]:
    """The jobs that run for an event and the files that it changed; None: not known, so all of them."""
    skipped = set(ONLY_BEFORE_MERGE) if event == "push" else set()
    if event != "pull_request":
        skipped.add("report")
    for job, patterns in CANNOT_AFFECT.items():
        if changed and all(_harmless(path, patterns) for path in changed):
            skipped.add(job)
    return [*ALWAYS, *(job for job in CANNOT_AFFECT if job not in skipped)]


def _harmless(path: str, patterns: tuple[str, ...]) -> bool:
    return path not in _MAKES_CI and any(fnmatch(path, pattern) for pattern in patterns)


def changed_files(root: Path, base: str) -> list[str] | None:
    """What HEAD changes beside the commit where it parted from `base`; None where there is no base to compare with."""
    if not base or set(base) == {"0"}:
        return None
    done = Git(root, GitHubError).attempt("diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD")
    if done.exit_code:
        raise GitHubError(f"Cannot list the changes since {base}: {done.reason} Check out with fetch-depth: 0.")
    return [path for path in done.output.decode(errors="replace").split("\0") if path]


def judge(needs: str) -> list[str]:
    """What is wrong with the jobs in `needs` (`toJSON(needs)`), a sentence each: none if all is as planned."""
    try:
        found = msgspec.json.decode(needs, type=dict[str, Need])
        planned = msgspec.json.decode((found["plan"].outputs or {})["jobs"], type=list[str])
    except (KeyError, msgspec.DecodeError) as error:
        return [f"plan did not say which jobs should run ({error}), so nothing was rightly skipped"]
    wrong = []
    for name, need in found.items():
        expected = "success" if name == "plan" or name in planned else "skipped"
        if need.result != expected:
            wrong.append(f"{name}: {need.result}, expected {expected}")
    wrong += [
        f"{name}: planned, and not among the jobs that the verdict waits for" for name in planned if name not in found
    ]
    return wrong
