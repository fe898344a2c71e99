"""Choose the jobs of ci that a change can affect, none for a tree that has passed, and judge their results."""

from fnmatch import fnmatch
from pathlib import Path

import msgspec

from slipway.errors import GitHubError
from slipway.git import Git
from slipway.github.client.api import GitHub
from slipway.github.jobs.context import parse_needs

ALWAYS = ("checks",)
# On main cd judges the model and builds the image that it ships.
ONLY_BEFORE_MERGE = ("gate", "image")
_NOT_CODE = (
    "requested/*",
    "*.md",
    "docs/*",
    "LICENSE",
    ".github/ISSUE_TEMPLATE/*",
    ".github/CODEOWNERS",
    ".gitignore",
)
_NOT_MODEL = (
    *_NOT_CODE,
    "tests/*",
    "packages/slipway/tests/*",
    "packages/slipway/benchmarks/*",
    "packages/slipway/ci/*",
    ".github/*",
    ".ci/*",
    "demo.yaml",
    "monitor.yaml",
    ".pre-commit-config.yaml",
)
# A change of ci itself is tested by running all of it.
_DEFINES_CI = (".github/workflows/ci.yml", ".github/actions/*")
# The machinery's own tests run only where a changed file is one of these.
MACHINERY = (
    "packages/slipway/*",
    "pyproject.toml",
    "uv.lock",
    ".github/*",
    "Dockerfile",
    ".dockerignore",
    "deploy/*",
    "compose.yaml",
    "Makefile",
    ".ci/*",
)
# A job is skipped if every changed file is one of these; a file that no pattern knows runs every job.
CANNOT_AFFECT = {
    "tests": _NOT_CODE,
    **dict.fromkeys(("pipeline", "gate", "image"), _NOT_MODEL),
}
_CHECK = "verdict"
# GitHub Actions: other apps may report a check of the same name.
_APP = 15368


def plan_jobs(event: str, changed: list[str] | None, *, vendored: bool = True) -> list[str]:
    """Return the jobs that run for an event and the files that it changed.

    `changed` is None where it is unknown: then every job runs but the machinery's tests, which also run weekly. A
    repository in which the machinery is not `vendored` has no tests of it.
    """
    skipped = set(ONLY_BEFORE_MERGE) if event == "push" else set()
    for job, patterns in CANNOT_AFFECT.items():
        if changed and all(_harmless(path, patterns) for path in changed):
            skipped.add(job)
    machinery = ["machinery"] if vendored and any(_matches(path, MACHINERY) for path in changed or []) else []
    return [*ALWAYS, *machinery, *(job for job in CANNOT_AFFECT if job not in skipped)]


def _harmless(path: str, patterns: tuple[str, ...]) -> bool:
    return _matches(path, patterns) and not _matches(path, _DEFINES_CI)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def list_changed_files(root: Path, base: str, event: str) -> list[str] | None:
    """Return the files that HEAD changes since its merge base with `base`; None without a base."""
    if not base or set(base) == {"0"}:
        return None
    git = Git(root, GitHubError)
    # A forced push leaves the commit before it on no branch, so that no clone has it.
    if event == "push" and git.resolve(f"{base}^{{commit}}") is None:
        return None
    done = git.attempt("diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD")
    if done.exit_code:
        raise GitHubError(f"Cannot list the changes since {base}: {done.reason} Check out with fetch-depth: 0.")
    return [path for path in done.output.decode(errors="replace").split("\0") if path]


def has_passed(github: GitHub, commit: str) -> bool:
    """Return whether ci was green for the tree of `commit`, there or at the head of the pull request merged as it.

    A head with this tree held all of its base already, so ci tested this tree when it tested their merge. Raises
    `GitHubError`.
    """
    tree = _tree(github, commit)
    heads = [commit, *(pull["head"]["sha"] for pull in github.pages(f"commits/{commit}/pulls"))]
    return any(_is_green(github, head) for head in heads if _tree(github, head) == tree)


def _tree(github: GitHub, commit: str) -> str:
    return str(github.get(f"git/commits/{commit}")["tree"]["sha"])


def _is_green(github: GitHub, commit: str) -> bool:
    runs = github.pages(f"commits/{commit}/check-runs", key="check_runs", check_name=_CHECK)
    return any(run["conclusion"] == "success" and run["app"]["id"] == _APP for run in runs)


def judge_jobs(needs: str) -> list[str]:
    """Return a sentence for each job in `needs` (`toJSON(needs)`) whose result is not as planned."""
    try:
        found = parse_needs(needs)
        planned = msgspec.json.decode((found["plan"].outputs or {})["jobs"], type=list[str])
    except (KeyError, GitHubError, msgspec.DecodeError) as error:
        return [f"plan: its output jobs is missing ({error}), so no job may be skipped"]
    wrong = []
    for name, need in found.items():
        expected = "success" if name == "plan" or name in planned else "skipped"
        if need.result != expected:
            wrong.append(f"{name}: {need.result}, expected {expected}")
    wrong += [f"{name}: planned, but missing from the needs of verdict" for name in planned if name not in found]
    return wrong
