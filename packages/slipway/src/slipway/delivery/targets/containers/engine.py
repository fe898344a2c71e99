"""A container engine, driven through the Docker SDK."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env
from requests import RequestException

from slipway.delivery.targets.containers.command_line import CommandLine
from slipway.delivery.targets.containers.ssh_relay import SSHRelay
from slipway.errors import DeliveryError

_SECONDS = 600


class Engine:
    """The engine of a docker `context`; without one, that of DOCKER_HOST or of the client's current context."""

    def __init__(self, context: str | None = None) -> None:
        self.context = context
        self.command_line = CommandLine(context)
        self._relay: SSHRelay | None = None

    @contextmanager
    def connect(self, action: str) -> Iterator[DockerClient]:
        """Yield the engine's client for an `action`; raise `DeliveryError` "Cannot ACTION: ..." if that fails."""
        try:
            yield self._client
        except (DockerException, RequestException) as error:
            reported = self._relay.read_errors() if self._relay else ""
            raise DeliveryError(f"Cannot {action}: {(reported or _explain(error)).strip().rstrip('.')}.") from error

    def check(self) -> None:
        """Raise `DeliveryError` if the engine cannot be reached."""
        endpoint = self._connection["base_url"]
        try:
            with self.connect(f"connect to the container engine at {endpoint}") as docker:
                docker.ping()
        except DeliveryError as error:
            raise DeliveryError(f"{error} Check that it runs.") from error

    def endpoint(self) -> str:
        """Return the address of the engine (unix://, tcp:// or ssh://); empty for a context that does not exist."""
        try:
            return str(self._connection["base_url"])
        except DeliveryError:
            return ""

    @cached_property
    def _connection(self) -> dict[str, Any]:
        given: dict[str, Any] = {} if self.context else {**kwargs_from_env()}
        if "base_url" in given:
            return given
        found = self.command_line.inspect_context()
        endpoint = found["Endpoints"]["docker"]
        files = found.get("TLSMaterial", {}).get("docker", [])
        return {"base_url": endpoint["Host"]} | ({"tls": _tls(found, endpoint)} if files else {})

    @cached_property
    def _client(self) -> DockerClient:
        options = self._connection
        if options["base_url"].startswith("ssh://"):
            self._relay = SSHRelay(options["base_url"])
            weakref.finalize(self, self._relay.close)
            options = {"base_url": self._relay.url}
        client = DockerClient(timeout=_SECONDS, **options)
        if self._relay:
            # The SDK keeps a connection for each address that it asks, and each would be an `ssh` that stays.
            client.api.headers["Connection"] = "close"
        weakref.finalize(self, client.close)
        return client


def _explain(error: Exception) -> str:
    """Return the engine's own explanation, or the system's reason why it cannot be reached."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _tls(context: dict[str, Any], endpoint: dict[str, Any]) -> TLSConfig:
    folder = Path(context["Storage"]["TLSPath"]) / "docker"
    there = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key") if (folder / f"{name}.pem").exists()}
    pair = (there["cert"], there["key"]) if {"cert", "key"} <= there.keys() else None
    return TLSConfig(client_cert=pair, ca_cert=there.get("ca"), verify=not endpoint.get("SkipTLSVerify", False))
