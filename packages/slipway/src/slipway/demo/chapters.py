"""The story of `demo.yaml`: models to train, judge and deliver in the workspace, then what happens in production."""

import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.request import Request, urlopen

import msgspec
import yaml
from msgspec import Meta

from slipway.delivery.targets.registry import find_target
from slipway.demo.commands import run_slipway
from slipway.demo.production import ProductionStep, leave_branch, play_production
from slipway.errors import DeliveryError, GateError, SettingsError
from slipway.files.documents import parse_yaml, read_yaml
from slipway.files.writing import write_bytes
from slipway.gate.result import GateResult, Verdict
from slipway.git import Git
from slipway.stage import print_progress

STORY = Path("demo.yaml")
ENVIRONMENTS = ("staging", "production")
Dvc = Callable[..., None]
_OUTCOMES = {
    Verdict.PROMOTE: "Result: production serves this model.",
    Verdict.KEEP: "Result: production keeps its model; nothing was deployed.",
    Verdict.REFUSE: "Result: the model is refused; nothing was deployed, production serves on.",
}


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model: its title, dotted keys of `params.yaml` with other values, and the gate's expected verdict."""

    title: Annotated[str, Meta(min_length=1)]
    params: dict[str, Any]
    expect: Verdict


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `demo.yaml`: models one after another, and then steps in production, which may be left out."""

    chapters: tuple[Chapter, ...]
    production: tuple[ProductionStep, ...] = ()


def read_story(folder: Path) -> Story | None:
    """Return the story of `demo.yaml` in `folder`, None without the file; raises `SettingsError`."""
    path = folder / STORY
    advice = (
        "Expected chapters (title, params, expect), and production (title, replay, monitor, fires, silent, retrain, "
        "expect), which may be left out. Without the file the demo ends with the pipeline."
    )
    return read_yaml(path, Story, SettingsError, advice) if path.exists() else None


def play_story(folder: Path, story: Story, dvc: Dvc) -> None:
    """Train, judge and deliver each chapter's model, run production, roll back, show history, stop the services.

    Raises `GateError` for an unexpected verdict, `DeliveryError` for a command that fails. At the end the committed
    parameters and their model are restored.
    """
    committed = (folder / "params.yaml").read_bytes()
    try:
        _init_ledger(folder)
        for number, chapter in enumerate(story.chapters, start=1):
            _play(folder, number, chapter, committed, dvc)
        if story.production:
            write_bytes(folder / "params.yaml", committed)
            dvc("\nPipeline: the committed parameters again", "repro", "--quiet")
            play_production(folder, story.production)
        print_progress("\nRollback: production returns to the release before, with one command")
        run_slipway(folder, "rollback", "production", "--reason", "the demo shows how")
        run_slipway(folder, "status")
        run_slipway(folder, "history", "production")
    finally:
        leave_branch(folder)
        for environment in ENVIRONMENTS:
            run_slipway(folder, "stop", environment, must=False)
        (folder / "params.yaml").write_bytes(committed)
        dvc("\nClean up: the committed parameters and their model again", "repro", "--quiet")


def _init_ledger(folder: Path) -> None:
    """Create a new ledger; it stays in the workspace, which has no remote."""
    print_progress("\nDelivery: a new ledger on the branch deployments of the workspace")
    _take_free_ports(folder)
    git = Git(folder, DeliveryError)
    witnesses = git.run("for-each-ref", "--format=%(refname)", "refs/tags/ledger").split()
    for reference in ("refs/heads/deployments", "refs/slipway/ledger", *witnesses):
        git.run("update-ref", "-d", reference)
    # What earlier demos left would be measured with this one's traffic.
    for environment in ENVIRONMENTS:
        shutil.rmtree(folder / ".slipway" / "monitoring" / environment, ignore_errors=True)
        for log in find_target(folder, environment).log_folders():
            shutil.rmtree(log, ignore_errors=True)
    run_slipway(folder, "ledger", "init", "--reason", "the demo begins")


def _take_free_ports(folder: Path) -> None:
    """Set free ports: environments of the user's own tree may be running on the configured ones."""
    path = folder / "pyproject.toml"
    parts = re.split(r"(?m)^(\[tool\.slipway\.environments\..*\]\n)", path.read_text())
    for index in range(2, len(parts), 2):
        parts[index] = re.sub(r"(?m)^port = \d+$", f"port = {_free_port()}", parts[index], count=1)
    path.write_text("".join(parts))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def apply_params(chapter: Chapter, committed: bytes, path: Path) -> None:
    """Write `path`: the `committed` parameters with the chapter's changes.

    Raises `SettingsError` for a key that is not in `params.yaml`.
    """
    if not chapter.params:
        write_bytes(path, committed)
        return
    tree = parse_yaml(committed, dict[str, Any], path.name, SettingsError, "Fix it.")
    for dotted, value in chapter.params.items():
        *sections, name = dotted.split(".")
        table: Any = tree
        for section in sections:
            table = table.get(section) if isinstance(table, dict) else None
        if not isinstance(table, dict) or name not in table:
            raise SettingsError(f"{STORY}, chapter {chapter.title!r}: {path.name} has no key {dotted}.")
        table[name] = value
    write_bytes(path, yaml.safe_dump(tree, sort_keys=False).encode())


def _play(folder: Path, number: int, chapter: Chapter, committed: bytes, dvc: Dvc) -> None:
    print_progress(f"\nChapter {number}: {chapter.title}")
    apply_params(chapter, committed, folder / "params.yaml")
    dvc("Pipeline: the stages that the change affects", "repro", "--quiet")
    found = _judge(folder)
    if found is not chapter.expect:
        raise GateError(
            f"Chapter {number}, {chapter.title!r}: expected the verdict {chapter.expect} (demo.yaml), found {found}. "
            f"The gate's report is above and in {folder}/gate.md."
        )
    if found is Verdict.PROMOTE:
        run_slipway(folder, "deploy", "staging")
        run_slipway(folder, "promote", "staging", "production")
        _predict(folder)
    print_progress(_OUTCOMES[found])


def _predict(folder: Path) -> None:
    """Send one golden row to production over HTTP, as a client does."""
    target = find_target(folder, "production")
    line = next(iter((folder / "bundle" / "golden.jsonl").read_bytes().splitlines()))
    row = msgspec.json.encode(msgspec.json.decode(line)["row"])
    request = Request(f"{target.url}/predict", row, {"Content-Type": "application/json"})  # noqa: S310 - our own
    with urlopen(request, timeout=10) as response:  # noqa: S310
        print_progress(f"$ curl {target.url}/predict -d '{row.decode()}'\n{response.read().decode()}")


def _judge(folder: Path) -> Verdict:
    done = run_slipway(folder, "gate", "--report", "gate.md", "--out", "gate.json", must=False)
    if done not in (0, 1):
        raise DeliveryError(f"`slipway gate` ended with exit code {done} in {folder}; its output is above.")
    return msgspec.json.decode((folder / "gate.json").read_bytes(), type=GateResult).verdict
