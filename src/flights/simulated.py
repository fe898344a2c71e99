"""A world that did not happen, for the demo and for experiments: say so wherever its figures are shown.

From `CHANGED` on, two in five flights of one carrier that arrived in time arrive 40 minutes after schedule. Nothing
that is known before departure tells it.
"""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slipway import new_file

from .dataset import LATE_MINUTES
from .production import refresh

CARRIER = "UA"
CHANGED = "2013-10"
SHARE = 0.4
DELAY_MINUTES = 40


def refresh_later_carrier(data_dir: Path, until: date) -> None:
    """Bring newer months as `refresh` does, and delay the carrier in those from `CHANGED` on."""
    before = set((data_dir / "flights").glob("*.parquet"))
    refresh(data_dir, until)
    for path in sorted(set((data_dir / "flights").glob("*.parquet")) - before):
        if path.stem >= CHANGED:
            _delay_carrier(path)


def _delay_carrier(path: Path) -> None:
    table = pq.read_table(path)
    # The same flights in every process.
    seed = int.from_bytes(hashlib.sha256(path.stem.encode()).digest()[:8], "big")
    chosen = pa.array(np.random.default_rng(seed).random(len(table)) < SHARE)
    in_time = pc.less_equal(table["arr_delay"], LATE_MINUTES)
    hit = pc.fill_null(pc.and_(pc.and_(pc.equal(table["carrier"], CARRIER), in_time), chosen), False)
    delay = pc.if_else(hit, pa.scalar(DELAY_MINUTES, pa.int16()), table["arr_delay"])
    with new_file(path) as temporary:
        pq.write_table(table.set_column(table.column_names.index("arr_delay"), "arr_delay", delay), temporary)
