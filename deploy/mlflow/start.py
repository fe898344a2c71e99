"""Becomes MLflow's server, with the password of its database from a file.

MLflow wants the password inside an address. Made here, it stands in the environment of this process alone: not in the
container's settings, which `docker inspect` shows, and not among the arguments, which `ps` shows.

With the word `upgrade` it brings the database of an older MLflow up to date instead, and ends.
"""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

HOME = Path("/var/lib/mlflow")


def main() -> None:
    """Read the settings of deploy/compose/mlflow.yaml, and become the server."""
    if sys.argv[1:] == ["upgrade"]:
        from mlflow.cli import cli

        cli(["db", "upgrade", store_uri()])
    artifacts, uploads = HOME / "artifacts", HOME / "uploads"
    artifacts.mkdir(exist_ok=True)
    # What is sent lands here first, however large; what a killed server left behind is nobody's.
    shutil.rmtree(uploads, ignore_errors=True)
    uploads.mkdir()
    os.environ["TMPDIR"] = str(uploads)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = store_uri()
    serve = ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--serve-artifacts"]  # noqa: S104 - in a container
    serve += ["--artifacts-destination", str(artifacts), "--workers", os.environ.get("MLFLOW_WORKERS", "1")]
    os.execvp(serve[0], serve)  # noqa: S606 - it is to take this process's place


def store_uri() -> str:
    """The address of the database; ends with a sentence if the password's file cannot be read."""
    path = Path(os.environ["MLFLOW_DATABASE_PASSWORD_FILE"])
    try:
        password = path.read_text().strip()
    except OSError as error:
        sys.exit(f"No password of the database: {path}: {error.strerror}. `make up` makes it in deploy/secrets/.")
    return f"postgresql+psycopg://mlflow:{quote(password, safe='')}@{os.environ['MLFLOW_DATABASE_HOST']}/mlflow"


main()
