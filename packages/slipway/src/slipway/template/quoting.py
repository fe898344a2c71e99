"""Quote values and names of a table in one line of a sentence."""

# Characters of a value in a sentence.
_SHOWN = 40


def quote_value(value: object) -> str:
    """Return the value in one line of a few words, in quotes if it is text."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


def quote_name(column: object) -> str:
    """Return a column's name as it stands in a line: in quotes if it is empty, long, or has a line break."""
    name = str(column)
    return name if name and name.isprintable() and len(name) <= _SHOWN else quote_value(name)
