"""A container engine, driven through the Docker SDK."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException, StreamParseError, TLSParameterError
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env
from urllib3.exceptions import HTTPError

from slipway.delivery.targets.containers.command_line import CommandLine
from slipway.delivery.targets.containers.ssh import SSHRelay
from slipway.errors import DeliveryError

_SECONDS = 600
_FILES = ("ca", "cert", "key")


class Engine:
    """The engine of a docker `context`; without one, that of DOCKER_HOST or of the client's current context."""

    def __init__(self, context: str | None = None) -> None:
        self.context = context
        self.command_line = CommandLine(context)
        self._relay: SSHRelay | None = None

    @contextmanager
    def connect(self, action: str) -> Iterator[DockerClient]:
        """Yield the engine's client for an `action`; raise `DeliveryError` "Cannot ACTION: ..." if that fails."""
        before = self._relay.errors_size() if self._relay else 0
        try:
            yield self._client
        except (DockerException, HTTPError, StreamParseError, OSError) as error:
            # The engine's own words first: ssh also reports what has not failed, as the banner of its machine.
            is_answer = isinstance(error, APIError)
            reported = self._relay.read_errors(before) if self._relay and not is_answer else ""
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
        """Return the address of the engine (unix://, tcp:// or ssh://); empty if its settings cannot be read."""
        try:
            return str(self._connection["base_url"])
        except DeliveryError:
            return ""

    @cached_property
    def _connection(self) -> dict[str, Any]:
        """The connection that DOCKER_HOST and its variables describe, where they count; else that of the context."""
        folder: Path | str = "the folder DOCKER_CERT_PATH (without it ~/.docker)"
        try:
            given: dict[str, Any] = {} if self.context else dict(kwargs_from_env())
            if "base_url" in given:
                return given
            found = self.command_line.inspect_context()
            endpoint, tls = found["Endpoints"]["docker"], None
            if found.get("TLSMaterial", {}).get("docker"):
                folder = Path(found["Storage"]["TLSPath"]) / "docker"
                ca, cert, key = (str(path) if (path := folder / f"{name}.pem").exists() else None for name in _FILES)
                pair = (cert, key) if cert and key else None
                tls = TLSConfig(client_cert=pair, ca_cert=ca, verify=not endpoint.get("SkipTLSVerify", False))
        except TLSParameterError as error:
            raise DeliveryError(
                f"Cannot read the TLS files of the container engine: expected ca.pem, cert.pem and key.pem in {folder}."
            ) from error
        return {"base_url": endpoint["Host"]} | ({"tls": tls} if tls else {})

    @cached_property
    def _client(self) -> DockerClient:
        options = self._connection
        if options["base_url"].startswith("ssh://"):
            if self._relay is None:
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
    if isinstance(error, HTTPError | StreamParseError):
        return "The engine's response broke off"
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)
