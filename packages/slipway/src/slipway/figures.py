"""Numbers with their intervals: the type, the rounding of stored numbers, and the one way to write them."""

import math
from typing import Any

import msgspec

# Processors differ in the last digits of a score; what is published must not.
_DIGITS = 6


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number and the ends of its interval; no ends where the data are too few for an interval."""

    value: float
    low: float | None = None
    high: float | None = None


def format_figure(figure: Figure | None, spec: str = "") -> str:
    """Write "value [low, high]", the value alone where there is no interval, "-" for None.

    `spec` formats each number (".1%", "+.4f"); without it `format_number` does.
    """
    if figure is None:
        return "-"
    ends = [figure.value] if figure.low is None or figure.high is None else [figure.value, figure.low, figure.high]
    value, *interval = [format(number, spec) if spec else format_number(number) for number in ends]
    return f"{value} [{', '.join(interval)}]" if interval else value


def format_number(value: float) -> str:
    """Write a number with three decimals, fewer where it is large, one significant digit where it is tiny."""
    if 0 < abs(value) < 0.0005:
        return f"{value:.1g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def format_limit(share: float) -> str:
    """Write a limit as a percentage, with two decimals where it has them: `1.25%`, `2.0%`."""
    text = f"{100 * share:.2f}"
    return f"{text.removesuffix('0')}%"


def round_figure(value: float) -> float:
    """Round a finite number to six significant digits."""
    # What cancels to nothing leaves noise of 1e-17 behind; adding zero turns -0.0 into 0.0.
    return float(f"{round(value, 12):.{_DIGITS}g}") + 0.0


def round_figures(value: Any) -> Any:
    """Round every finite float in a tree of dicts and lists; tuples become lists."""
    match value:
        case float() if math.isfinite(value):
            return round_figure(value)
        case dict():
            return {key: round_figures(each) for key, each in value.items()}
        case list() | tuple():
            return [round_figures(each) for each in value]
    return value
