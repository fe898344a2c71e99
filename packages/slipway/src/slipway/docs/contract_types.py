"""The page of contract types: each annotation that a field may have, read as every contract is."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from slipway.contract import RESERVED, Kind, read_contract
from slipway.markdown import markdown_table

_SENT = {
    Kind.NUMBER: "a JSON number",
    Kind.INTEGER: "a whole JSON number",
    Kind.BOOLEAN: "`true` or `false`",
    Kind.CATEGORY: "a JSON string",
    Kind.TIMESTAMP: "a JSON string, RFC 3339",
}
_ANNOTATIONS = {
    "float": float,
    "Annotated[float, Meta(ge=0, le=100)]": Annotated[float, Meta(ge=0, le=100)],
    "int": int,
    "Annotated[int, Meta(gt=0, multiple_of=5)]": Annotated[int, Meta(gt=0, multiple_of=5)],
    "bool": bool,
    "str": str,
    'Annotated[str, Meta(min_length=2, max_length=2, pattern="^[A-Z]+$")]': Annotated[
        str, Meta(min_length=2, max_length=2, pattern="^[A-Z]+$")
    ],
    'Literal["basic", "plus"]': Literal["basic", "plus"],
    "Annotated[datetime, Meta(tz=True)]": Annotated[datetime, Meta(tz=True)],
    "Annotated[datetime, Meta(tz=False)]": Annotated[datetime, Meta(tz=False)],
    "float | None": float | None,
}
_EXAMPLE = """\
# The contract's types

One `msgspec.Struct` in `contract.py` defines a row. `unit` and the description of a field appear on the service's page
and in its OpenAPI document; a field with a default may be left out.

```python
class Customer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    months: Annotated[float, Meta(ge=0, le=600, description="Age", extra_json_schema={"unit": "months"})]
    plan: Annotated[Literal["basic", "plus"], Meta(description="Plan")]
    town: Annotated[str, Meta(description="Town, free text")] | None = None
```
"""


def render_contract_types() -> str:
    """Return the page."""
    names = {f"field_{number}": text for number, text in enumerate(_ANNOTATIONS)}
    fields = zip(names, _ANNOTATIONS.values(), strict=True)
    contract = msgspec.defstruct("Row", [*fields], forbid_unknown_fields=True)
    lines = [
        (f"`{names[field.name]}`".replace("|", "\\|"), field.kind, _SENT[field.kind] + (" or `null`" * field.nullable))
        for field in read_contract(contract)
    ]
    table = markdown_table(["annotation", "kind", "clients send"], lines)
    reserved = ", ".join(f"`{name}`" for name in sorted(RESERVED))
    return f"{_EXAMPLE}\n{table}\n\nNames that a field cannot have: {reserved}.\n"
