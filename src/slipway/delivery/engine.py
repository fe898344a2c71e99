"""The container engine, asked through its own command line."""

import subprocess
from functools import partial

import msgspec

from slipway.errors import DeliveryError
from slipway.settings import docker_command

LABEL = "slipway.bundle.digest"
_SECONDS = 600


def docker(*words: str) -> str:
    """What `docker WORDS` prints; raises `DeliveryError` with its own last words."""
    done = _run([docker_command(), *words])
    if done.returncode:
        said = done.stderr.strip()[-1000:] or "it says nothing"
        raise DeliveryError(f"`docker {' '.join(words[:2])}` failed: {said}")
    return done.stdout.strip()


def try_docker(*words: str) -> str | None:
    """What `docker WORDS` prints, None if it fails."""
    done = _run([docker_command(), *words])
    return None if done.returncode else done.stdout.strip()


def last_words(container: str) -> str:
    """The end of what a container said, on both of its outputs."""
    done = _run([docker_command(), "logs", "--tail", "20", container])
    return f"{done.stdout}{done.stderr}".strip()


def check_engine() -> None:
    """Raise `DeliveryError` if no engine answers."""
    if try_docker("info", "--format", "{{.ServerVersion}}") is None:
        raise DeliveryError(
            "No container engine answers. Start Docker; on Debian, as root, .ci/engine installs and starts one."
        )


def bundle_of(image: str) -> str | None:
    """The digest of the bundle that an image at hand is labelled with."""
    labels = msgspec.json.decode(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    return (labels or {}).get(LABEL)


def digest_of(image: str, repository: str) -> str | None:
    """`repository@sha256:...` of an image at hand, None if no registry has given it a digest."""
    found = msgspec.json.decode(docker("image", "inspect", "--format", "{{json .RepoDigests}}", image), type=list[str])
    return in_repository(found, repository)


def in_repository(names: list[str], repository: str) -> str | None:
    """`repository@sha256:...` of an image's `names`; the engine leaves Docker Hub's own name out of them."""
    short = repository.removeprefix("index.").removeprefix("docker.io/").removeprefix("library/")
    parts = (name.partition("@") for name in names)
    return next((f"{repository}@{digest}" for name, _, digest in parts if name in (repository, short)), None)


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    run = partial(subprocess.run, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_SECONDS)
    try:
        return run(command)
    except FileNotFoundError as error:
        raise DeliveryError(f"There is no {command[0]} on the PATH. Install Docker, or set SLIPWAY_DOCKER.") from error
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(f"`{' '.join(command[:3])}` did not end within {_SECONDS} s.") from error
