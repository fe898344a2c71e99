"""The child's half of an isolated bundle: it loads the bundle, and answers with plain data."""

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from slipway.bundle.isolation.wire import PackedArray, PackedColumns, pack_array, pack_columns, unpack_columns
from slipway.bundle.manifest import Manifest
from slipway.bundle.model import Bundle
from slipway.bundle.row import RowScorer
from slipway.bundle.verify import SealedBundle, start_bundle
from slipway.columns import columns_to_rows
from slipway.contract import Field


class BundleStart(msgspec.Struct, frozen=True):
    """What a child needs to start a verified bundle."""

    path: str
    digest: str
    manifest: Manifest
    files: dict[str, bytes]


class BundleFacts(msgspec.Struct, frozen=True):
    """What the code of a bundle says about itself: the contract's fields, and how many golden rows score as sealed."""

    fields: tuple[Field, ...]
    golden: int


class AloneScores(msgspec.Struct, frozen=True):
    """The scores of rows that were each scored alone, as the service does, and the seconds that each took."""

    scores: PackedArray
    seconds: tuple[float, ...]


class BundleHost:
    """One loaded bundle and the questions that are asked of it; `payload` is msgpack of the question's type."""

    def __init__(self, payload: msgspec.Raw) -> None:
        start = msgspec.msgpack.decode(payload, type=BundleStart)
        sealed = SealedBundle(Path(start.path), start.digest, start.manifest, start.files)
        self._bundle: Bundle = start_bundle(sealed)

    def facts(self, _: msgspec.Raw) -> BundleFacts:
        """Describe the bundle."""
        return BundleFacts(self._bundle.fields, len(self._bundle.golden()[1]))

    def score(self, payload: msgspec.Raw) -> PackedArray:
        """Score columns."""
        return pack_array(self._bundle.score(_columns(payload)))

    def derive(self, payload: msgspec.Raw) -> PackedColumns:
        """Apply the features to columns."""
        return pack_columns(self._bundle.derive(_columns(payload)))

    def score_alone(self, payload: msgspec.Raw) -> AloneScores:
        """Score each row alone, by the reader and the scorer of the service."""
        sent = columns_to_rows(self._bundle.fields, _columns(payload))
        rows: list[Any] = [msgspec.convert(row, self._bundle.contract) for row in sent]
        scorer, scores, seconds = RowScorer(self._bundle), [], []
        for row in rows:
            began = time.perf_counter()
            scores.append(scorer.score(row))
            seconds.append(time.perf_counter() - began)
        return AloneScores(pack_array(np.array(scores, dtype=np.float64)), tuple(seconds))


def _columns(payload: msgspec.Raw) -> Any:
    return unpack_columns(msgspec.msgpack.decode(payload, type=PackedColumns))
