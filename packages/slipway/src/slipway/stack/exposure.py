"""Find out which ports of the stack other machines reach, and refuse a service without authentication.

The service cannot see this itself: only the engine knows on which addresses of the machine its port is published.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from slipway.errors import StackError


def find_exposed(services: dict[str, Any], chosen: str | None) -> list[str]:
    """Return the ports that other machines reach, as "front on 0.0.0.0 port 8080".

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


def _open_ports(service: dict[str, Any]) -> Iterator[str]:
    """Yield the published ports beyond loopback; without an address the engine listens on every one."""
    for port in service.get("ports", []):
        address = port.get("host_ip", "0.0.0.0")  # noqa: S104 - read, not bound
        if not ip_address(address).is_loopback:
            yield f"{address} port {port.get('published', 'any')}"
