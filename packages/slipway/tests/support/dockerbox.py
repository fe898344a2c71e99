"""Environments of a toy project on a real engine, and images of its releases in a real registry."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import requests
from ledgerbox import ENVIRONMENTS
from load import Callers
from places import ROOT
from projectbox import Project
from running import free_port

from slipway.bundle import Bundle
from slipway.delivery import operations, release
from slipway.delivery.rollout import Delivered
from slipway.delivery.targets.containers.compose import FILE, Container
from slipway.delivery.targets.containers.container_target import ContainerTarget
from slipway.delivery.targets.docker import DockerTarget
from slipway.delivery.targets.registry import find_target
from slipway.ledger import Ledger
from slipway.serving.log import Prediction
from slipway.serving.log.reader import read_log


class Yard:
    """Makes images that differ from a `base` by their bundle alone, and pushes them to `repository`."""

    def __init__(self, client: str, base: str, repository: str, folder: Path) -> None:
        self.client, self.base, self.repository, self.folder = client, base, repository, folder

    def image(self, labelled: str, holds: Path, *lines: str) -> str:
        """An image by its digest, labelled with one bundle, in which another one may lie."""
        context = self.folder / uuid4().hex
        shutil.copytree(holds, context / "bundle")
        for each in (context / "bundle", *(context / "bundle").rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
        text = (f"FROM {self.base}", "COPY bundle /bundle", f"LABEL slipway.bundle.digest={labelled}", *lines)
        (context / "Dockerfile").write_text("\n".join(text) + "\n")
        name = f"{self.repository}:{context.name}"
        self._run("build", "--quiet", "--tag", name, str(context))
        self._run("push", "--quiet", name)
        found = json.loads(self._run("image", "inspect", "--format", "{{json .RepoDigests}}", name))
        self._run("image", "rm", name)
        return next(each for each in found if each.startswith(self.repository))

    def _run(self, *words: str) -> str:
        done = subprocess.run([self.client, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


def place_on_engine(project: Project) -> Project:
    """Give the project environments on the engine, on free ports."""
    path = project.root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / FILE, path)
    mark = uuid4().hex[:8]
    tables = {
        name: {"target": "docker", "port": free_port(), "project": f"slipway-test-{mark}-{name}", "variables": {}}
        for name in ENVIRONMENTS
    }
    (project.root / ".slipway").mkdir(exist_ok=True)
    (project.root / ".slipway" / "tables.json").write_text(json.dumps(tables))
    change(project)
    return project


def change(project: Project, **changed: Any) -> None:
    """The settings that the environments had first, but for those that are named here."""
    lines = [f'[tool.slipway]\nresults = 3\nproblem = "{project.package}"']
    for name, table in json.loads((project.root / ".slipway" / "tables.json").read_text()).items():
        lines.append(f"[tool.slipway.environments.{name}]")
        for key, value in (table | changed).items():
            inner = ", ".join(f'{each} = "{text}"' for each, text in value.items()) if key == "variables" else ""
            lines.append(f"{key} = {{{inner}}}" if key == "variables" else f"{key} = {json.dumps(value)}")
    (project.root / "pyproject.toml").write_text("\n".join(lines) + "\n")


def chosen(project: Project, image: str) -> Path:
    """What `slipway choose` and `publish` leave of the candidate, its image being this one."""
    folder = project.root / "release"
    found = release.choose_release(project.root, Ledger(project.root), folder, quiet)
    release.note_image(folder, found, image)
    return folder


class Shipped(msgspec.Struct, frozen=True):
    """A model of the toy project: what trains it, its bundle, and its image by digest."""

    trees: int
    bundle: Bundle
    image: str

    @property
    def row(self) -> dict[str, Any]:
        """A row as a caller sends it."""
        return json.loads((self.bundle.path / "golden.jsonl").read_text().splitlines()[0])["row"]


def remove_from(engine: Any, name: str) -> None:
    """Remove what the Compose project `name` left on the engine."""
    for what in (f"label=com.docker.compose.project={name}", f"name={name}-rehearsal"):
        for each in engine.run("ps", "--all", "--quiet", "--filter", what).split():
            engine.try_run("rm", "--force", "--volumes", each)
    for each in engine.run("volume", "ls", "--quiet", "--filter", f"name={name}").split():
        engine.try_run("volume", "rm", each)
    engine.try_run("network", "rm", f"{name}_default")


def quiet(line: str) -> None:
    """Say nothing."""


def bring(project: Project, ship: Shipped, environment: str = "staging") -> Delivered:
    """Deploy a model, as the gate lets it through."""
    project.retrain(trees=ship.trees)
    return operations.deploy(project.root, environment, quiet, chosen=chosen(project, ship.image))


def serve(project: Project, ship: Shipped) -> Delivered:
    """Bring a model through to production."""
    bring(project, ship)
    return operations.promote(project.root, "staging", "production", quiet)


def services(project: Project, name: str) -> list[Container]:
    """The containers of an environment that serve, or did."""
    target = find_target(project.root, name)
    assert isinstance(target, DockerTarget)
    return target._project.services()


def follow_log(target: ContainerTarget, callers: Callers, folder: Path) -> None:
    """Copy the log while callers write it, and put a report beside it: all is there that was acknowledged before."""
    acknowledged = set(callers.acknowledged)
    assert acknowledged
    assert target.copy_log(folder) is None
    assert acknowledged <= {entry.id for entry in read_log(folder) if isinstance(entry, Prediction)}
    page = "<p>the last report</p>"
    assert target.publish_report({"report.html": page.encode()}) is None
    answer = requests.get(f"http://127.0.0.1:{target.settings.port}/monitoring", timeout=10)
    assert answer.text == page


def settled(project: Project, ship: Shipped, name: str = "production") -> Container:
    """The one container of an environment, which serves this model as everything says that it should."""
    target = find_target(project.root, name)
    (container,) = services(project, name)
    assert container.image == ship.image
    assert target.observe() == ship.bundle.digest
    assert target.out_of_sync(ship.bundle.digest, ship.image) is None
    return container
