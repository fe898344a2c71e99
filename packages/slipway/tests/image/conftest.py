"""The real image, built by `make image` around a toy problem's bundle, whenever there is a container engine."""

import fcntl
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from dockerbox import Shipped, Yard, place_on_engine, remove_from
from enginebox import engine_settings, require_base_image
from ledgerbox import ENVIRONMENTS
from places import PACKAGED, ROOT
from projectbox import Project, make_project
from registry import worker
from requirements import missing
from toybox import make_toy

from slipway.bundle import Bundle
from slipway.delivery.targets.registry import find_target

BUILT_FROM = ("Makefile", "Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock", *PACKAGED)
REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE = "https://example.com/team/model"


class Answer(NamedTuple):
    status: int
    body: Any


class Engine:
    """The `docker` at `client`; `base` is the image to build on where the one of the Dockerfile cannot be pulled."""

    def __init__(self, client: str, base: str | None) -> None:
        self.client = client
        self.base = base

    def answers(self) -> bool:
        return shutil.which(self.client) is not None and self.try_run("info").returncode == 0

    def run(self, *arguments: str) -> str:
        done = self.try_run(*arguments)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.client, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def inspect(self, name: str) -> dict[str, Any]:
        return json.loads(self.run("inspect", name))[0]

    def python(self, image: str, code: str) -> str:
        """What Python prints inside the image."""
        return self.run("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", code)

    @contextmanager
    def volume(self) -> Iterator[str]:
        name = f"slipway-test-{uuid4().hex[:12]}"
        self.run("volume", "create", name)
        try:
            yield name
        finally:
            self.run("volume", "rm", "--force", name)

    @contextmanager
    def container(self, image: str, *options: str, command: tuple[str, ...] = ()) -> Iterator["Container"]:
        """A container that is ready, on a port that only this machine reaches; gone when the block ends."""
        container = Container(self, f"slipway-test-{uuid4().hex[:12]}", self.free_port())
        publish = f"127.0.0.1:{container.port}:8080"
        self.run("run", "--detach", "--name", container.name, "--publish", publish, *options, image, *command)
        try:
            container.wait_until_ready()
            yield container
        finally:
            self.run("rm", "--force", "--volumes", container.name)

    def at(self, name: str, port: int) -> "Container":
        """A container that something else started."""
        return Container(self, name, port)

    @staticmethod
    def free_port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]


class Container(NamedTuple):
    engine: Engine
    name: str
    port: int

    def ask(self, path: str, body: object = None, key: str | None = None) -> Answer:
        """GET, or POST with a body; the answer is decoded if it is JSON."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return Answer(response.status, _decode(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, _decode(error.read()))

    def is_ready(self) -> bool:
        try:
            return self.ask("/readyz").status == 200
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        self.wait_for(self.is_ready, 30)

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, f"waited for {seconds:g} s; the container said:\n{self.output()}"
            time.sleep(0.1)

    def health(self) -> str:
        return self.engine.inspect(self.name)["State"]["Health"]["Status"]

    def output(self) -> str:
        done = self.engine.try_run("logs", self.name)
        return done.stdout + done.stderr


class Image(NamedTuple):
    """An image, the bundle in it, the folder it was built in, and the line that `make image` says to run it with."""

    name: str
    bundle: Bundle
    context: Path
    run_line: str


class Shipyard(NamedTuple):
    """Where images are built as a user builds them."""

    engine: Engine
    revision: str = REVISION
    source: str = SOURCE

    def make_image(self, context: Path, name: str) -> str:
        """Run `make image` in `context`; returns what it printed, or fails with it."""
        command = ["make", "image", f"IMAGE={name}", f"REVISION={self.revision}", f"SOURCE={self.source}"]
        command += [f"SLIPWAY_DOCKER={self.engine.client}", f"SLIPWAY_BASE_IMAGE={self.engine.base or ''}"]
        done = subprocess.run(command, cwd=context, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        # The end of the build's output is where the failing step says what is wrong.
        assert done.returncode == 0, f"make image failed:\n{done.stdout}{done.stderr[-4000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that ci/engine started, or the one that `docker` reaches, with an image to build on; else skip."""
    settings = engine_settings()
    found = Engine(settings["SLIPWAY_DOCKER"], settings.get("SLIPWAY_BASE_IMAGE"))
    if not found.answers():
        missing("docker", f"`{found.client} info` fails; packages/slipway/ci/engine installs and starts an engine")
    require_base_image(settings)
    return found


@pytest.fixture(scope="session")
def shipyard(engine) -> Shipyard:
    return Shipyard(engine)


@pytest.fixture(scope="session")
def sources() -> Callable[[Path], None]:
    """Copies everything that an image is built from into a folder."""
    return copy_sources


@pytest.fixture(scope="session")
def image(shipyard, session_folder, tmp_path_factory) -> Iterator[Image]:
    """An image with a toy problem's model. Of parallel workers the first builds it, the others find it in the cache."""
    context = tmp_path_factory.mktemp("context")
    copy_sources(context)
    bundle = make_toy("churn", context / "bundle", rows=2000).bundle
    name = f"slipway-test:{uuid4().hex[:12]}"
    with (session_folder / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        output = shipyard.make_image(context, name)
    (run_line,) = re.findall(r"^ +(\S*docker run .*)$", output, re.MULTILINE)
    yield Image(name, bundle, context, run_line)
    shipyard.engine.run("image", "rm", "--force", name)


@pytest.fixture
def answering(engine, image) -> Iterator[Container]:
    """A container of the image, ready, without keys."""
    with engine.container(image.name, "--env", "SLIPWAY_AUTH=platform") as container:
        yield container


@pytest.fixture(scope="session")
def yard(engine, image, registry, tmp_path_factory) -> Iterator[Yard]:
    """What fills the registry."""
    found = Yard(engine.client, image.name, f"{registry}/{worker()}/model", tmp_path_factory.mktemp("yard"))
    yield found
    for each in engine.run("image", "ls", "--quiet", found.repository).split():
        engine.try_run("image", "rm", "--force", each)


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory) -> Project:
    return make_project(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture(scope="session")
def shipped(fresh_project, yard, tmp_path_factory) -> list[Shipped]:
    """Two models of the toy, a modest one and a better one, each in its image."""
    made = []
    for trees in (2, 8):
        scratch = fresh_project.copy(tmp_path_factory.mktemp("scratch") / "project")
        bundle = scratch.retrain(trees=trees)
        made.append(Shipped(trees, bundle, yard.image(bundle.digest, bundle.path)))
    return made


@pytest.fixture
def on_engine(fresh_project, engine, tmp_path, monkeypatch) -> Iterator[Project]:
    """A toy project whose environments run on the engine; what is left of them is removed."""
    monkeypatch.setenv("SLIPWAY_DOCKER", engine.client)
    found = place_on_engine(fresh_project.copy(tmp_path / "project"))
    projects = [find_target(found.root, name)._project.name for name in ENVIRONMENTS]
    yield found
    for name in projects:
        remove_from(engine, name)


def copy_sources(folder: Path) -> None:
    for name in BUILT_FROM:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)


def _decode(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()
