"""The docker client's command line, for what the SDK lacks: Compose, `stack deploy`, contexts, logs of a task."""

import os
import subprocess
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from slipway.errors import DeliveryError
from slipway.settings import docker_command

_SECONDS = 600


class CommandLine(NamedTuple):
    """The docker client, with a `context` of its own if one is named."""

    context: str | None = None

    def run(self, *words: str, variables: Mapping[str, str] | None = None) -> str:
        """Return what `docker WORDS` prints; raise `DeliveryError` with its error output if it fails."""
        done = self.attempt(*words, variables=variables)
        if done.returncode:
            raise DeliveryError(
                f"`docker {' '.join(words[:2])}` failed: {done.stderr.strip()[-1000:] or '(no output)'}"
            )
        return done.stdout.strip()

    def inspect_context(self) -> dict[str, Any]:
        """Return the context as the client resolves it: the one named, else that of DOCKER_HOST, or the current one.

        The SDK reads contexts too, but finds none where the client's folder has no config.json.
        """
        done = self.attempt("context", "inspect", *([self.context] if self.context else []))
        if done.returncode:
            raise DeliveryError(f"{done.stderr.strip().rstrip('.')}. `docker context ls` lists the contexts.")
        found: list[dict[str, Any]] = msgspec.json.decode(done.stdout)
        return found[0]

    def save_context(self, name: str, host: str) -> None:
        """Make the context `name` lead to `host`."""
        is_new = self.attempt("context", "inspect", name).returncode != 0
        self.run("context", "create" if is_new else "update", name, "--docker", f"host={host}")

    def read_task_log(self, task: str) -> str:
        """Return the end of one replica's output, on whichever node; the SDK reads the log of a whole service only."""
        done = self.attempt("service", "logs", "--raw", "--tail", "20", task)
        return (done.stdout + done.stderr).strip() or "(no output)"

    def attempt(self, *words: str, variables: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run `docker WORDS` and return its output, whatever the exit code."""
        command = [docker_command(), *(["--context", self.context] if self.context else []), *words]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                env=os.environ | dict(variables or {}),
            )
        except FileNotFoundError as error:
            raise DeliveryError(
                f"There is no {docker_command()} on the PATH. Install Docker, or set SLIPWAY_DOCKER."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise DeliveryError(f"`{' '.join(command[:3])}` did not end within {_SECONDS} s.") from error
