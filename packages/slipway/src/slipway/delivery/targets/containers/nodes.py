"""The machines of a swarm, as one of its managers knows them."""

import msgspec

from slipway.delivery.targets.containers.engine import Engine


class Node(msgspec.Struct, frozen=True):
    """One machine: `here` marks the manager that was asked, `open` a node that takes replicas."""

    id: str
    name: str
    here: bool
    open: bool


def read_nodes(engine: Engine) -> list[Node]:
    """Return all nodes of the swarm; raise `DeliveryError` if its manager cannot be asked."""
    with engine.connect("list the nodes of the swarm") as docker:
        here = docker.info()["Swarm"]["NodeID"]
        found = [each.attrs for each in docker.nodes.list()]
    return [
        Node(
            id=each["ID"],
            # One that has only just joined has no name yet.
            name=each.get("Description", {}).get("Hostname", ""),
            here=each["ID"] == here,
            open=(each["Status"]["State"], each["Spec"]["Availability"]) == ("ready", "active"),
        )
        for each in found
    ]
