"""One reader of JSON, YAML and TOML: an error says where, what was expected, what was found and what to do."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from slipway.errors import GateError
from slipway.files.documents import convert_document, parse_json, parse_yaml, read_json, read_toml, read_yaml


class Part(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, Meta(ge=1)] = 1


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    parts: list[Part] = []
    named: dict[str, Part] = {}


class Private(Whole, forbid_unknown_fields=True):
    name: str = ""
    kind: Literal["app"] = "app"


ASKED = (Whole, "whole", GateError, "Do this.")


def test_a_document_that_fits_comes_back_typed():
    assert parse_json(b'{"name": "a", "parts": [{"size": 2}]}', *ASKED).parts == [Part(2)]
    assert parse_yaml("name: a", *ASKED) == Whole("a")


@pytest.mark.parametrize(
    ("document", "explained"),
    [
        ({"name": "a", "parts": [{}, {"size": "two"}]}, "parts[1].size: expected `int`, found 'two'"),
        ({"name": "a", "parts": [{"size": 0}]}, "parts[0].size: expected `int` >= 1, found 0"),
        ({"name": None}, "name: expected `str`, found `null`"),
        ({"name": "x" * 100, "parts": "y" * 100}, f"parts: expected `array`, found '{'y' * 59}..."),
        ({"nome": "a"}, "unknown key `nome`"),
        ({"name": "a", "parts": [{"weight": 1}]}, "parts[0]: unknown key `weight`"),
        ({}, "missing key `name`"),
        ({"name": "a", "named": {"b": {"size": "two"}}}, "named[...].size: expected `int`, found `str`"),
        ([], "expected `object`, found `array`"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place_and_value(document, explained):
    expected = f"whole: {explained}. Do this."
    for parse in (parse_json, parse_yaml):
        with pytest.raises(GateError) as caught:
            parse(msgspec.json.encode(document), *ASKED)
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    "document", [{"name": ["s3cret"]}, {"name": "a", "parts": "s3cret"}, {"s3cret": 1}, {"kind": "s3cret"}]
)
def test_a_private_document_is_explained_without_its_values(document):
    with pytest.raises(GateError) as caught:
        parse_json(msgspec.json.encode(document), Private, *ASKED[1:], private=True)
    assert "s3cret" not in str(caught.value) and str(caught.value).endswith(". Do this.")


def test_a_part_is_named_with_its_section():
    with pytest.raises(GateError, match=r"^whole: tool\.part\.size: expected `int`, found 'x'\. Do this\.$"):
        convert_document({"size": "x"}, Part, *ASKED[1:], section="tool.part")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{", "Malformed JSON in a.json: Input data was truncated."),
        ("a.json", b'{"name": "\xff"}', "Malformed JSON in a.json: "),
        ("a.yaml", b"name: [1\n", "Malformed YAML in a.yaml: line 2: expected ',' or ']'"),
        ("a.yaml", b"\xff", "Malformed YAML in a.yaml: "),
        ("a.yaml", b"name: a\nparts: [2026-02-30]\n", "Malformed YAML in a.yaml: line 2: 2026-02-30: day "),
        ("a.toml", b"a = \n", "Malformed TOML in a.toml: Invalid value (at line 1, column 5)."),
    ],
)
def test_a_malformed_file_is_named(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GateError) as caught:
        read(path)
    assert str(caught.value).startswith(said) and str(caught.value).endswith(" Do this.")


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml"])
def test_a_missing_file_and_one_that_cannot_be_read_are_named(tmp_path, name):
    with pytest.raises(GateError) as caught:
        read(tmp_path / name)
    assert str(caught.value) == f"There is no {name} in {tmp_path}. Do this first."
    (tmp_path / name).mkdir()
    with pytest.raises(GateError, match=f"Cannot read .*{name}: Is a directory"):
        read(tmp_path / name)


def read(path):
    if path.suffix == ".toml":
        return read_toml(path, GateError, "Do this.", "Do this first.")
    return {".json": read_json, ".yaml": read_yaml}[path.suffix](path, Whole, GateError, "Do this.", "Do this first.")
