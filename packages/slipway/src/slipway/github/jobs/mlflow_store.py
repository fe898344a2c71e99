"""Download the MLflow store that a run of cd keeps as an artifact, verify it, and relocate its files."""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from slipway.errors import GitHubError
from slipway.files.writing import new_folder
from slipway.github.client.api import GitHub
from slipway.github.jobs.archive import unpack_archive
from slipway.tracking.relocate import relocate_store

FOLDER = ".slipway/mlflow"
ARTIFACT = "mlflow"
WORKFLOW = "cd.yml"
STORE = "mlflow.db"
LARGEST = 1024**3
_BLOCK = 1024**2
# Seconds to connect, seconds between two bytes.
_TIMEOUT = (10.0, 60.0)


class Pulled(msgspec.Struct, frozen=True):
    """The run, its commit, and the folder of its store."""

    run: int
    commit: str
    folder: str


def pull_store(github: GitHub, root: Path, run: int | None = None, to: Path | None = None) -> Pulled:
    """Download the store of the run (None: the newest successful one on main) to `to`, else to .slipway/mlflow/<run>.

    An earlier download in .slipway is replaced; `to` must be empty. Raises `GitHubError`, `TrackingError`.
    """
    if to is not None and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise GitHubError(f"{to} is not empty: its files are not replaced. Name another folder.")
    found = github.get(f"actions/runs/{run}") if run is not None else _newest(github)
    number, artifact = found["id"], _artifact(github, found["id"])
    folder = (to or root / FOLDER / str(number)).absolute()
    with new_folder(folder) as temporary:
        with tempfile.NamedTemporaryFile(dir=temporary.parent, prefix=f".{folder.name}.", suffix=".part") as archive:
            _download(github.storage_url(f"actions/artifacts/{artifact}/zip"), Path(archive.name), github.url)
            unpack_archive(Path(archive.name), temporary)
        if not (temporary / STORE).is_file():
            raise GitHubError(f"The artifact {ARTIFACT} of run {number} holds no {STORE}.")
        relocate_store(temporary / STORE, folder)
    return Pulled(number, found["head_sha"], str(folder))


def _newest(github: GitHub) -> dict[str, Any]:
    found = github.get(f"actions/workflows/{WORKFLOW}/runs", branch="main", status="success", per_page=1)
    runs: list[dict[str, Any]] = found["workflow_runs"]
    if not runs:
        raise GitHubError(f"No run of {WORKFLOW} on main has succeeded yet. Name a run: its page's address ends in it.")
    return runs[0]


def _artifact(github: GitHub, run: int) -> int:
    """Return the id of the newest artifact of that name: each attempt of a run leaves one."""
    found = list(github.pages(f"actions/runs/{run}/artifacts", key="artifacts", name=ARTIFACT))
    there: list[int] = [each["id"] for each in found if not each["expired"]]
    if there:
        return max(there)
    why = "is no longer kept by GitHub" if found else "is not there"
    raise GitHubError(
        f"The artifact {ARTIFACT} of run {run} {why}. Runs of {WORKFLOW} leave one, unless MLFLOW_TRACKING_URI names a "
        "server: then look there."
    )


def _download(url: str, path: Path, api: str) -> None:
    """Download the file from storage, without the token; over https unless the API itself is used over http."""
    if urlsplit(url).scheme != "https" and urlsplit(api).scheme == "https":
        raise GitHubError(f"GitHub sends to {url.partition('?')[0]}, which is not https.")
    host, size = urlsplit(url).hostname, 0
    try:
        with requests.Session() as session:
            # Otherwise requests reads a login from ~/.netrc.
            session.auth = lambda request: request
            with session.get(url, stream=True, timeout=_TIMEOUT) as answer, path.open("wb") as file:
                answer.raise_for_status()
                for block in answer.iter_content(_BLOCK):
                    size += len(block)
                    if size > LARGEST:
                        raise GitHubError(f"The artifact is refused: more than {LARGEST:,} bytes.")
                    file.write(block)
    except requests.RequestException as error:
        status = f"{error.response.status_code}" if error.response is not None else type(error).__name__
        # The address itself grants access to the file for some minutes.
        raise GitHubError(f"The artifact cannot be downloaded from {host}: {status}. Do the same again.") from error
