"""Environments of a toy project on a real engine, and images of its releases in a real registry."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from ledgerbox import ENVIRONMENTS
from projectbox import Project
from running import free_port

from slipway.bundle import Bundle
from slipway.delivery import release
from slipway.delivery.compose import FILE
from slipway.ledger import Ledger

ROOT = Path(__file__).parents[2]


class Yard:
    """Makes images that differ from a `base` by their bundle alone, and pushes them to the registry at `address`."""

    def __init__(self, client: str, base: str, address: str, folder: Path) -> None:
        self.client, self.base, self.folder = client, base, folder
        self.repository = f"{address}/model"

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


def place_on_engine(project: Project, **changed: Any) -> Project:
    """Give the project environments on the engine, on free ports; `changed` are lines of their tables."""
    path = project.root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / FILE, path)
    mark = uuid4().hex[:8]
    tables = {
        name: {"target": "docker", "port": free_port(), "project": f"slipway-test-{mark}-{name}", "variables": {}}
        for name in ENVIRONMENTS
    }
    return write(project, {name: table | changed for name, table in tables.items()})


def write(project: Project, tables: dict[str, dict[str, Any]]) -> Project:
    """Write the tables of the environments, and remember them beside the project."""
    lines = [f'[tool.slipway]\nproblem = "{project.package}"']
    for name, table in tables.items():
        lines.append(f"[tool.slipway.environments.{name}]")
        for key, value in table.items():
            inner = ", ".join(f'{each} = "{text}"' for each, text in value.items()) if key == "variables" else ""
            lines.append(f"{key} = {{{inner}}}" if key == "variables" else f"{key} = {json.dumps(value)}")
    (project.root / "pyproject.toml").write_text("\n".join(lines) + "\n")
    (project.root / ".slipway").mkdir(exist_ok=True)
    (project.root / ".slipway" / "tables.json").write_text(json.dumps(tables))
    return project


def change(project: Project, **changed: Any) -> None:
    """Other settings of the same environments."""
    tables = json.loads((project.root / ".slipway" / "tables.json").read_text())
    write(project, {name: table | changed for name, table in tables.items()})


def chosen(project: Project, image: str) -> Path:
    """What `slipway choose` and `publish` leave of the candidate, its image being this one."""
    folder = project.root / "release"
    release.choose(project.root, Ledger(project.root), folder, lambda line: None)
    release.with_image(folder, image)
    return folder


class Shipped(msgspec.Struct, frozen=True):
    """A model of the toy project: what trains it, its bundle, and its image by digest."""

    trees: int
    bundle: Bundle
    image: str
