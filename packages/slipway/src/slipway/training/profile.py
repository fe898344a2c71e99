"""Make the reference for drift: the distributions of inputs and scores in training, whole and by block."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Input
from slipway.bundle.profile import Distribution, Profile
from slipway.columns import Columns, count_rows, spread_rows, take_rows
from slipway.contract import Field, Kind
from slipway.training.reference.bins import describe_category, describe_number, describe_timestamp
from slipway.training.reference.blocks import find_readings, seal_blocks
from slipway.training.reference.cells import factorize_texts
from slipway.training.reference.cut_blocks import BlockedRows

# Rows on which the model's leaning on each column is measured.
_LEANING_ROWS = 4096


def make_profile(fields: Sequence[Field], columns: Columns) -> Profile:
    """Describe the contract's columns; `complete_profile` adds what the model's scores tell."""
    inputs: dict[str, Distribution] = {}
    for field in fields:
        values = columns[field.name]
        if field.kind is Kind.TIMESTAMP:
            inputs |= describe_timestamp(field.name, values)
        elif field.kind in (Kind.CATEGORY, Kind.BOOLEAN):
            texts = factorize_texts(values)
            inputs[field.name] = describe_category([texts.names[code] for code in texts.codes])
        else:
            inputs[field.name] = describe_number(values)
    numbers = tuple(field.name for field in fields if field.kind is Kind.NUMBER)
    return Profile(rows=count_rows(columns), inputs=inputs, scores=(), readings=numbers)


def complete_profile(
    profile: Profile,
    columns: Columns,
    scores: NDArray[np.float64],
    blocked: BlockedRows,
    inputs: Sequence[Input],
    score: Callable[[Columns], NDArray[np.float64]],
) -> Profile:
    """Add the distributions of `scores`, what the model leans on, and the blocks; `score` scores other columns."""
    described = tuple(describe_number(column) for column in scores.reshape(len(scores), -1).T)
    readings = find_readings(blocked, columns, profile.readings)
    leaning = _measure_leaning(columns, score)
    complete = msgspec.structs.replace(profile, scores=described, leaning=leaning, readings=readings)
    blocks = seal_blocks(blocked, columns, scores, complete, known_categories(inputs))
    return msgspec.structs.replace(complete, blocks=blocks)


def known_categories(inputs: Sequence[Input]) -> dict[str, frozenset[str]]:
    """Return the categories that the model knows, by the name of its input."""
    return {each.name: frozenset(each.vocabulary) for each in inputs if each.vocabulary is not None}


def _measure_leaning(columns: Columns, score: Callable[[Columns], NDArray[np.float64]]) -> dict[str, float]:
    """Return the mean change of the score when a column's values go to other rows, for each column."""
    some = take_rows(columns, spread_rows(count_rows(columns), _LEANING_ROWS))
    order = np.random.default_rng(0).permutation(count_rows(some))
    whole = score(some)
    changes = {name: np.abs(score(some | {name: some[name][order]}) - whole).mean() for name in columns}
    return {name: float(f"{change:.3g}") for name, change in changes.items()}
