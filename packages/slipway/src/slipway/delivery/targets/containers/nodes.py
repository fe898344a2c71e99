"""The machines of a swarm, as one of its managers knows them."""

import msgspec

from slipway.delivery.targets.containers.engine import Engine

_FIELDS = ("ID", "Hostname", "Self", "Status", "Availability")


class Node(msgspec.Struct, frozen=True):
    """One machine: `here` is that of the manager that was asked; `open` says that it takes replicas."""

    id: str
    name: str
    here: bool
    open: bool


def read_nodes(engine: Engine) -> list[Node]:
    """All of them; raises `DeliveryError`."""
    form = "\t".join(f"{{{{.{name}}}}}" for name in _FIELDS)
    found = [line.split("\t") for line in engine.run("node", "ls", "--format", form).splitlines()]
    # One that has only just joined has no name yet.
    return [
        Node(number, name, here == "true", (status, availability) == ("Ready", "Active"))
        for number, name, here, status, availability in found
    ]
