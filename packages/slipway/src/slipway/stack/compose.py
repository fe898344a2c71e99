"""Run `docker compose` for the compose.yaml of the working directory."""

import subprocess
from pathlib import Path

from slipway.errors import StackError
from slipway.settings import docker_command


def compose(*words: str, given: Path | str = "") -> str:
    """Return what `docker compose WORDS` prints; its progress and its errors go to standard error.

    `given` is its standard input: a file, or text. Raises `StackError` if it fails.
    """
    done = run_docker("compose", *words, given=given)
    if done.returncode:
        raise StackError(f"`docker compose {' '.join(words[:3])}` failed with exit code {done.returncode}; see above.")
    return done.stdout.strip()


def run_docker(*words: str, given: Path | str = "", quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `docker WORDS` and return its output and exit code; its errors go to standard error unless `quiet`."""
    command, errors = [docker_command(), *words], subprocess.DEVNULL if quiet else None
    if isinstance(given, str):
        return subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    with given.open("rb") as file:
        return subprocess.run(command, stdin=file, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)


def stream_compose(path: Path, *words: str) -> bool:
    """Write what `docker compose WORDS` prints to a file; return whether it succeeded."""
    with path.open("wb") as out:
        command = [docker_command(), "compose", *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, check=False).returncode == 0


def require_engine() -> None:
    """Raise `StackError` unless a container engine with Compose can be reached."""
    client = docker_command()
    for words, advice in (
        (("info",), "Start Docker, or name its client: SLIPWAY_DOCKER=..."),
        (("compose", "version"), "Install Compose 2.20 or newer (Docker's package docker-compose-plugin)."),
    ):
        try:
            failed = run_docker(*words, quiet=True).returncode != 0
        except FileNotFoundError as error:
            raise StackError(
                f"Cannot connect to a container engine: there is no {client} on the PATH. {advice}"
            ) from error
        if failed:
            raise StackError(f"Cannot connect to a container engine: `{client} {' '.join(words)}` fails. {advice}")


def require_running(*services: str) -> None:
    """Raise `StackError` unless every service of the stack is running."""
    running = compose("ps", "--services", "--status", "running").split()
    for service in services:
        if service not in running:
            raise StackError(f"Service {service} of the stack is not running. Run `make up` first.")


def published_url(service: str, port: int) -> str | None:
    """Return where a service can be reached on this machine, None if it is not running."""
    done = run_docker("compose", "port", service, str(port), quiet=True)
    return f"http://{done.stdout.strip()}" if done.returncode == 0 and done.stdout.strip() else None
