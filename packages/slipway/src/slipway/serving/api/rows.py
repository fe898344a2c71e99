"""Read rows as clients send them: typed by the contract, or refused with row, field and what was expected."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, get_type_hints

import msgspec

from slipway.bundle import Bundle
from slipway.columns import LENIENT
from slipway.contract import Kind
from slipway.serving.api.whole_rows import Rows, WholeRowReader
from slipway.serving.error_responses import Fault, Reason, Refusal, invalid_request
from slipway.violations import describe_field, describe_refused_row, describe_value, describe_violation

# Enough to fix a request, and few enough to keep the response to a hostile one small.
_FAULTS = 20
_PLAIN = msgspec.json.Decoder()
# Words of other languages for what JSON lacks or writes in another way, and what to send for them.
_WORDS = {
    **dict.fromkeys(("NaN", "-NaN", "nan", "NA", "None", "undefined"), "null for a missing value"),
    **dict.fromkeys(("Infinity", "-Infinity", "inf", "-inf"), "a finite number, or null"),
    "True": "true",
    "False": "false",
}
# What a body has where JSON cannot, and what to send instead.
_FOREIGN = {
    b"\xef\xbb\xbf": "a byte order mark. Send UTF-8 without one",
    b"\xff\xfe": "UTF-16. Send UTF-8",
    b"\xfe\xff": "UTF-16. Send UTF-8",
    b"\0": "a zero byte, as UTF-16 has them. Send UTF-8",
    b"\x1f\x8b": "gzip. Send it with the header Content-Encoding: gzip",
    b"'": "a single quote. Send texts and names in double quotes",
}
_WORD = re.compile(rb"-?[A-Za-z]+")


class RowReader:
    """Decodes JSON into rows of a bundle's contract."""

    def __init__(self, bundle: Bundle, max_rows: int) -> None:
        self.max_rows = max_rows
        self._whole = WholeRowReader(bundle, max_rows)
        self._contract = bundle.contract
        self._list: Any = list[bundle.contract]  # type: ignore[name-defined]
        self._fields = {field.wire_name: field for field in bundle.fields}
        self._times = tuple(field.wire_name for field in bundle.fields if field.kind is Kind.TIMESTAMP)
        self._read_as = {field.wire_name: LENIENT[field.kind] for field in bundle.fields if field.kind in LENIENT}
        self._types = get_type_hints(bundle.contract, include_extras=True)

    def read(self, body: bytes) -> Rows:
        """Read one row (an object), or many (an array, or an object with the one key `rows`).

        Raises `Refusal`: 400 for malformed JSON, 422 for rows that break the contract.
        """
        return self._whole.read(body) or self.read_any(body)

    def read_any(self, body: bytes) -> Rows:
        """Read rows as `read` does, those that leave fields out among them."""
        plain = parse_json(body)
        named = isinstance(plain, dict) and len(plain) == 1 and "rows" in plain and "rows" not in self._fields
        rows = plain["rows"] if named else plain
        many = isinstance(rows, list)
        self._refuse_repeated_keys(body, rows if many else [rows], 1 if named else 0)
        if named and not many:
            raise invalid_request("Expected an array of rows under the key rows.")
        return Rows(self.convert(rows if many else [rows]), many)

    def convert(self, rows: list[Any]) -> list[Any]:
        """Type plain rows of any protocol; raises `Refusal` with every fault of every row."""
        verify_row_count(len(rows), self.max_rows)
        # To JSON Schema 7.0 and 7 are the same number. The contract's own checks may raise any exception.
        with suppress(Exception):
            return msgspec.convert(rows, self._list)
        rows = [self._normalize(row) for row in rows]
        try:
            return msgspec.convert(rows, self._list)
        except Exception:  # noqa: BLE001 - explained row by row
            raise self._explain(rows) from None

    def _normalize(self, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        return {name: self._read_as.get(name, _same)(value) for name, value in row.items()}

    def _explain(self, rows: Sequence[Any]) -> Refusal:
        faults: list[Fault] = []
        for number, row in enumerate(rows):
            faults += self._faults(number, row)
            if len(faults) >= _FAULTS:
                break
        shown = tuple(faults[:_FAULTS]) or (Fault(0, None, "rows that the contract accepts", "others"),)
        first = shown[0]
        where = f"Row {first.row}" + (f", field {first.field}" if first.field else "")
        others = " See errors for the others." if len(shown) > 1 else ""
        detail = f"{where}: expected {first.expected}, found {first.found}.{others}"
        return Refusal(Reason.INVALID_ROW, detail, shown)

    def _faults(self, number: int, row: Any) -> list[Fault]:
        if not isinstance(row, dict):
            return [Fault(number, None, "an object with the contract's fields", describe_value(row))]
        faults = [
            Fault(number, name, describe_field(field), "nothing")
            for name, field in self._fields.items()
            if field.required and name not in row
        ]
        typed = []
        for name, value in row.items():
            field = self._fields.get(name)
            if field is None:
                faults.append(Fault(number, shown_name(name), f"one of {', '.join(self._fields)}", "an unknown field"))
                continue
            try:
                typed.append(msgspec.convert(value, self._types[field.name]))
            except msgspec.ValidationError:
                faults.append(Fault(number, name, *describe_violation(field, value)))
        if not faults:
            try:
                msgspec.convert(row, self._contract)
            except Exception as error:  # noqa: BLE001 - of the contract's own checks
                return [Fault(number, None, *describe_refused_row(error, typed))]
        return faults

    def _refuse_repeated_keys(self, body: bytes, rows: list[Any], others: int) -> None:
        """Refuse repeated keys; a body with as many colons as its rows have keys has none, which is cheap to see.

        Timestamps have colons too, and `others` keys are outside of the rows; the count is invalid with escapes.
        """
        if b"\\" not in body and {*map(type, rows)} == {dict}:
            keys = sum(map(len, rows)) + others
            times = [row.get(name) for name in self._times for row in rows]
            if body.count(b":") == keys + sum([time.count(":") for time in times if type(time) is str]):
                return
        refuse_duplicate_keys(body)


def _same(value: Any) -> Any:
    return value


def verify_row_count(rows: int, most: int) -> None:
    """Raise `Refusal` for no rows, or more than a request may have."""
    if rows > most:
        raise Refusal(Reason.TOO_MANY_ROWS, f"Too many rows: expected at most {most} in a request. Split the request.")
    if not rows:
        raise invalid_request("Expected at least one row, found none.")


def parse_json(body: bytes) -> Any:
    """Decode JSON strictly (no NaN, no Infinity); raises `Refusal` that says where, and what to send."""
    try:
        return _PLAIN.decode(body)
    except msgspec.ValidationError:
        raise Refusal(Reason.INVALID_ROW, "A number in the body is out of range: expected 64 bits.") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ").lower() + _name_word(body, str(error))
        if not body.strip():
            reason = "the body is empty"
    except UnicodeDecodeError:
        reason = "invalid UTF-8"
    except RecursionError:
        reason = "nested too deeply"
    raise Refusal(Reason.MALFORMED, f"Malformed JSON: {reason}.")


def _name_word(body: bytes, error: str) -> str:
    """Say what to send in place of what JSON lacks, if the byte that `error` names is one or within a word."""
    place = re.search(r"\(byte (\d+)\)", error)
    if place is None:
        return ""
    at = int(place[1])
    for foreign, advice in _FOREIGN.items():
        if body.startswith(foreign, at):
            return f", found {advice}"
    for found in _WORD.finditer(body, max(0, at - 9), at + 9):
        word = found[0].decode()
        # It stops within the word, or right after it: `nan` begins as `null` does.
        if found.start() <= at <= found.end() + 1 and word in _WORDS:
            return f", found {word}. Send {_WORDS[word]}"
    return ""


def refuse_duplicate_keys(body: bytes) -> None:
    """Raise `Refusal` if an object in the body has a key twice: a reader would choose one of the values."""

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refusal(Reason.DUPLICATE_KEY, "Duplicate key in an object of the body.")
        return found

    try:
        json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        detail = "Malformed JSON: nested too deeply, or a number with too many digits."
        raise Refusal(Reason.MALFORMED, detail) from None


def shown_name(name: str) -> str:
    """Return a client's field name if it looks like one, else a placeholder."""
    return name if name.isidentifier() and len(name) <= 64 else "(not shown)"
