"""The evaluation record: what a bundle got on each held-out group, in sums, so that a later gate can ask for it again.

It holds no rows. A model that is scored again on the same rows must reproduce its sums; where it does not, the rows
have changed, and the sums of the columns say which columns in which groups.
"""

import gzip
import hashlib
import zlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.contract import Field
from slipway.data.group_names import Naming, name_periods
from slipway.data.split_days import read_first_day, read_times
from slipway.errors import DataError
from slipway.evaluation.group_sums import FEWEST_ROWS, ColumnSums, locate_groups, sum_groups
from slipway.evaluation.metrics import METRICS, Better
from slipway.evaluation.scored import Scored
from slipway.files.documents import parse_json, read_content
from slipway.files.writing import write_bytes
from slipway.params import Params, SplitBy, SplitParams
from slipway.problem import Problem, ProblemFacts, Task

if TYPE_CHECKING:
    import pandas as pd

    from slipway.bundle import Bundle
    from slipway.bundle.isolation import IsolatedBundle

FORMAT = 1
RECORD = "evaluation.json.gz"
# With more groups than this, or with groups that are hardly more than a row, groups are put together in blocks.
MOST_GROUPS = 5_000
_BLOCK_ROWS, _MOST_BLOCKS = 50, 1024
# A record of a thousand blocks and a hundred columns has 6 MB.
_LARGEST = 64 << 20
_ADVICE = "Run `dvc repro evaluate` to make it again."


class EvaluationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sums over the rows of each held-out group, all in the order of `groups`.

    `split` is the rule by which these groups were held out, one by time with its first day: later data that it holds
    out was not trained on either. By time, `groups` are days or months (UTC), and `until` is that of the newest row.
    `naming` and `blocks` say what stands in `groups`. `outcomes` and `scores` have one part for each class of a
    multiclass task, else one: the rows of the last class, or the sum of the target. `losses` are sums of `loss`: the
    primary metric where it is a mean over rows, else the log loss or the squared error.
    """

    format: int = FORMAT
    bundle: str
    problem: str
    task: Task
    metric: str
    loss: str
    split: SplitParams
    naming: Naming
    blocks: int = 0
    groups: tuple[str, ...]
    rows: tuple[int, ...]
    outcomes: tuple[tuple[float, ...], ...]
    scores: tuple[tuple[float, ...], ...]
    losses: tuple[float, ...]
    columns: dict[str, ColumnSums]
    until: datetime | msgspec.UnsetType = msgspec.UNSET


def make_record(
    bundle: "Bundle | IsolatedBundle",
    problem: Problem | ProblemFacts,
    params: Params,
    scored: Scored,
    holdout: "pd.DataFrame",
) -> EvaluationRecord:
    """Sum up `scored`, the scores of the rows `holdout` that `params.split` holds out.

    The same rows and bundle give the same sums within 1e-6 of them on any processor, whatever the order of the rows.
    """
    split = read_first_day(holdout, params.split)
    naming, blocks = _choose_naming(holdout, params)
    loss = choose_loss(problem)
    return EvaluationRecord(
        bundle=bundle.digest,
        problem=problem.name,
        task=problem.task,
        metric=problem.metric,
        loss=loss,
        split=split,
        naming=naming,
        blocks=blocks,
        **sum_groups(bundle.fields, scored, holdout, loss, locate_groups(holdout, naming, blocks, split)),
        until=_newest(holdout, split),
    )


def repeat_record(
    record: EvaluationRecord, fields: tuple[Field, ...], scored: Scored, holdout: "pd.DataFrame"
) -> EvaluationRecord:
    """Sum up other rows that the bundle of `record` scored, in the way in which `record` was made."""
    named = locate_groups(holdout, record.naming, record.blocks, record.split)
    sums = sum_groups(fields, scored, holdout, record.loss, named)
    return msgspec.structs.replace(record, **sums, until=_newest(holdout, record.split))


def choose_loss(problem: Problem | ProblemFacts) -> str:
    """Return the name of the loss that is summed: the primary metric where it is a mean over rows and low is better."""
    names = ("squared_error", "mae") if problem.task is Task.REGRESSION else ("log_loss", "brier")
    known = METRICS[problem.task].get(problem.metric)
    return problem.metric if known and known.better is Better.LOWER and problem.metric in names else names[0]


def encode_record(record: EvaluationRecord) -> bytes:
    """Encode and compress a record: the same bytes for the same record."""
    return gzip.compress(_encode(record), compresslevel=9, mtime=0)


def write_record(path: Path, record: EvaluationRecord) -> None:
    """Write `record` as `encode_record` encodes it."""
    write_bytes(path, encode_record(record))


def decode_record(content: bytes, name: str = RECORD) -> EvaluationRecord:
    """Decode a compressed record; raises `DataError` that calls it `name`."""
    try:
        reader = zlib.decompressobj(wbits=31)
        text = reader.decompress(content, _LARGEST)
    except zlib.error as error:
        raise DataError(f"Cannot decompress {name}: {error}. {_ADVICE}") from error
    if reader.unconsumed_tail or not reader.eof:
        raise DataError(f"{name}: expected at most {_LARGEST >> 20} MB of whole JSON, found more or less. {_ADVICE}")
    found = parse_json(text, EvaluationRecord, name, DataError, _ADVICE)
    lengths = {len(part) for part in (found.rows, found.losses, *found.outcomes, *found.scores)}
    lengths |= {len(part) for each in found.columns.values() for part in (each.missing, each.sums, each.products)}
    if found.format != FORMAT or lengths != {len(found.groups)}:
        raise DataError(
            f"{name}: expected format {FORMAT} with one figure for each of its {len(found.groups):,} groups, found "
            f"format {found.format} with {', '.join(map(str, sorted(lengths)))} figures. {_ADVICE}"
        )
    return found


def read_record(path: Path = Path(RECORD)) -> EvaluationRecord:
    """Read a record from a file; raises `DataError` that names it."""
    return decode_record(read_content(path, DataError, _ADVICE), path.name)


def hash_record(record: EvaluationRecord) -> str:
    """Compute the sha256 of a record's JSON: versions of zlib compress the same content to other bytes."""
    return hashlib.sha256(_encode(record)).hexdigest()


def _encode(record: EvaluationRecord) -> bytes:
    return msgspec.json.encode(record, order="sorted")


def _choose_naming(holdout: "pd.DataFrame", params: Params) -> tuple[Naming, int]:
    """Choose how rows are put together, and the number of blocks: sums over few rows would reveal them."""
    if params.split.by is not SplitBy.GROUP:
        sizes = name_periods(holdout, Naming.DAYS, params.split).value_counts()
        coarse = len(sizes) > MOST_GROUPS or sizes.median() < FEWEST_ROWS
        return (Naming.MONTHS if coarse else Naming.DAYS), 0
    sizes = holdout.groupby("group").size()
    if len(sizes) > MOST_GROUPS or sizes.median() < FEWEST_ROWS:
        return Naming.BLOCKS, min(_MOST_BLOCKS, max(1, len(holdout) // _BLOCK_ROWS))
    return (Naming.HASHED if params.evaluate.hash_groups else Naming.PLAIN), 0


def _newest(holdout: "pd.DataFrame", split: SplitParams) -> datetime | msgspec.UnsetType:
    if split.by is SplitBy.GROUP or holdout.empty:
        return msgspec.UNSET
    newest: datetime = read_times(holdout).max().ceil("us").to_pydatetime()
    return newest
