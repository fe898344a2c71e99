"""Refuse an imputer that does nothing: missing text is a code, and an imputer looks for NaN."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import MISSING
from slipway.bundle.manifest import Input
from slipway.errors import ModelError
from slipway.training.thresholds import walk_parts


def refuse_idle_imputers(estimator: Any, inputs: tuple[Input, ...], tensor: NDArray[np.float32]) -> None:
    """Raise `ModelError` for a fitted imputer of NaN that is given text of which some is missing in `tensor`."""
    codes = {given.name for given, values in zip(inputs, tensor.T, strict=True) if _has_missing_text(given, values)}
    for part in walk_parts(estimator) if codes else ():
        named = codes.intersection(getattr(part, "feature_names_in_", ()))
        looked_for = getattr(part, "missing_values", None)
        if named and isinstance(looked_for, float) and np.isnan(looked_for) and "Imputer" in type(part).__name__:
            raise ModelError(
                f"{type(part).__name__} does nothing for {', '.join(sorted(named))}: text reaches the estimator as "
                f"codes, and missing text as {MISSING:g}, never as NaN. Write missing_values={MISSING:g} for these "
                "columns in model.py, or leave the imputer out: an encoder has a column of its own for missing text."
            )


def _has_missing_text(given: Input, values: NDArray[np.float32]) -> bool:
    return given.vocabulary is not None and bool((values == MISSING).any())
