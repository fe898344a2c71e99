"""Start and stop the stack, and follow its logs; refuse to publish a service without authentication."""

import os
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

import msgspec

from slipway.errors import StackError
from slipway.settings import docker_command
from slipway.stack.compose import compose, published_url, require_engine
from slipway.stack.preparation import SECRETS, build_images, find_bundle, list_images, make_secrets, pull_images

_CHOSEN = "{services: {}, x-chosen: '${SLIPWAY_AUTH-}'}"


class Running(NamedTuple):
    """The stack that is up: where each service answers, and which ports other machines reach."""

    urls: list[tuple[str, str, str]]
    exposed: list[str]


def start_stack(profiles: str, say: Callable[[str], None]) -> Running:
    """Pull and build what is missing, start the stack, and wait until it is healthy.

    `profiles` are comma-separated. Raises `StackError`; what has started then runs until `stop_stack`.
    """
    require_engine()
    _require_profiles(profiles)
    os.environ["COMPOSE_PROFILES"] = profiles
    config = msgspec.json.decode(compose("config", "--format", "json"))
    services = config["services"]
    exposed = find_exposed(services, _chosen_auth())
    make_secrets(config["name"])
    images = list_images(services)
    bundle = find_bundle(images.values())
    pull_images(images, say)
    build_images(images.values(), bundle, say)
    say(f"Starting: {' '.join(sorted(services))}")
    try:
        compose("--progress", "quiet", "up", "--detach", "--wait")
    except StackError as error:
        raise StackError(
            f"The stack did not come up: {error} `make logs` shows what the containers say; what has started runs "
            "until `make down`. For a port that is taken, choose others: SLIPWAY_PORT, SLIPWAY_MLFLOW_PORT, ..."
        ) from error
    places = (
        ("the service", published_url("front", 8080), "try the model on its page"),
        ("MLflow", published_url("mlflow", 5000), "runs and models"),
        ("a registry", published_url("registry", 5000), "for images"),
        ("Prometheus", published_url("prometheus", 9090), "metrics and alerts; make dashboard"),
        ("Grafana", published_url("grafana", 3000), f"user admin, password in {SECRETS}/grafana_password"),
    )
    return Running([(name, url, what) for name, url, what in places if url], exposed)


def stop_stack(*, volumes: bool) -> None:
    """Stop the stack and remove its containers; with `volumes` delete everything that it keeps."""
    require_engine()
    compose("--progress", "quiet", "--profile", "*", "down", *(["--volumes"] if volumes else []))


def follow_logs() -> int:
    """Print what the containers say until ctrl-c; return the exit code of the docker client."""
    require_engine()
    command = [docker_command(), "compose", "--profile", "*", "logs", "--follow", "--tail", "50"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def find_exposed(services: dict[str, Any], chosen: str | None) -> list[str]:
    """Return the ports that other machines reach, as "front on 0.0.0.0 port 8080"; no service can see this itself.

    `services` are those of `docker compose config --format json`; `chosen` is SLIPWAY_AUTH as the environment or .env
    sets it. Raises `StackError` if the service is among them while no choice says who authenticates clients.
    """
    found = {name: [*_open_ports(service)] for name, service in services.items()}
    auth = services["service"]["environment"].get("SLIPWAY_AUTH")
    ports = found["front"] + found["service"]
    if ports and auth != "keys" and chosen != "platform":
        raise StackError(
            f"The service would be published on {', '.join(ports)}, and nothing says who authenticates clients: "
            "expected SLIPWAY_AUTH=keys with a file of keys (docs/stack.md, Keys), or SLIPWAY_AUTH=platform where a "
            f"gateway in front does it, in .env or before `make up`; found {chosen or 'none'}. Nothing was started."
        )
    return [f"{name} on {port}" for name, ports in found.items() for port in ports]


def _require_profiles(profiles: str) -> None:
    """Raise `StackError` for a profile that no service has: Compose would ignore it in silence."""
    known = sorted(compose("config", "--profiles").split())
    for each in filter(None, profiles.replace(",", " ").split()):
        if each not in known:
            raise StackError(
                f"PROFILES: expected some of {' '.join(known)}, separated by commas, found {each}. Nothing was started."
            )


def _chosen_auth() -> str | None:
    """Return SLIPWAY_AUTH as the environment or .env sets it; a default of a compose file does not count."""
    return msgspec.json.decode(compose("--file", "-", "config", "--format", "json", given=_CHOSEN))["x-chosen"] or None


def _open_ports(service: dict[str, Any]) -> Iterator[str]:
    """Yield the published ports beyond loopback; without an address the engine listens on every one."""
    for port in service.get("ports", []):
        address = port.get("host_ip", "0.0.0.0")  # noqa: S104 - read, not bound
        if not ip_address(address).is_loopback:
            yield f"{address} port {port.get('published', 'any')}"
