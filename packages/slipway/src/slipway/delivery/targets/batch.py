"""The target `batch`: nothing serves; `slipway run` scores a table with the release that the ledger names.

The ledger is the pointer: a promotion or a rollback counts from the next run on, on every machine. The lineage of the
newest run from this folder is `.slipway/environments/<name>/last_run.json`.
"""

import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.manifest import TOLERANCE
from slipway.delivery.smoke_test import Smoke, read_golden_rows
from slipway.delivery.targets.base import PreparedRelease, Target, TargetSettings
from slipway.errors import DeliveryError
from slipway.files.documents import read_json
from slipway.serving.log.copying import copy_log_folder
from slipway.settings import environment_folder

LAST_RUN = "last_run.json"


class BatchSettings(TargetSettings, frozen=True, kw_only=True):
    """Options of the target `batch`: the table to score, where the scores go, and what `slipway score` is told.

    Paths are relative to the root of the project; `slipway run` may name others. `log`: each run is logged, with its
    rows, for the monitor; `variables` may have those of the log (SLIPWAY_LOG_INPUTS, SLIPWAY_LOG_DAYS).
    """

    input: Annotated[str, Meta(description="table or folder to score", examples=["incoming"])]
    output: Annotated[str, Meta(description="table of scores", examples=["scores.parquet"])]
    keep: Annotated[tuple[str, ...], Meta(description="columns of the input that the output keeps")] = ()
    invalid: Annotated[Literal["stop", "skip"], Meta(description="at a row that breaks the contract")] = "stop"
    log: Annotated[bool, Meta(description="log the rows of each run for the monitor")] = True


class BatchRun(msgspec.Struct, frozen=True, kw_only=True):
    """The lineage of a table of scores: the release and the ledger's entry that named it, what was read and written.

    `input` has the sha256 of each file, `output` that of the table; `offline` says why the ledger's remote was not
    asked, where it was not.
    """

    environment: str
    bundle: str
    entry: int
    model: str | None
    commit: str | None
    input: dict[str, str]
    output: dict[str, str]
    rows: int
    invalid: int
    started: datetime
    ended: datetime
    offline: str | None = None


class BatchTarget(Target):
    """One environment in which tables are scored."""

    settings_type = BatchSettings
    settings: BatchSettings
    by_image = False

    @property
    def url(self) -> str:
        """The input and output paths, because a batch environment has no address."""
        return f"{self.settings.input} -> {self.settings.output}"

    def log_folders(self) -> tuple[Path, ...]:
        """Return the folder of the log of the runs from this folder."""
        return (environment_folder(self.root, self.name) / "log",)

    def copy_log(self, folder: Path) -> str | None:
        """Copy the log of the runs from this folder; return why there is none."""
        (log,) = self.log_folders()
        if not log.is_dir():
            return f"{self.name} is scored elsewhere, or its runs are not logged: {log} does not exist here"
        copy_log_folder(log, folder)
        return None

    @property
    def last_run(self) -> BatchRun | None:
        """The lineage of the newest run from this folder, None before the first."""
        path = environment_folder(self.root, self.name) / LAST_RUN
        if not path.exists():
            return None
        return read_json(path, BatchRun, DeliveryError, f"`slipway run {self.name}` writes it again.")

    def preflight(self) -> None:
        """Raise `DeliveryError` where no bundle can be scored."""
        super().preflight()
        if find_spec("onnxruntime") is None:
            raise DeliveryError(
                f"The target batch of {self.name} scores golden rows here, which needs slipway[serve]. Install it: `uv "
                "sync --group pipeline`."
            )

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Score the golden rows; the ledger's entry is what switches."""
        return self.smoke_test(prepared)

    def smoke_test(self, prepared: PreparedRelease) -> Smoke:
        """Score the golden rows in a child process without rights, where every one must get its score."""
        golden = [msgspec.json.encode(line.row) for line in read_golden_rows(prepared.bundle)]
        bundle = isolate_bundle(prepared.bundle)
        began = time.perf_counter()
        taken = bundle.take_requests(golden)
        milliseconds = (time.perf_counter() - began) / len(golden) * 1e3
        bundle.close()
        if taken.unscored:
            raise DeliveryError(f"The bundle {bundle.digest[:12]} gives {taken.unscored} golden rows no score.")
        # The child says that each score is within the tolerance, and not by how much.
        return Smoke(self.url, bundle.digest, len(golden), TOLERANCE, milliseconds)

    def observe(self) -> str | None:
        """Return the digest of the bundle of the newest run from this folder, None before the first."""
        return self.last_run.bundle if self.last_run else None

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - nothing runs
        """Return None: every run asks the ledger."""
        return None

    def note(self) -> str | None:
        """Return when the newest run from this folder ended, and what it scored."""
        run = self.last_run
        if run is None:
            return f"no run from here yet: `slipway run {self.name}`"
        return f"last run {run.ended:%Y-%m-%d %H:%M}: {run.rows:,} rows by {run.bundle[:12]} (entry {run.entry})"

    def remove(self) -> bool:
        """Return False: nothing runs."""
        return False
