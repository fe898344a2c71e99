"""Worlds in which operations run: a ledger in a hub with a clone, or in one repository; each is made once."""

import gzip
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ledgerbox import BY, ENVIRONMENTS, branch, clone, git, make_key, make_repository
from places import TESTS

from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.base import Target
from slipway.ledger import Entry, Event, Ledger, Release, next_entry
from slipway.ledger.signatures import SIGNERS

# Every operation runs in the work tree of its world; the hub lies beside it, if there is one. No world changes bundles.
ROOT = Path()
OLD, NEW = Path("../../bundles/old/bundle"), Path("../../bundles/new/bundle")
_PROJECT = """[tool.slipway]
problem = "none"
environments.staging.target = "file"
environments.production.target = "file"
"""


class FileTarget(Target):
    """An environment that is a file: it serves the bundle whose digest stands there."""

    by_image = False
    url = "a file"  # type: ignore[assignment]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.file = self.root / "served" / self.name

    def apply(self, prepared: Any) -> Smoke:
        """Serve the bundle."""
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(prepared.bundle.digest)
        return self.smoke_test(prepared)

    def observe(self) -> str | None:
        """Return the digest that serves."""
        return self.file.read_text() if self.file.exists() else None

    def remove(self) -> bool:
        """Serve nothing."""
        self.file.unlink()
        return True

    def smoke_test(self, prepared: Any) -> Smoke:
        """Return what is served, untested."""
        return Smoke(self.url, prepared.bundle.digest, 0, 0.0, 0.0)


class Worlds:
    """The folder of all worlds; each is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _install_target(folder / "installed")
        self.key = make_key(folder / "key")
        for bundle, mark in ((OLD, ""), (NEW, "\n# Another one.\n")):
            _write_bundle(folder / "bundles" / bundle.parts[3], mark)

    def make(self, name: str) -> Path:
        """Return the folder of a world, whose name says what is in it; nothing has run there yet."""
        folder = self.folder / name
        if folder.exists():
            return folder
        folder.mkdir()
        parts = name.split()
        source = make_repository(folder / "source")
        (source / "pyproject.toml").write_text(_PROJECT)
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "-m", "a project")
        if "alone" in parts:
            source.rename(folder / "work")
        else:
            git(folder, "clone", "--quiet", "--bare", "source", "hub.git")
            clone(folder / "hub.git", folder / "work", "--template=")
            git(folder / "work", "remote", "set-url", "origin", "../hub.git")
        git(folder / "work", "config", "user.name", "Grace")
        git(folder / "work", "config", "core.logAllRefUpdates", "false")
        os.chdir(folder / "work")
        os.environ.pop("SLIPWAY_LEDGER_KEY", None)
        for part in parts:
            PARTS[part](self)
        if "known" not in parts and "alone" not in parts:
            options = ("--depth=1", "--no-single-branch") if "shallow" in parts else ()
            _clone_again(folder, options)
        for left in ("source", "hub.git/hooks", "work/.git/hooks", "work/.git/logs"):
            shutil.rmtree(folder / left, ignore_errors=True)
        # A few files instead of many: the world is copied for each fault.
        for repository in folder.iterdir():
            git(repository, "repack", "-a", "-d", "-q")
        return folder


def copy_world(world: Path, folder: Path) -> Path:
    """Copy a world; git's objects are never written twice, so that links to them will do."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(world, folder, copy_function=_link_or_copy, symlinks=True)
    return folder


def deploy_bundle(
    bundle: Path, environment: str = "production", event: Event = Event.PROMOTE, commit: str | None = None
) -> Entry:
    """Let an environment serve a bundle, in the ledger and in its file."""
    digest = digest_of(bundle)
    entry = Ledger(ROOT).append(environment, make_entry(bundle, event, commit), bundle)
    served = ROOT / "served" / environment
    served.parent.mkdir(exist_ok=True)
    served.write_text(digest)
    return entry


