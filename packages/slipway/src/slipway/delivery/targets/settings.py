"""Options of an environment, which every target knows; a target that has more of them adds a struct of its own."""

from typing import Annotated

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]


DEFAULT_TARGET = "local"


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of every target in `[tool.slipway.environments.<name>]`.

    `target` names the target, `workers` is the number of processes that serve. `variables` are the service's own
    (SLIPWAY_...); one that ends in _FILE names a file, which must exist. `key_file` holds the key with which a service
    that asks for keys is tested.
    """

    target: str = DEFAULT_TARGET
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    variables: dict[str, str] = {}
    key_file: str | None = None
