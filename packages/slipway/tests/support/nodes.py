"""A swarm of two nodes: two engines of their own, each in a network namespace, as two machines on one cable."""

import ctypes
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import warm
from relay import relay
from waiting import wait_for_engine

_NEW_NETWORK = 0x40000000
_PORT = 2375
# The rest of the command runs on a machine of the name that comes next.
_OWN_NAME = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"')


class Node(NamedTuple):
    """An engine: the docker client and the socket that lead to it, its namespace, and its address from here."""

    client: str
    socket: str
    namespace: str
    address: str

    def run(self, *words: str) -> str:
        return _run(self.client, "--host", f"unix://{self.socket}", *words)


@contextmanager
def two_nodes(client: str, registry: str) -> Iterator[tuple[Node, Node]]:
    """The manager, whose API answers on its address, and a worker; `registry`, HOST:PORT here, is there on both."""
    mark = uuid4().hex[:6]
    # Networks of this run alone, however many there are on this machine.
    network = f"10.{64 + int(mark[:2], 16) // 2}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        nodes = [stack.enter_context(_node(client, folder, mark, number, network, registry)) for number in (1, 2)]
        manager, worker = nodes
        _connect(f"m{mark}", manager.namespace, f"{network}.3.1", worker.namespace, f"{network}.3.2")
        manager.run("swarm", "init", "--advertise-addr", f"{network}.3.1", "--listen-addr", f"{network}.3.1")
        token = manager.run("swarm", "join-token", "--quiet", "worker")
        worker.run("swarm", "join", "--advertise-addr", f"{network}.3.2", "--token", token, f"{network}.3.1:2377")
        wait_for_engine(lambda: manager.run("node", "ls", "--format", "{{.Status}}").split() == ["Ready", "Ready"])
        api = _listen(manager.namespace, (manager.address, _PORT))
        stack.enter_context(relay(api, manager.socket))
        yield manager, worker


def api_of(manager: Node) -> str:
    """Where the engine's API answers, as a docker context has it."""
    return f"tcp://{manager.address}:{_PORT}"


@contextmanager
def _folder() -> Iterator[str]:
    """A short name: below it lie sockets, whose names may have 108 characters."""
    found = tempfile.mkdtemp(prefix="slw")
    try:
        yield found
    finally:
        # An engine leaves a mount of its own network behind.
        warm.remove(Path(found))


@contextmanager
def _node(client: str, folder: Path, mark: str, number: int, network: str, registry: str) -> Iterator[Node]:
    namespace, here, address = f"slw{mark}{number}", f"{network}.{number}.1", f"{network}.{number}.2"
    node = Node(client, str(folder / f"{number}.sock"), namespace, address)
    host, _, port = registry.partition(":")
    _run("ip", "netns", "add", namespace)
    try:
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        _connect(f"h{mark}{number}", None, here, namespace, address)
        # So it has the same name on every machine.
        with relay(_listen(namespace, (host, int(port))), (host, int(port))), _engine(node, folder / str(number)):
            yield node
    finally:
        _run("ip", "netns", "delete", namespace)


@contextmanager
def _engine(node: Node, folder: Path) -> Iterator[None]:
    folder.mkdir()
    command = ["nsenter", f"--net=/var/run/netns/{node.namespace}", *_OWN_NAME, node.namespace]
    # Whatever becomes of the tests, it ends with them.
    command += ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", f"unix://{node.socket}"]
    command += [
        "--data-root",
        str(folder / "data"),
        "--exec-root",
        str(folder / "run"),
        "--pidfile",
        str(folder / "pid"),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while subprocess.run([node.client, "--host", f"unix://{node.socket}", "info"], capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()[-3000:]
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        # It gives containers their time first.
        process.wait(120)


def _connect(name: str, one: str | None, address: str, other: str, far: str) -> None:
    """A cable between two namespaces, None being that of here."""
    _run("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b")
    for end, namespace, own in ((f"{name}a", one, address), (f"{name}b", other, far)):
        inside = ["ip", "-n", namespace] if namespace else ["ip"]
        if namespace:
            _run("ip", "link", "set", end, "netns", namespace)
        _run(*inside, "address", "add", f"{own}/30", "dev", end)
        _run(*inside, "link", "set", end, "up")


def _listen(namespace: str, address: tuple[str, int]) -> socket.socket:
    """A socket that listens in the namespace: it stays there, as the thread ends that goes there."""
    made: list[socket.socket] = []

    def make() -> None:
        handle = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
        try:
            assert ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        finally:
            os.close(handle)
        made.append(socket.create_server(address))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert made, f"nothing listens on {address} in {namespace}; what the thread met is above"
    return made[0]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()
