"""Put a new problem in the place of the one before: what is written, what is deleted, in steps that can be repeated."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from slipway.errors import SettingsError
from slipway.files.writing import new_file, write_bytes, write_json
from slipway.git import Git
from slipway.settings import project_settings
from slipway.template.plan import ProblemPlan
from slipway.template.programs import format_sources, is_versioned, lock_packages, version_data
from slipway.template.render import describe_outcome, render_files, render_plots
from slipway.template.request import NewProblem

# What a run that was interrupted was doing.
_MARKER = Path(".slipway/new.json")
# What belongs to the problem before, and what the pipeline made of it, which git ignores.
_OLD = ("demo.yaml", "data.dvc", "dvc.lock", "metrics.json", "data", ".dvc/embedded")
_MADE = ("bundle", "prepared", "plots", "validation.json", "training.json", "evaluation.json.gz", "model_card.md")
_KEPT_TESTS = ("test_conformance.py", "test_notebooks.py")
# A larger table does not belong into git: the team's own remote has it.
_EMBEDDED_BYTES = 50 * 2**20


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """The problem before and the new one, and the request that made it."""

    before: str
    name: str
    request: NewProblem


def is_interrupted(root: Path) -> bool:
    """Return True if a run was interrupted, which the next one finishes."""
    return (root / _MARKER).is_file()


def replace_problem(root: Path, plan: ProblemPlan, table: pa.Table, say: Callable[[str], None]) -> None:
    """Write the new problem with its data, and delete the one before; after an interruption every step is repeated.

    Raises `SettingsError` for a working tree with changes, which could not be told from those made here, for a package
    of that name, for another request than that of the interrupted run, and for a program that fails.
    """
    replacement = _begin(root, plan)
    say(f"  writing the package {plan.name}, params.yaml, gate.yaml, monitor.yaml, README.md, docs/data.md, tests ...")
    _delete_before(root, replacement)
    for path, text in render_files(plan).items():
        write_bytes(root / path, text.encode())
    _edit_pyproject(root, replacement, plan)
    _edit_plots(root, plan)
    _write_table(root, plan, table, say)
    format_sources(root, (f"src/{plan.name}", "tests"))
    say("  locking the packages that are left ...")
    lock_packages(root, say)
    (root / _MARKER).unlink()


def _write_table(root: Path, plan: ProblemPlan, table: pa.Table, say: Callable[[str], None]) -> None:
    """Put the table under DVC without the columns that were dropped."""
    path = root / "data" / plan.name / "table.parquet"
    say(f"  writing data/{plan.name}/table.parquet, and putting data/ under DVC ...")
    kept = table.select([name for name in table.column_names if name not in plan.request.drop])
    with new_file(path) as temporary:
        pq.write_table(kept, temporary, compression="zstd", write_page_checksum=True)
    size = path.stat().st_size
    version_data(root, push=size < _EMBEDDED_BYTES)
    if size >= _EMBEDDED_BYTES:
        say(
            f"  data/ has {size / 2**20:,.0f} MB, too much for git, and is not pushed: choose a remote "
            "(docs/github-setup.md, Data in a bucket), then type `uv run dvc push data.dvc`"
        )


def _begin(root: Path, plan: ProblemPlan) -> Replacement:
    """Return what is to be replaced, and note it for a run after an interruption."""
    if is_interrupted(root):
        found = msgspec.json.decode((root / _MARKER).read_bytes(), type=Replacement)
        if found.request != plan.request:
            raise SettingsError(
                f"An interrupted `slipway new {found.name}` had other options. Repeat it as it was, or return to the "
                f"last commit (git reset --hard && git clean -fd src tests docs) and delete {_MARKER}."
            )
        return found
    if (root / "src" / plan.name).exists():
        raise SettingsError(f"There is a package src/{plan.name} already. Choose another name, or delete it first.")
    _require_committed(root)
    found = Replacement(before=project_settings(root).problem, name=plan.name, request=plan.request)
    write_json(root / _MARKER, found)
    return found


def _require_committed(root: Path) -> None:
    """Raise `SettingsError` unless git and DVC can bring back everything that is replaced."""
    git = Git(root, SettingsError)
    changed = git.read_working_tree("--untracked-files=no").changed
    # Elsewhere files that git does not track are not touched.
    changed += git.read_working_tree("--untracked-files=all", "--", "src", "tests", "docs").changed
    if changed:
        raise SettingsError(
            f"The working tree has changes, such as {changed[0]}. Commit them first: what `slipway new` replaces can "
            "then be brought back from git."
        )
    if (root / "data").exists() and not is_versioned(root):
        raise SettingsError(
            "data/ is not what data.dvc names, so DVC could not bring it back. Type `dvc add data` and commit, "
            "or move the folder away."
        )


def _delete_before(root: Path, replacement: Replacement) -> None:
    if replacement.before != replacement.name:
        shutil.rmtree(root / "src" / replacement.before, ignore_errors=True)
    for path in sorted((root / "tests").glob("test_*.py")):
        if path.name not in _KEPT_TESTS:
            path.unlink()
    for name in (*_OLD, *_MADE):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _edit_pyproject(root: Path, replacement: Replacement, plan: ProblemPlan) -> None:
    """Name the new problem, and drop what only the one before needs."""
    import tomlkit

    path = root / "pyproject.toml"
    document = tomlkit.parse(path.read_text())
    old = replacement.before
    document["project"]["name"] = plan.name.replace("_", "-")
    document["project"]["description"] = f"Predicts {describe_outcome(plan)}."
    document["tool"]["slipway"]["problem"] = plan.name
    groups = document.get("dependency-groups", {})
    modules = [re.split(r"[^\w-]", each)[0] for each in groups.get("problem", ())]
    if "problem" in groups:
        groups["problem"] = tomlkit.array()
    for override in document["tool"].get("mypy", {}).get("overrides", ()):
        named = override["module"] if isinstance(override["module"], list) else []
        for module in [each for each in named if each.removesuffix(".*") in modules]:
            named.remove(module)
    options = document["tool"].get("pytest", {}).get("ini_options", {})
    for number, each in enumerate(options.get("filterwarnings", ())):
        options["filterwarnings"][number] = re.sub(rf"(?<=:){re.escape(old)}$", plan.name, each)
    write_bytes(path, tomlkit.dumps(document).encode())


def _edit_plots(root: Path, plan: ProblemPlan) -> None:
    """Let `dvc.yaml` draw the plots of the task."""
    path = root / "dvc.yaml"
    stages, found, _ = path.read_text().partition("\nplots:\n")
    if not found:
        raise SettingsError("dvc.yaml: expected a section `plots:` at its end, found none. Bring it back from git.")
    write_bytes(path, f"{stages}{found}{render_plots(plan.task)}".encode())
