"""From the first release to the rollback, in the workspace, by the commands that people type."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec

from slipway.delivery.targets.registry import target_of
from slipway.demo.chapters import Chapter, apply_params
from slipway.errors import DeliveryError, GateError
from slipway.gate.result import GateResult, Verdict
from slipway.git import Git
from slipway.stage import print_progress

ENVIRONMENTS = ("staging", "production")
Dvc = Callable[..., None]


def tell(folder: Path, chapters: tuple[Chapter, ...], dvc: Dvc) -> dict[str, Verdict]:
    """Tell every chapter, roll back, show status and history; nothing is left running.

    Returns the verdict of each chapter. Raises `GateError` for a verdict that is not the expected one, `DeliveryError`
    for a command that fails. The parameters and the last committed model are back at the end.
    """
    committed = (folder / "params.yaml").read_bytes()
    try:
        _begin(folder)
        verdicts = {}
        for number, chapter in enumerate(chapters, start=1):
            verdicts[chapter.title] = _tell(folder, number, chapter, committed, dvc)
        print_progress("\nBack to the release before, with one command")
        _slipway(folder, "rollback", "production", "--reason", "the demo shows how")
        _slipway(folder, "status")
        _slipway(folder, "history", "production")
        return verdicts
    finally:
        for environment in ENVIRONMENTS:
            _slipway(folder, "stop", environment, must=False)
        (folder / "params.yaml").write_bytes(committed)
        dvc("Back to the committed parameters", "repro", "--quiet")


def _begin(folder: Path) -> None:
    """A ledger of the demo's own, anew each time: the workspace has no remote, so nobody else sees it."""
    print_progress("\nDelivery: a ledger on the branch deployments of the workspace")
    _take_free_ports(folder)
    for reference in ("refs/heads/deployments", "refs/slipway/ledger"):
        Git(folder, DeliveryError).run("update-ref", "-d", reference)
    _slipway(folder, "ledger", "init", "--reason", "the demo begins")


def _take_free_ports(folder: Path) -> None:
    """The environments of the user's own tree may be running on theirs."""
    path = folder / "pyproject.toml"
    parts = re.split(r"(?m)^(\[tool\.slipway\.environments\..*\]\n)", path.read_text())
    for place in range(2, len(parts), 2):
        parts[place] = re.sub(r"(?m)^port = \d+$", f"port = {_free_port()}", parts[place], count=1)
    path.write_text("".join(parts))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def _tell(folder: Path, number: int, chapter: Chapter, committed: bytes, dvc: Dvc) -> Verdict:
    print_progress(f"\nChapter {number}: {chapter.title}")
    apply_params(chapter, committed, folder / "params.yaml")
    dvc("Pipeline: what the change touches", "repro", "--quiet")
    found = _judge(folder)
    if found is not chapter.expect:
        raise GateError(
            f"Chapter {number}, {chapter.title!r}, should end in {chapter.expect}, the gate says {found}. Its report "
            f"is above, and in {folder}/gate.md; demo.yaml says what is expected."
        )
    if found is Verdict.PROMOTE:
        _slipway(folder, "deploy", "staging")
        _slipway(folder, "promote", "staging", "production")
        _ask_production(folder)
    return found


def _ask_production(folder: Path) -> None:
    """One golden row, asked over HTTP as a client asks."""
    target = target_of(folder, "production")
    line = next(iter((folder / "bundle" / "golden.jsonl").read_bytes().splitlines()))
    row = msgspec.json.encode(msgspec.json.decode(line)["row"])
    asked = Request(f"{target.url}/predict", row, {"Content-Type": "application/json"})  # noqa: S310 - our own
    with urlopen(asked, timeout=10) as answer:  # noqa: S310
        print_progress(f"$ curl {target.url}/predict -d '{row.decode()}'\n{answer.read().decode()}")


def _judge(folder: Path) -> Verdict:
    done = _slipway(folder, "gate", "--report", "gate.md", "--out", "gate.json", must=False)
    if done not in (0, 1):
        raise DeliveryError(f"`slipway gate` ended with {done} in {folder}.")
    return msgspec.json.decode((folder / "gate.json").read_bytes(), type=GateResult).verdict


def _slipway(folder: Path, *words: str, must: bool = True) -> int:
    """Run a command as a person would, its words and its screen shown."""
    print_progress(f"$ slipway {' '.join(words)}")
    program = Path(sys.executable).with_name("slipway")
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    done = subprocess.run([str(program), *words], cwd=folder, env=own, stdin=subprocess.DEVNULL)
    if must and done.returncode:
        raise DeliveryError(f"`slipway {' '.join(words)}` ended with {done.returncode} in {folder}; it says why above.")
    return done.returncode
