"""The disk of the prediction log is full: nothing is answered that is not kept, and a deployment makes it no worse."""

import pytest
import requests
from dockerbox import bring, quiet, settled

from slipway.delivery.reconcile import reconcile
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger

pytestmark = pytest.mark.timeout(600)

FILL = "open('/var/log/slipway/ballast', 'wb', 0).write(bytes(10 << 20))"


@pytest.fixture
def small_log(on_engine, engine):
    """Staging's log lies on a disk of a megabyte."""
    name = find_target(on_engine.root, "staging")._project.name
    labels = {"com.docker.compose.project": name, "com.docker.compose.volume": "log"}
    words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    size = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,mode=1777"]
    engine.run("volume", "create", *words, *size, f"{name}_log")


def test_a_full_log_refuses_and_a_deployment_onto_it_leaves_what_is_there(on_engine, small_log, shipped, engine):
    old, new = shipped
    bring(on_engine, old)
    url, container = find_target(on_engine.root, "staging").url, settled(on_engine, old, "staging")

    def ask() -> int:
        return requests.post(f"{url}/predict", json=old.row, timeout=10).status_code

    assert ask() == 200
    engine.run("exec", container.id, "python", "-c", FILL)
    # The last page of the disk may still take some lines.
    assert any(ask() == 503 for _ in range(3000))
    with pytest.raises(DeliveryError, match=r"(?s)log cannot be written: No space left on device.*says failed"):
        bring(on_engine, new)
    entry = Ledger(on_engine.root).read("staging")
    assert (entry.event, entry.serving.bundle) == (Event.FAILED, old.bundle.digest)

    engine.run("exec", container.id, "rm", "/var/log/slipway/ballast")
    assert ask() == 200, "where there is room it goes on, and nobody had to restart it"
    assert settled(on_engine, old, "staging") == container
    reconcile(on_engine.root, "staging", quiet)
    assert settled(on_engine, old, "staging") == container, "it was never touched"
