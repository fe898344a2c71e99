"""Copy the data of the running stack into backups/: MLflow's database, its artifacts and the prediction log."""

import os
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

from slipway.errors import StackError
from slipway.files.writing import new_folder
from slipway.stack.compose import compose, require_engine, require_running, stream_compose

BACKUPS = Path("backups")
SUMS = "SHA256SUMS"
PARTS = ("artifacts.tar", "log.tar", "mlflow.dump")
# tar ends with 1 where files grew meanwhile, and so does compose where it cannot connect: the container itself takes
# tar's for a success.
_ARCHIVE = (
    'tar --create --directory "$0" --exclude ./.restored --warning=no-file-changed --warning=no-file-removed . '
    "|| [ $? -eq 1 ]"
)
# The end of every tar archive; one that was cut between two of its files has none, though tar would list it.
_END = bytes(1024)


def back_up() -> Path:
    """Return the new folder of a whole backup; nothing is left of one that failed. Raises `StackError`."""
    require_engine()
    require_running("postgres", "mlflow", "service")
    folder = BACKUPS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    if folder.exists():
        raise StackError(f"{folder} exists. Try again in a second.")
    # Predictions may hold what callers sent, which is not for other users.
    before = os.umask(0o077)
    try:
        with new_folder(folder, mode=0o700) as part:
            _copy_into(part)
            (part / SUMS).write_text("".join(f"{sha256_of(part / name)}  {name}\n" for name in PARTS))
            os.sync()
    finally:
        os.umask(before)
    return folder


def sha256_of(path: Path) -> str:
    """Return the hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _copy_into(part: Path) -> None:
    # The database comes first: artifacts exist before it names them, so none that it names will be missing.
    dump = part / "mlflow.dump"
    if not stream_compose(dump, "exec", "-T", "postgres", "pg_dump", "--username=mlflow", "--format=custom", "mlflow"):
        raise StackError("MLflow's database could not be copied: pg_dump failed. Nothing was kept of this backup.")
    compose("exec", "-T", "postgres", "pg_restore", "--list", given=dump)
    _archive("mlflow", "/var/lib/mlflow/artifacts", part / "artifacts.tar")
    _archive("service", "/var/log/slipway", part / "log.tar")


def _archive(service: str, folder: str, path: Path) -> None:
    if not stream_compose(path, "exec", "-T", service, "sh", "-c", _ARCHIVE, folder) or not _is_complete(path):
        raise StackError(
            f"{folder} could not be copied out of the container of {service}; nothing was kept of this backup."
        )


def _is_complete(archive: Path) -> bool:
    with archive.open("rb") as file:
        file.seek(-min(len(_END), archive.stat().st_size), os.SEEK_END)
        return file.read() == _END
