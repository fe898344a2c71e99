"""The supervisor overrides private names of granian: each is listed here, and found in the version installed."""

import ast
import inspect
from importlib.metadata import requires, version

import pytest
from granian._granian import WSGIWorker
from granian.constants import Interfaces, RuntimeModes
from granian.net import SocketHolder
from granian.server import MPServer
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

from slipway.serving.server import supervisor

# Methods that the supervisor overrides or calls, with the arguments that it counts on.
METHODS = {
    "_init_shared_socket": [],
    "_reload": ["spawn_target", "target_loader"],
    "_respawn_workers": ["workers", "spawn_target", "target_loader"],
    "_serve_loop": ["spawn_target", "target_loader"],
    "_spawn_worker": ["idx", "target", "callback_loader"],
    "_stop_workers": [],
}
ATTRIBUTES = {
    "_bind_addr_fmt",
    "_shd",
    "_sso",
    "backlog",
    "interrupt_children",
    "interrupt_signal",
    "main_loop_interrupt",
    "reload_signal",
    "workers",
    "wrks",
}
WORKER = {"start", "is_alive", "terminate", "kill"}


@pytest.fixture
def granian():
    server = MPServer("slipway", address="127.0.0.1", port=0, interface=Interfaces.WSGI, log_enabled=False)
    server._init_shared_socket()
    yield server
    server._drop_shared_socket()


def test_the_supervisor_uses_these_names_of_granian(granian):
    source = ast.parse(inspect.getsource(supervisor))
    (own,) = (node for node in source.body if isinstance(node, ast.ClassDef))
    methods = {node.name for node in own.body if isinstance(node, ast.FunctionDef)}
    read = {
        node.attr
        for node in ast.walk(own)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    }
    used = {name for name in methods | read if hasattr(granian, name) and not name.startswith("__")}
    assert used == METHODS.keys() | ATTRIBUTES


def test_granian_has_them(granian):
    assert {name for name in ATTRIBUTES if not hasattr(granian, name)} == set()
    for name, arguments in METHODS.items():
        taken = [*inspect.signature(getattr(MPServer, name)).parameters]
        assert taken[1 : len(arguments) + 1] == arguments, name
    wrapped = WorkerProcess.wrap_target(lambda *_: None)
    first = [*inspect.signature(wrapped, follow_wrapped=False).parameters][:3]
    assert first == ["worker_id", "process_name", "callback_loader"], "what run_worker is handed"
    assert {name for name in WORKER if not hasattr(WorkerProcess, name)} == set()
    assert SocketHolder(0, False, granian.backlog)


def test_a_worker_gets_these_options_in_this_order():
    # What `serve_app` does in place of granian's own function.
    taken = [*inspect.signature(MPServer._spawn_wsgi_worker).parameters]
    assert taken == [
        *(
            "worker_id",
            "callback",
            "sock",
            "ipc",
            "loop",
            "runtime_mode",
            "runtime_threads",
            "runtime_blocking_threads",
        ),
        *("blocking_threads", "blocking_threads_idle_timeout", "backpressure", "task_impl", "http_mode"),
        *("http1_settings", "http2_settings", "websockets", "static_path", "log_access_fmt", "ssl_ctx", "scope_opts"),
        "metrics",
    ]
    assert hasattr(WSGIWorker, WORKERS_METHODS[RuntimeModes.mt][False])


def test_no_other_minor_version_can_be_installed():
    (requirement,) = {each.partition(";")[0].strip() for each in requires("slipway") if each.startswith("granian")}
    major, minor, _ = version("granian").split(".")
    assert requirement.endswith(f"<{major}.{int(minor) + 1}") or f"<{major}.{int(minor) + 1}," in requirement
