"""The messages between an isolated bundle and its worker in the child process: plain data, both ways."""

import msgspec

from slipway.bundle.isolation.state import State
from slipway.bundle.isolation.wire import PackedArray, PackedColumns
from slipway.bundle.manifest import Manifest
from slipway.contract import Field


class BundleStart(msgspec.Struct, frozen=True):
    """Start a child with a verified bundle; where `ahead` is not 0, under other conditions.

    Its clock is then ahead by so many seconds, it scores in other threads, and new memory is not zero.
    """

    path: str
    digest: str
    manifest: Manifest
    files: dict[str, bytes]
    ahead: float = 0.0


class BundleFacts(msgspec.Struct, frozen=True):
    """The contract's fields as the code of a bundle declares them, and the number of golden rows that score as sealed.

    `state` has digests of what it keeps between calls.
    """

    fields: tuple[Field, ...]
    golden: int
    state: State


class AloneScores(msgspec.Struct, frozen=True):
    """The scores of rows that were each scored alone, as the service does, and the seconds that each took."""

    scores: PackedArray
    seconds: tuple[float, ...]


class RowsRead(msgspec.Struct, frozen=True):
    """Rows as the contract's own reader has them: the columns of those that it takes, and what it refuses, and why."""

    columns: PackedColumns
    refused: PackedArray
    reasons: tuple[str, ...]


class RequestsTaken(msgspec.Struct, frozen=True):
    """Rows as clients sent them: how many have no score, and those that the contract refuses.

    A refusal is its reason (a field's value, a field that is missing or unknown, the contract's hook), the field, and
    the number of rows.
    """

    unscored: int
    refused: tuple[tuple[str, str, int], ...]
