"""Start MLflow's server in this process, with the password of its database from a file.

MLflow needs the password inside a URL. Built here, the URL is only in the environment of this process: neither `docker
inspect` nor `ps` shows it.

With the argument `upgrade` it upgrades the database of an older MLflow instead.
"""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

HOME = Path("/var/lib/mlflow")


def main() -> None:
    """Read the settings of deploy/compose/mlflow.yaml, and replace this process by the server."""
    if sys.argv[1:] == ["upgrade"]:
        from mlflow.cli import cli

        cli(["db", "upgrade", store_uri()])
    artifacts, uploads = HOME / "artifacts", HOME / "uploads"
    artifacts.mkdir(exist_ok=True)
    # Uploads are stored here first, however large; those that a killed server left are deleted.
    shutil.rmtree(uploads, ignore_errors=True)
    uploads.mkdir()
    os.environ["TMPDIR"] = str(uploads)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = store_uri()
    serve = ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--serve-artifacts"]  # noqa: S104 - in a container
    serve += ["--artifacts-destination", str(artifacts), "--workers", os.environ.get("MLFLOW_WORKERS", "1")]
    os.execvp(serve[0], serve)  # noqa: S606 - replaces this process


def store_uri() -> str:
    """Return the URL of the database; exit with a message if the password's file cannot be read."""
    path = Path(os.environ["MLFLOW_DATABASE_PASSWORD_FILE"])
    try:
        password = path.read_text().strip()
    except OSError as error:
        sys.exit(f"No password of the database: {path}: {error.strerror}. `make up` makes it in deploy/secrets/.")
    return f"postgresql+psycopg://mlflow:{quote(password, safe='')}@{os.environ['MLFLOW_DATABASE_HOST']}/mlflow"


main()
