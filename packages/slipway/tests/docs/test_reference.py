"""The reference names whatever the code has: nothing is written twice, so nothing is missing."""

import re

import click
import msgspec
import pytest

from slipway.cli import main
from slipway.docs.reference import render_reference
from slipway.docs.structs import render_file
from slipway.gate.rules import GateRules
from slipway.monitoring.rules import MonitorRules, Rule
from slipway.params import Params, SplitParams
from slipway.serving.settings import describe_variables


@pytest.fixture(scope="module")
def pages():
    return {name.removeprefix("reference/"): content.decode() for name, content in render_reference().items()}


def commands(group, path):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_command_stands_there_with_every_option_and_example(pages):
    parts = dict(re.findall(r"^##+ (slipway .*)\n((?:(?!#+ ).*\n)*)", pages["slipway.md"], re.MULTILINE))
    for path, command in commands(main, "slipway"):
        if command.hidden:
            continue
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        lost = [option.opts[0] for option in options if option.opts[0] not in parts[path]]
        assert not isinstance(command, click.Group) or parts[path], path
        assert isinstance(command, click.Group) or lost == [], path
    assert "slipway score months/ scores.parquet --invalid skip --json" in parts["slipway score"]
    assert "| `--reason TEXT` | Why; kept in the ledger. | `required` |" in parts["slipway rollback"]


@pytest.mark.parametrize(
    ("page", "structs"),
    [
        ("gate.yaml.md", [GateRules]),
        ("params.yaml.md", [Params, SplitParams]),
        ("monitor.yaml.md", [MonitorRules, Rule]),
    ],
)
def test_every_key_of_a_file_stands_there(pages, page, structs):
    for struct in structs:
        for field in msgspec.structs.fields(struct):
            assert f"| `{field.encode_name}` |" in pages[page]


def test_every_setting_of_the_service_and_option_of_a_target_stands_there(pages):
    named = [name for name, _ in describe_variables()] + [
        "SLIPWAY_TARGET",
        "SLIPWAY_DOCKER",
        "ledger_remote",
        "replicas",
    ]
    assert [name for name in named if f"| `{name}` |" not in pages["settings.md"]] == []


def test_routes_are_those_of_the_service(pages):
    for route in ("POST /predict", "POST /v2/models/NAME/versions/VERSION/infer", "GET /metrics"):
        assert f"## {route}\n" in pages["api.md"]
    assert "| 202 Accepted | `FeedbackAccepted` or `BatchFeedbackAccepted` |" in pages["api.md"]


def test_a_contract_field_is_read_as_contracts_are(pages):
    assert r"| `float \| None` | number | a JSON number or `null` |" in pages["contract.md"]


def test_types_limits_and_defaults_are_in_words():
    class Inner(msgspec.Struct):
        """The `a<b>` of an <inner> table."""

        share: float = 0.5

    class Outer(msgspec.Struct):
        """An outer table."""

        inner: dict[str, Inner]
        many: tuple[int | str, ...] = ()

    Inner.__module__ = Outer.__module__ = "slipway.somewhere"
    page = render_file("x.yaml", Outer, "About.")
    assert "| `inner` | NAME: [Inner](#inner) | required |" in page
    assert "| `many` | list of integer or text | `[]` |" in page
    assert "## Inner\n\nThe `a<b>` of an &lt;inner> table." in page
    assert "| `share` | number | `0.5` |" in page
