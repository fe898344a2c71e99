"""Settings of `pyproject.toml` and of environment variables, read and typed in one place."""

import getpass
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import convert_document, read_toml

# Each of these sends telemetry by default, and hangs for seconds where there is no network.
_TELEMETRY_OFF = {
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}

# Two OpenMP threads on a busy two-core machine took 231 s where one took 14: threads that wait must not spin.
_QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}

LOG_FOLDER = "log"

# A server that cannot be reached is reported in seconds; MLflow's own default tries for minutes.
_MLFLOW_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}

# MLflow would unpickle models of strangers, put uv.lock into every model, and print each table that it makes.
_MLFLOW_DEFAULTS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


class SignatureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The signer whose signature an image must have before it is started: `[tool.slipway.signature]`.

    Either the holder of a `key` (the file of the public one, or a URI that cosign knows); or an `identity` to which an
    `issuer` of identities testifies, by a certificate of Sigstore or of the authorities in the file `roots`.
    """

    key: str | None = None
    identity: str | None = None
    issuer: str | None = None
    roots: str | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` unless it names either a key or an identity."""
        named = (self.identity is not None, self.issuer is not None)
        if self.key is not None and (any(named) or self.roots is not None):
            raise ValueError("signature has a key, and an identity as well: expected one of both")
        if self.key is None and not all(named):
            raise ValueError("signature: expected a key, or an identity and its issuer")


class GitHubRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table `[tool.slipway.github]`, reviewed as code is: approvals, attested images, places of logs.

    `approval` says who lets a release into production: the reviewers of GitHub's `environment`, or those of a
    `pull-request` that requests it. `attest` is for private repositories, which have attestations on GitHub Enterprise
    only; public ones have them. `logs` names, by environment, the folder of the prediction log on a self-hosted runner.
    """

    approval: Literal["environment", "pull-request"] = "environment"
    attest: bool = False
    logs: dict[str, str] = {}


class ProjectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tool.slipway]` of `pyproject.toml`.

    `results` numbers the figures that the pipeline makes from the same inputs; `ledger_remote` names the git remote of
    the ledger, "" for none.
    """

    problem: str
    results: Annotated[int, Meta(ge=1)] | None = None
    ledger_remote: str | None = None
    environments: dict[str, dict[str, Any]] = {}
    signature: SignatureSettings | None = None
    github: GitHubRules = GitHubRules()


class TrackingSettings(msgspec.Struct, frozen=True):
    """The place of MLflow's runs and models, the login of a server, and the run of `mlflow run` around this process."""

    uri: str
    parent_run: str | None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    # The file of the authorities that may sign the server's certificate, True for the usual ones, False for no check.
    verify: bool | str = True


class GitHubSettings(msgspec.Struct, frozen=True):
    """The address of GitHub's REST API, the repository (OWNER/NAME), and the token."""

    api_url: str
    repository: str | None
    token: str | None


class JobSettings(msgspec.Struct, frozen=True):
    """The event of a workflow's job, its commit, the event's file, other jobs' results as JSON, the page of its run."""

    event_name: str
    commit: str
    event: Path | None
    needs: str
    run_url: str | None = None


class ServerSettings(msgspec.Struct, frozen=True):
    """The address, host keys and credentials with which a job reaches an environment's server.

    `host` is ssh://user@machine, `known_hosts` what ssh-keyscan prints of it. `api_keys` and `smoke_key` are what is in
    the files that the environment's table names.
    """

    host: str
    known_hosts: str
    ssh_key: str
    api_keys: str
    smoke_key: str


def environment_folder(root: Path, environment: str) -> Path:
    """Return the folder in which an environment on this machine keeps its releases and its prediction log."""
    return root / ".slipway" / "environments" / environment


def local_log(root: Path, environment: str) -> Path:
    """Return the folder of the prediction log of an environment on this machine."""
    return environment_folder(root, environment) / LOG_FOLDER


