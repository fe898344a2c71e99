"""An environment as a stack of Docker Swarm: deploy/swarm/stack.yaml, its secrets and its service."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from docker.errors import APIError

from slipway.delivery.targets.containers.compose import digest_settings, escape_variables, read_services
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import ContainerInputs
from slipway.delivery.targets.containers.swarm_service import SETTINGS, Node, SwarmService
from slipway.errors import DeliveryError
from slipway.files.writing import write_json

FILE = Path("deploy/swarm/stack.yaml")
_SECRETS = "slipway.secrets"
# The longest name of a secret that a swarm accepts.
_LONGEST = 64


class Wanted(msgspec.Struct, frozen=True):
    """The state that the stack should have: the digest of its settings, its inputs, and its secrets by name."""

    settings: str
    variables: dict[str, str]
    inputs: ContainerInputs
    secrets: dict[str, bytes]


class Stack(SwarmService):
    """One stack of a swarm, by its name, with one service."""

    def __init__(self, engine: Engine, name: str, root: Path, folder: Path) -> None:
        """`folder` receives the stack file with the additions to that of `root`, where a person can read it."""
        super().__init__(engine, f"{name}_service")
        self.name = name
        self._file = root / FILE
        self._added = folder / "stack.json"

    def wanted(self, inputs: ContainerInputs, address: str, port: int, replicas: int) -> Wanted:
        """Return the state that a stack with these settings should have."""
        found = self._read()
        # The content of a secret cannot be changed, so each content has a name of its own.
        secrets = {
            f"{self.name}-{name}-{hashlib.sha256(content).hexdigest()[:12]}": content
            for name, content in sorted(inputs.files.items())
        }
        for name in secrets:
            if len(name) > _LONGEST:
                raise DeliveryError(
                    f"The name of the secret {name} has {len(name)} characters, and a swarm takes {_LONGEST}. Choose a "
                    "shorter `project` in pyproject.toml."
                )
        published = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port), "SLIPWAY_REPLICAS": str(replicas)}
        return Wanted(digest_settings(found, published, inputs.variables, sorted(secrets)), published, inputs, secrets)

    def deploy(self, image: str, wanted: Wanted) -> None:
        """Tell the swarm what to run; the swarm then replaces the replicas by itself."""
        with self._engine.connect(f"create the secrets of {self.name}") as docker:
            there = {each.name for each in docker.secrets.list(filters={"label": f"{_SECRETS}={self.name}"})}
            for name in wanted.secrets.keys() - there:
                docker.secrets.create(name=name, data=wanted.secrets[name], labels={_SECRETS: self.name})
        write_json(self._added, _addition(wanted))
        files = ["--compose-file", str(self._file), "--compose-file", str(self._added)]
        # The image is named by its digest already, and each node pulls it with the login of this machine.
        how = ["--with-registry-auth", "--resolve-image", "never", "--prune"]
        variables = wanted.variables | {"SLIPWAY_IMAGE": image}
        self._engine.command_line.run("stack", "deploy", *how, *files, self.name, variables=variables)

    def nodes(self) -> list[Node]:
        """Return the swarm's nodes; none if the file itself says on which of them replicas are placed."""
        return [] if "placement" in self._read()["services"]["service"]["deploy"] else super().nodes()

    def remove(self) -> None:
        """Stop and remove all of the stack except its volumes, which lie on the nodes."""
        self._engine.command_line.run("stack", "rm", self.name)

    def remove_secrets(self, keep: Wanted | None = None) -> None:
        """Remove the secrets of this stack that no service uses, except those to `keep`."""
        with self._engine.connect(f"remove secrets of {self.name}") as docker:
            for secret in docker.secrets.list(filters={"label": f"{_SECRETS}={self.name}"}):
                if keep is None or secret.name not in keep.secrets:
                    try:
                        secret.remove()
                    except APIError as error:
                        # Removed meanwhile (404), or a service still uses it (400).
                        if error.status_code not in (400, 404):
                            raise

    def _read(self) -> dict[str, Any]:
        def fits(services: dict[str, Any]) -> bool:
            return services["service"]["deploy"].get("mode", "replicated") == "replicated"

        return read_services(self._file, "the replicated service `service`", fits)


def _addition(wanted: Wanted) -> dict[str, Any]:
    inside = dict(zip(sorted(wanted.inputs.files), wanted.secrets, strict=True))
    paths = {name: f"/run/secrets/{name.lower()}" for name in wanted.inputs.variables if name.lower() in inside}
    service: dict[str, Any] = {
        "environment": escape_variables(wanted.inputs.variables) | paths,
        "labels": {SETTINGS: wanted.settings},
        "secrets": [{"source": secret, "target": name, "mode": 0o444} for name, secret in inside.items()],
    }
    external = {secret: {"external": True} for secret in wanted.secrets}
    return {"version": "3.9", "services": {"service": service}, "secrets": external}
