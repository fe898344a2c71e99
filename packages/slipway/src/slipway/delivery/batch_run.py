"""Score a table with the release that the ledger names for an environment, and write the lineage of the scores."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from slipway.bundle import Bundle, load_bundle
from slipway.delivery.batch_log import BatchLog, open_batch_log
from slipway.delivery.rollout import Say
from slipway.delivery.targets.batch import LAST_RUN, BatchRun, BatchTarget
from slipway.delivery.targets.registry import find_target, lock_environment
from slipway.errors import DataError, DeliveryError
from slipway.files.writing import write_json
from slipway.ledger import Entry, Ledger
from slipway.serving.settings import read_log_settings
from slipway.settings import environment_folder, project_settings

_CHUNK = 1 << 20


def run_batch(root: Path, environment: str, say: Say, source: Path | None = None, out: Path | None = None) -> BatchRun:
    """Score `source` to `out`, by default those of the environment's table, and write `<out>.lineage.json` beside.

    Raises `DeliveryError` for an environment that serves or has no release, `DataError` for a table that is not there,
    and the errors of `slipway score`; what a run before has written is then unchanged.
    """
    settings = project_settings(root)
    target = find_target(root, environment, settings)
    if not isinstance(target, BatchTarget):
        raise DeliveryError(
            f'{environment} has the target {target.kind}, a service. `slipway run` needs target = "batch" in '
            f"{target.table}."
        )
    source, out = source or root / target.settings.input, out or root / target.settings.output
    if not source.exists():
        raise DataError(f"There is no table to score at {source}. Put it there, or name another with --input.")
    with lock_environment(root, environment, say):
        ledger = Ledger(root, settings)
        newest = ledger.read(environment)
        if newest.serving is None:
            raise DeliveryError(
                f"{environment} has no release, as entry {newest.number} of the ledger says. `slipway deploy` or "
                "`slipway promote` brings one."
            )
        bundles = root / ".slipway" / "bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        folder = ledger.fetch_bundle(newest.serving.bundle, bundles)
        run = _score(target, newest, folder, source, out)
        run = msgspec.structs.replace(run, offline=ledger.offline)
        write_json(lineage_path(out), run)
        write_json(environment_folder(root, environment) / LAST_RUN, run)
    return run


def lineage_path(out: Path) -> Path:
    """Return the file beside a table of scores that has its lineage."""
    return out.with_name(f"{out.name}.lineage.json")


def _score(target: BatchTarget, newest: Entry, folder: Path, source: Path, out: Path) -> BatchRun:
    from rich.console import Console

    from slipway.batch.plan import make_plan
    from slipway.batch.progress import show_progress
    from slipway.batch.score import score_file
    from slipway.batch.tables import check_output

    release, settings, started = newest.serving, target.settings, datetime.now(UTC)
    assert release is not None
    check_output(out, source)
    # Scores are put in place when their lineage is known.
    aside = out.with_name(f".{out.stem}.part{out.suffix}")
    bundle = load_bundle(folder, expected=release.bundle)
    skip = settings.invalid == "skip"
    plan = make_plan(bundle, source, aside, settings.keep or None, skip=skip, identified=settings.log)
    before = {str(each.path): _hash_file(each.path) for each in plan.sources}
    with (
        _open_log(target, bundle, before, started) as log,
        show_progress(sum(each.rows for each in plan.sources), Console(stderr=True)) as report,
    ):
        done = score_file(plan, report, log.append if log else None)
        if changed := [name for name, digest in before.items() if _hash_file(Path(name)) != digest]:
            aside.unlink()
            raise DataError(f"{', '.join(changed)} changed while being scored. Nothing was written. Run it again.")
    # An old lineage beside new scores would lie.
    lineage_path(out).unlink(missing_ok=True)
    aside.replace(out)
    return BatchRun(
        environment=target.name,
        bundle=release.bundle,
        entry=newest.number,
        model=release.model,
        commit=release.commit,
        input=before,
        output={str(out): _hash_file(out)},
        rows=done.rows,
        invalid=done.invalid,
        started=started,
        ended=datetime.now(UTC),
    )


def _open_log(
    target: BatchTarget, bundle: Bundle, read: dict[str, str], began: datetime
) -> AbstractContextManager[BatchLog | None]:
    if not target.settings.log:
        return nullcontext()
    (folder,) = target.log_folders()
    return open_batch_log(read_log_settings(target.settings.variables, log=folder), bundle, read, began)


def _hash_file(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while content := file.read(_CHUNK):
            found.update(content)
    return found.hexdigest()
