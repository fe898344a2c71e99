"""Run MLflow's server: the program of the image `mlflow`, which has this file and MLflow, and nothing else of Slipway.

MLflow needs the password of its database inside a URL. Built here, the URL is only in the environment of this process:
neither `docker inspect` nor `ps` shows it.
"""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

_HOME = Path("/var/lib/mlflow")
_READS_THE_DATABASE = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/search?max_results=1"


def main() -> None:
    """Replace this process by the server; with the argument `health` or `upgrade` do that instead."""
    actions = {(): replace_by_server, ("health",): verify_health, ("upgrade",): upgrade_database}
    actions[tuple(sys.argv[1:])]()


def replace_by_server() -> None:
    """Start the server with the settings of compose.yaml."""
    artifacts, uploads = _HOME / "artifacts", _HOME / "uploads"
    artifacts.mkdir(exist_ok=True)
    # Uploads are stored here first, however large; those that a killed server left are deleted.
    shutil.rmtree(uploads, ignore_errors=True)
    uploads.mkdir()
    os.environ["TMPDIR"] = str(uploads)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = store_uri()
    serve = ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--serve-artifacts"]  # noqa: S104 - in a container
    serve += ["--artifacts-destination", str(artifacts), "--workers", os.environ.get("MLFLOW_WORKERS", "1")]
    os.execvp(serve[0], serve)  # noqa: S606 - replaces this process


def verify_health() -> None:
    """Fail if MLflow cannot read its database; MLflow's own /health does not read it."""
    # Compose passes the user's proxy to each container; this address is reached without it.
    build_opener(ProxyHandler({})).open(_READS_THE_DATABASE, timeout=4).read()


def upgrade_database() -> None:
    """Upgrade the database of an older MLflow."""
    from mlflow.cli import cli

    cli(["db", "upgrade", store_uri()])


def store_uri() -> str:
    """Return the URL of the database; exit with a message if the password's file cannot be read."""
    path = Path(os.environ["MLFLOW_DATABASE_PASSWORD_FILE"])
    try:
        password = path.read_text().strip()
    except OSError as error:
        sys.exit(f"No password of the database: {path}: {error.strerror}. `make up` makes it in deploy/secrets/.")
    return f"postgresql+psycopg://mlflow:{quote(password, safe='')}@{os.environ['MLFLOW_DATABASE_HOST']}/mlflow"


if __name__ == "__main__":
    main()
