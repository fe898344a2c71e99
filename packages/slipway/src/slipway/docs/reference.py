"""The reference: pages of commands, settings, files, contract types and routes, made from the code itself."""

from collections.abc import Callable
from functools import partial

import msgspec

from slipway.docs.commands import render_commands
from slipway.docs.contract_types import render_contract_types
from slipway.docs.routes import render_routes
from slipway.docs.structs import render_file, render_settings
from slipway.gate.rules import GateRules
from slipway.monitoring.rules import MonitorRules
from slipway.params import Params

_FILES: dict[str, tuple[type[msgspec.Struct], str]] = {
    "params.yaml": (
        Params,
        "Every number of the pipeline, typed strictly: an unknown key is an error that names it. The section `model` "
        "is typed by the problem: `Problem.params`.",
    ),
    "gate.yaml": (GateRules, "The limits of the gate; `docs/gate.md` says what each check is for."),
    "monitor.yaml": (
        MonitorRules,
        "What is watched in production: `docs/monitoring.md`. `slipway monitor rules` prints the defaults.",
    ),
}
_PAGES: dict[str, Callable[[], str]] = {
    "slipway.md": render_commands,
    "settings.md": render_settings,
    **{f"{name}.md": partial(render_file, name, *about) for name, about in _FILES.items()},
    "contract.md": render_contract_types,
    "api.md": render_routes,
}


def render_reference() -> dict[str, bytes]:
    """Return the content of every page of the reference by its path in the site."""
    return {f"reference/{name}": render().encode() for name, render in _PAGES.items()}
