"""Targets are found by entry point, each with options of its own."""

import itertools
import os
import re
import sys
import textwrap
from importlib.metadata import entry_points

import pytest
from places import ROOT
from projectbox import place
from releases import better, first, quiet
from running import SLIPWAY

from slipway.delivery import operations
from slipway.delivery.reconcile import stop_service
from slipway.delivery.status import read_status
from slipway.delivery.targets.base import Target
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError, SettingsError
from slipway.ledger import Event, Ledger

IMPORTS = """
from slipway.delivery.smoke_test import is_ready, read_version, wait_until
from slipway.delivery.targets.base import Port, Target, TargetSettings
from slipway.delivery.targets.local import process
"""


def read_example() -> str:
    """Return the first block of code below the heading in docs/delivery.md."""
    text = (ROOT / "docs" / "delivery.md").read_text()
    section = text.partition("## A target of your own\n")[2]
    lines = section[section.index("    class ") :].splitlines(keepends=True)
    block = "".join(itertools.takewhile(lambda line: line.startswith("    ") or not line.strip(), lines))
    return IMPORTS + textwrap.dedent(block)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution of the company's own with one module and one entry point."""

    def write(name: str, code: str, target: str):
        module = f"acme_{name.replace('-', '_')}"
        folder = tmp_path / "installed"
        information = folder / f"{module}-1.0.dist-info"
        information.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[slipway.targets]\n{name} = {module}:{target}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return write


@pytest.fixture
def find(tmp_path):
    """Finds the target of an environment with these lines besides its port."""

    def find_with(*lines: str) -> Target:
        head = ["[tool.slipway]", 'problem = "none"', "results = 3", "[tool.slipway.environments.staging]", "port = 80"]
        (tmp_path / "pyproject.toml").write_text("\n".join([*head, *lines]))
        return find_target(tmp_path, "staging")

    return find_with


def test_a_package_brings_a_target_that_deploys_fails_and_rolls_back_like_ours(project, install, monkeypatch):
    install("process", read_example(), "ProcessTarget")
    monkeypatch.setenv("PATH", f"{SLIPWAY.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLIPWAY_TARGET", "process")
    old = first(project).entry.serving.bundle
    assert [(each.serving, each.differs) for each in read_status(project.root)] == [(old, None)] * 2
    new = better(project).digest
    operations.deploy(project.root, "staging", quiet)
    done = operations.promote(project.root, "staging", "production", quiet)
    target = find_target(project.root, "production")
    assert (done.entry.target, target.observe(), done.smoke.url) == ("process", new, target.url)
    assert "ledger says" in target.out_of_sync(old)
    operations.rollback(project.root, "production", "to see it work", quiet)
    assert target.observe() == old
    place(project, SLIPWAY_MAX_ROWS="none")
    with pytest.raises(DeliveryError, match="could not be brought back"):
        operations.rollback(project.root, "staging", "to see it fail", quiet)
    assert Ledger(project.root).read("staging").event is Event.FAILED
    assert stop_service(project.root, "production", quiet) and not target.is_running()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["replicas = 4"], r"environments\.staging\].*target local has no option replicas, which is one of swarm\."),
        (['context = "far"'], r"no option context, which is one of docker, swarm\. Options of local: key_file, port,"),
        (["prot = 80"], r"no option prot, nor has any other target"),
        (["workers = 0"], r"environments\.staging\].* workers: expected `int` >= 1, found 0"),
        (['target = "docker"', 'address = "here"'], r"address: expected `str` matching regex .*, found 'here'"),
        (
            ['target = "nomad"'],
            r"unknown target 'nomad'\. Known targets: batch, docker, ecs, local, rehearsal, swarm\.",
        ),
        (["target = 1"], r"unknown target 1\. Known targets: batch"),
    ],
)
def test_an_option_or_a_target_that_is_not_known_is_named_with_those_that_are(find, lines, expected):
    with pytest.raises(SettingsError, match=expected):
        find(*lines)


def test_options_of_the_target_of_the_table_are_no_mistake_where_another_one_is_chosen(find, monkeypatch):
    monkeypatch.setenv("SLIPWAY_TARGET", "rehearsal")
    settings = find('target = "swarm"', "replicas = 4", "workers = 3").settings
    assert (settings.target, settings.workers) == ("rehearsal", 3)
    with pytest.raises(SettingsError, match="relpicas"):
        find('target = "swarm"', "relpicas = 4")


def test_a_target_that_is_chosen_and_unknown_is_named_by_its_variable(find, monkeypatch):
    monkeypatch.setenv("SLIPWAY_TARGET", "nomad")
    with pytest.raises(SettingsError, match="SLIPWAY_TARGET: unknown target 'nomad'"):
        find()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import nothing_of_this_name", r"acme_broken:Broken\) cannot be imported: No module named 'nothing_of_this_"),
        ("class Broken: pass", r"acme_broken:Broken is not a subclass of slipway\.delivery\.targets\.base\.Target"),
        (IMPORTS + "class Broken(Target):\n    url = ''", r"does not implement apply, observe, remove"),
    ],
)
def test_a_package_whose_target_is_broken_is_named(find, install, code, expected):
    install("broken", code, "Broken")
    with pytest.raises(SettingsError, match=expected):
        find('target = "broken"')


def test_two_packages_that_bring_a_target_of_one_name_are_named(find, install):
    install("docker", IMPORTS, "Target")
    with pytest.raises(SettingsError, match=r"Two installed packages bring a target docker: .*acme_docker:Target"):
        find('target = "docker"')


@pytest.mark.parametrize("kind", ["local", "docker", "swarm", "rehearsal", "ecs"])
def test_the_docs_name_the_options_of_every_target(kind):
    table = re.findall(r"^\| `(\w+)` \| (.*?) \|", (ROOT / "docs" / "delivery.md").read_text(), re.MULTILINE)
    if (page := ROOT / "docs" / "targets" / f"{kind}.md").exists():
        own = re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)
        table += [(option, f"`{kind}`") for option in own]
    documented = {option for option, targets in table if targets == "every" or f"`{kind}`" in targets}
    (entry,) = [entry for entry in entry_points(group="slipway.targets") if entry.name == kind]
    assert documented == set(entry.load().settings_type.__struct_fields__)


def test_four_methods_are_abstract():
    assert Target.__abstractmethods__ == {"apply", "observe", "remove", "url"}