def project_settings(root: Path = Path()) -> ProjectSettings:
    """Read `[tool.slipway]` below `root`."""
    where = "pyproject.toml"
    document = read_toml(root / where, SettingsError, "Fix it.", "Run this from the root of the repository.")
    table = document.get("tool", {}).get("slipway")
    if table is None:
        raise SettingsError(f'{where} has no [tool.slipway] table. Add one with problem = "<your package>".')
    return convert_document(table, ProjectSettings, where, SettingsError, "Fix it.", section="tool.slipway")


def target_override() -> str | None:
    """Return the target that SLIPWAY_TARGET chooses for all environments, None if it is not set."""
    return os.environ.get("SLIPWAY_TARGET") or None


def docker_command() -> str:
    """Return the docker client: SLIPWAY_DOCKER, else `docker` on the PATH."""
    return os.environ.get("SLIPWAY_DOCKER") or "docker"


def cosign_command() -> str:
    """Return the program that signs images and verifies signatures: SLIPWAY_COSIGN, else `cosign` on the PATH."""
    return os.environ.get("SLIPWAY_COSIGN") or "cosign"


def signing_key() -> str | None:
    """Return the name by which cosign finds the key in the variable COSIGN_KEY; None if it is not set."""
    return "env://COSIGN_KEY" if os.environ.get("COSIGN_KEY") else None


def attesting_repository() -> str | None:
    """Return SLIPWAY_ATTESTED, the repository (OWNER/NAME) whose cd.yml must have built an image; None for any."""
    return os.environ.get("SLIPWAY_ATTESTED") or None


def ledger_key() -> str | None:
    """Return the SSH key that signs entries of the ledger, or its file: SLIPWAY_LEDGER_KEY, None if it is not set."""
    return os.environ.get("SLIPWAY_LEDGER_KEY", "").strip() or None


def tracking_settings() -> TrackingSettings:
    """Read MLflow's own variables; without them the store is `mlflow.db` beside the code, as MLflow has it."""
    return TrackingSettings(
        uri=os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db",
        parent_run=os.environ.get("MLFLOW_RUN_ID") or None,
        user=os.environ.get("MLFLOW_TRACKING_USERNAME") or None,
        password=os.environ.get("MLFLOW_TRACKING_PASSWORD") or None,
        token=os.environ.get("MLFLOW_TRACKING_TOKEN") or None,
        verify=_verify_tracking_server(),
    )


def _verify_tracking_server() -> bool | str:
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return False
    return os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True


def github_settings() -> GitHubSettings:
    """Read the variables of a GitHub workflow and those of `gh`; an empty one counts as not set."""
    return GitHubSettings(
        api_url=(os.environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/"),
        repository=os.environ.get("GITHUB_REPOSITORY") or None,
        token=os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or None,
    )


def app_token() -> str | None:
    """Return SLIPWAY_APP_TOKEN, the token of an app whose pull requests start CI; None if it is not set."""
    return os.environ.get("SLIPWAY_APP_TOKEN") or None


def job_settings() -> JobSettings:
    """Read the variables GITHUB_... of a job, and NEEDS, which a job sets to `toJSON(needs)`."""
    event = os.environ.get("GITHUB_EVENT_PATH")
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return JobSettings(
        event_name=os.environ.get("GITHUB_EVENT_NAME", ""),
        commit=os.environ.get("GITHUB_SHA", ""),
        event=Path(event) if event else None,
        needs=os.environ.get("NEEDS", ""),
        run_url=f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None,
    )


def server_settings() -> ServerSettings:
    """Read the variables of the step that runs `slipway ci connect`; one that is not set is empty."""
    names = {name: f"SLIPWAY_{name.upper()}" for name in ServerSettings.__struct_fields__}
    return ServerSettings(**{name: os.environ.get(variable, "") for name, variable in names.items()})


def actor() -> str:
    """Return who acts where git has no name: the user of a GitHub workflow, or of this machine."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return f"user {os.getuid()}"


def quiet_environment(environ: MutableMapping[str, str] = os.environ) -> None:
    """Switch off telemetry, spinning threads and pickles, here and in every child; what the user has set stays."""
    for name, value in (_TELEMETRY_OFF | _QUIET_THREADS | _MLFLOW_PATIENCE | _MLFLOW_DEFAULTS).items():
        environ.setdefault(name, value)
