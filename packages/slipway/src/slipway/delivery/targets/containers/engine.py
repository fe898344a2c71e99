"""A container engine, asked through the docker client's own command line."""

import os
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from slipway.errors import DeliveryError
from slipway.settings import docker_command

LABEL = "slipway.bundle.digest"
_SECONDS = 600


class Engine(NamedTuple):
    """The engine that the docker client reaches, or the one of a `context` of it."""

    context: str | None = None

    def run(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> str:
        """What `docker WORDS` prints; raises `DeliveryError` with its own last words."""
        done = self._run(words, given, variables)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-1000:] or "it says nothing"
            raise DeliveryError(f"`docker {' '.join(words[:2])}` failed: {said}")
        return done.stdout.decode(errors="replace").strip()

    def attempt(self, *words: str) -> str | None:
        """What `docker WORDS` prints, None if it fails."""
        done = self._run(words)
        return None if done.returncode else done.stdout.decode(errors="replace").strip()

    def refusal(self, *words: str) -> str | None:
        """What `docker WORDS` says when it fails, None if it does not."""
        done = self._run(words)
        return done.stderr.decode(errors="replace").strip()[-1000:] if done.returncode else None

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """`docker WORDS`, running, with its three streams; ctrl-c on a terminal does not reach it."""
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(
                self._command(words), stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
            )
        except FileNotFoundError as error:
            raise _no_client() from error

    def last_words(self, container: str) -> str:
        """The end of what a container said, on both of its outputs."""
        return self.hear("logs", "--tail", "20", container)

    def hear(self, *words: str) -> str:
        """All that `docker WORDS` prints, on both of its outputs, whether it fails or not."""
        done = self._run(words)
        return (done.stdout + done.stderr).decode(errors="replace").strip()

    def check(self) -> None:
        """Raise `DeliveryError` if it does not answer."""
        done = self._run(("version", "--format", "{{.Server.Version}}"))
        if done.returncode == 0:
            return
        if self.context:
            said = done.stderr.decode(errors="replace").strip() or "it says nothing"
            raise DeliveryError(
                f"The container engine of the docker context {self.context} does not answer: {said[-1000:]} "
                "(`docker context ls` lists the contexts.)"
            )
        raise DeliveryError(
            "No container engine answers. Start Docker; on Debian, as root, .ci/engine installs and starts one."
        )

    def endpoint(self) -> str:
        """Where it answers, in docker's words: unix://, tcp:// or ssh://."""
        of = [self.context] if self.context else []
        return self.attempt("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", *of) or ""

    def bundle_of(self, image: str) -> str | None:
        """The digest of the bundle that an image at hand is labelled with."""
        labels = msgspec.json.decode(self.run("image", "inspect", "--format", "{{json .Config.Labels}}", image))
        return (labels or {}).get(LABEL)

    def digest_of(self, image: str, repository: str) -> str | None:
        """`repository@sha256:...` of an image at hand, None if no registry has given it a digest."""
        found = self.run("image", "inspect", "--format", "{{json .RepoDigests}}", image)
        return in_repository(msgspec.json.decode(found, type=list[str]), repository)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [docker_command(), *(["--context", self.context] if self.context else []), *words]

    def _run(
        self, words: tuple[str, ...], given: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        command = self._command(words)
        environment = os.environ | dict(variables or {})
        try:
            return subprocess.run(command, input=given, capture_output=True, timeout=_SECONDS, env=environment)
        except FileNotFoundError as error:
            raise _no_client() from error
        except subprocess.TimeoutExpired as error:
            raise DeliveryError(f"`{' '.join(command[:3])}` did not end within {_SECONDS} s.") from error


def _no_client() -> DeliveryError:
    return DeliveryError(f"There is no {docker_command()} on the PATH. Install Docker, or set SLIPWAY_DOCKER.")


def in_repository(names: list[str], repository: str) -> str | None:
    """`repository@sha256:...` of an image's `names`; the engine leaves Docker Hub's own name out of them."""
    short = repository.removeprefix("index.").removeprefix("docker.io/").removeprefix("library/")
    parts = (name.partition("@") for name in names)
    return next((f"{repository}@{digest}" for name, _, digest in parts if name in (repository, short)), None)