def make_entry(bundle: Path, event: Event = Event.PROMOTE, commit: str | None = None) -> Callable[[Entry], Entry]:
    """Return what `Ledger.append` takes for an event of this bundle."""
    release = Release(bundle=digest_of(bundle), commit=commit)
    return partial(next_entry, event=event, by=BY, reason="a reason", release=release)


def digest_of(bundle: Path) -> str:
    return hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()


def _begin(_: Worlds) -> None:
    Ledger(ROOT).init(ENVIRONMENTS, BY, "it begins")


def _release_old(_: Worlds) -> None:
    for name in ENVIRONMENTS:
        deploy_bundle(OLD, name, commit=git(ROOT, "rev-parse", "HEAD~1"))


def _release_new(_: Worlds) -> None:
    for name in ENVIRONMENTS:
        deploy_bundle(NEW, name)


def _stage_new(_: Worlds) -> None:
    deploy_bundle(NEW, "staging", Event.DEPLOY)


def _roll_back(_: Worlds) -> None:
    Ledger(ROOT).append("production", make_entry(OLD, Event.ROLLBACK))


def _restart(_: Worlds) -> None:
    """The machine serves another release than the ledger says."""
    (ROOT / "served" / "production").write_text(digest_of(OLD))


def _sign(worlds: Worlds) -> None:
    """From here on entries are signed: main names the key, and accepts what was written before."""
    git(ROOT, "checkout", "--quiet", "main")
    (ROOT / SIGNERS).parent.mkdir()
    public = worlds.key.with_suffix(".pub").read_text()
    (ROOT / SIGNERS).write_text(f"# accepted up to {branch(Path('../hub.git'))}\nada {public}")
    git(ROOT, "add", SIGNERS)
    git(ROOT, "commit", "--quiet", "-m", "sign the ledger")
    git(ROOT, "push", "--quiet", "origin", "main")
    os.environ["SLIPWAY_LEDGER_KEY"] = str(worlds.key)


def _nothing(_: Worlds) -> None:
    """Change nothing: the word says how the clone is made."""


PARTS: dict[str, Callable[[Worlds], None]] = {
    "empty": _nothing,
    "alone": _nothing,
    "shallow": _nothing,
    "known": _nothing,
    "begun": _begin,
    "old": _release_old,
    "new": _release_new,
    "staged": _stage_new,
    "back": _roll_back,
    "signed": _sign,
    "restarted": _restart,
}


def _clone_again(folder: Path, options: tuple[str, ...]) -> None:
    """Replace the clone by one that has read nothing yet; what serves there stays."""
    work, served = folder / "work", folder / "work" / "served"
    if served.exists():
        served.rename(folder / "served")
    os.chdir(folder)
    shutil.rmtree(work)
    clone(folder / "hub.git", work, "--template=", *options)
    git(work, "remote", "set-url", "origin", "../hub.git")
    git(work, "config", "user.name", "Grace")
    git(work, "config", "core.logAllRefUpdates", "false")
    if (folder / "served").exists():
        (folder / "served").rename(served)


def _write_bundle(folder: Path, mark: str) -> None:
    bundle = folder / "bundle"
    shutil.copytree(TESTS / "formats" / "bundle-1", bundle)
    features = (bundle / "features.py").read_text() + mark
    (bundle / "features.py").write_text(features)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["features.py"] = hashlib.sha256(features.encode()).hexdigest()
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    record = json.dumps({"bundle": digest_of(bundle)}).encode()
    (folder / "evaluation.json.gz").write_bytes(gzip.compress(record, mtime=0))


def _install_target(folder: Path) -> None:
    """Install a distribution whose entry point brings the target."""
    information = folder / "faults-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: faults\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[slipway.targets]\nfile = worlds:FileTarget\n")
    sys.path.append(str(folder))


def _link_or_copy(source: str, target: str) -> None:
    if "/objects/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
