"""Plan a run: everything that can be checked before the first row is scored."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from slipway.batch.tables import Source, check_output, open_sources
from slipway.bundle import Bundle
from slipway.bundle.predictions import LABEL, score_columns
from slipway.errors import DataError
from slipway.rows.rules import Rule, read_rules
from slipway.tables import plain_type
from slipway.violations import describe_field

KEY, IDENTIFIER = "key", "prediction_id"
_SHOWN = 20


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The sources, the rules of their columns, and the output of a run.

    `schema` is that of OUT: the columns kept from IN, the scores, the label. `ignored` columns of IN are in neither the
    contract nor OUT; `absent` fields are in no file, so their values are missing. With `skip` an invalid row gets null
    for score and label; without it the first one ends the run. `identified`: OUT has each row's identifier in the log.
    """

    bundle: Bundle
    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]
    out: Path
    schema: pa.Schema
    kept: tuple[str, ...]
    ignored: tuple[str, ...]
    absent: tuple[str, ...]
    skip: bool
    identified: bool


def make_plan(
    bundle: Bundle,
    path: Path,
    out: Path,
    keep: Sequence[str] | None = None,
    skip: bool = False,
    identified: bool = False,
) -> Plan:
    """Plan to score the file or folder at `path` to `out`, which keeps the columns `keep`, by default `key` if present.

    Raises `DataError` for files that cannot be read or written, and for columns that are missing or of another type.
    """
    sources = open_sources(path)
    check_output(out, path)
    rules = read_rules(bundle.contract)
    kept = (KEY,) * (KEY in sources[0].schema.names) if keep is None else tuple(dict.fromkeys(keep))
    for source in sources:
        _check_columns(source, rules, kept)
    fields = [rule.name for rule in rules]
    names = dict.fromkeys(name for source in sources for name in source.schema.names)
    return Plan(
        bundle=bundle,
        sources=tuple(sources),
        rules=rules,
        out=out,
        schema=_schema(bundle, sources, kept, out, skip, identified),
        kept=kept,
        ignored=tuple(name for name in names if name not in (*fields, *kept)),
        absent=tuple(name for name in fields if name not in names),
        skip=skip,
        identified=identified,
    )


def _check_columns(source: Source, rules: Sequence[Rule], kept: Sequence[str]) -> None:
    names = source.schema.names
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    for name in kept:
        if name not in names:
            raise DataError(f"{source.path}: expected a column {name!r} to keep, found {shown}.")
    for rule in rules:
        if rule.name not in names:
            if rule.field.required:
                raise DataError(
                    f"{source.path}: expected a column {rule.name!r} ({rule.field.kind}), which the bundle's contract "
                    f"requires, found {shown}. Add or rename it, or use the bundle that these rows are for."
                )
            continue
        found = source.schema.field(rule.name).type
        if not source.is_csv and not rule.fits(found):
            raise DataError(
                f"{source.path}, column {rule.name}: expected {describe_field(rule.field)}, found a column of type "
                f"{found}. Write the column with its own type."
            )


def _schema(
    bundle: Bundle, sources: Sequence[Source], kept: Sequence[str], out: Path, skip: bool, identified: bool
) -> pa.Schema:
    first = sources[0].schema
    fields = [pa.field(name, plain_type(first.field(name).type)) for name in kept]
    for source in sources[1:]:
        for field in fields:
            if (found := plain_type(source.schema.field(field.name).type)) != field.type:
                raise DataError(
                    f"{source.path}, column {field.name}: expected {field.type} as in {sources[0].path}, found "
                    f"{found}. Write both files with one type, or do not keep the column."
                )
    fields.extend(pa.field(name, pa.float64()) for name in score_columns(bundle.manifest))
    if bundle.manifest.classes:
        fields.append(pa.field(LABEL, pa.array(np.array(bundle.manifest.classes)).type))
    if identified:
        fields.append(pa.field(IDENTIFIER, pa.string()))
    schema = pa.schema(fields)
    is_csv = out.suffix.lower() == ".csv"
    if is_csv and skip and len(schema) == 1:
        raise DataError(
            "A .csv file with the score alone would have an empty line for each invalid row, which readers leave out. "
            "Add a column with --keep, or write a .parquet file."
        )
    for field in schema:
        if schema.names.count(field.name) > 1:
            raise DataError(
                f"OUT has a column {field.name!r} of its own, so it cannot keep that of IN. Rename the column of IN."
            )
        if is_csv and pa.types.is_nested(field.type):
            raise DataError(
                f"A .csv file cannot store the column {field.name!r} of type {field.type}. Write a .parquet file."
            )
    return schema
