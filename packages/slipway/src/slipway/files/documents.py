"""Read JSON, YAML and TOML into types; an error says where, what was expected, what was found and what to do."""

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from slipway.errors import SlipwayError, first_line

T = TypeVar("T")
Failure = type[SlipwayError]

# "Expected `int`, got `str` - at `$.train.seed`", "... - at `key in $.metrics`"
_EXPLAINED = re.compile(
    r"(?P<what>.*?)(?:, got (?P<got>`.*?`))?(?: - at `(?P<key>key` in `|key in )?(?P<path>\$.*)`)?", re.DOTALL
)
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_SHOWN = 60


def read_json(
    path: Path, kind: type[T], failure: Failure, advice: str, missing: str = "", *, private: bool = False
) -> T:
    """Read a JSON file as `kind`; `missing` is the advice where there is no file, `private` that of `parse_json`."""
    content = read_content(path, failure, missing or advice)
    return parse_json(content, kind, path.name, failure, advice, private=private)


def read_yaml(path: Path, kind: type[T], failure: Failure, advice: str, missing: str = "") -> T:
    """Read a YAML file as `kind`; `missing` is the advice where there is no file."""
    return parse_yaml(read_content(path, failure, missing or advice), kind, path.name, failure, advice)


def read_toml(path: Path, failure: Failure, advice: str, missing: str = "") -> dict[str, Any]:
    """Read a TOML file; `missing` is the advice where there is no file."""
    import tomllib

    try:
        return tomllib.loads(read_content(path, failure, missing or advice).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure(f"Malformed TOML in {path.name}: {first_line(error)} {advice}") from error


def read_content(path: Path, failure: Failure, missing: str) -> bytes:
    """Return the bytes of a file; `missing` is the advice where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise failure(f"There is no {path.name} in {path.resolve().parent}. {missing}") from error
    except OSError as error:
        raise failure(f"Cannot read {path}: {error.strerror}. {missing}") from error


def parse_json(
    content: bytes | str, kind: type[T], where: str, failure: Failure, advice: str, *, private: bool = False
) -> T:
    """Decode JSON as `kind`; `where` names its source in errors, which show no content of a `private` document."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        if private:
            # Without its cause, which has the value too.
            raise failure(_explain_privately(error, where, advice)) from None
        try:
            plain = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # The value that was not expected stands before the place where the document ends to be JSON.
            plain = None
        raise failure(_explain(error, plain, where, advice)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise failure(f"Malformed JSON in {where}: {first_line(error)} {advice}") from error


def parse_yaml(content: bytes | str, kind: type[T], where: str, failure: Failure, advice: str) -> T:
    """Decode YAML 1.2 as `kind`, by DVC's own reader: both see the same values; `where` names its source in errors.

    A repeated key is an error.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if found := _CONFLICT.search(content if isinstance(content, str) else content.decode(errors="replace")):
        number = found.string.count("\n", 0, found.start()) + 1
        raise failure(f"{where}, line {number}: a conflict of a merge, between <<<<<<< and >>>>>>>. {advice}")
    try:
        plain = _decode_yaml(content)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise failure(f"Malformed YAML in {where}: {line}{first_line(Exception(error.problem))} {advice}") from error
    except (YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise failure(f"Malformed YAML in {where}: {first_line(error)} {advice}") from error
    return convert_document(plain, kind, where, failure, advice)


def _decode_yaml(content: bytes | str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.nodes import Node

    class Constructor(SafeConstructor):
        def construct_object(self, node: Node, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except ValueError as error:
                raise MarkedYAMLError(None, None, f"{node.value}: {error}", node.start_mark) from error

    reader = YAML(typ="safe")
    reader.Constructor = Constructor
    return reader.load(content)


def convert_document(plain: Any, kind: type[T], where: str, failure: Failure, advice: str, section: str = "") -> T:
    """Convert what was decoded to `kind`; `section` is the path to it in the document that `where` names."""
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise failure(_explain(error, plain, where, advice, section)) from error


def _explain_privately(error: msgspec.ValidationError, where: str, advice: str) -> str:
    """Name the path alone: what msgspec says of an unknown key or a wrong choice repeats it."""
    parts = _EXPLAINED.fullmatch(str(error))
    key_path = (parts["path"] or "$").removeprefix("$").removeprefix(".") if parts else ""
    return f"{where}: {key_path or 'the document'} is not as expected. {advice}"


def _explain(error: msgspec.ValidationError, plain: Any, where: str, advice: str, section: str = "") -> str:
    parts = _EXPLAINED.fullmatch(str(error))
    what, got, path = (parts["what"], parts["got"], parts["path"] or "$") if parts else (str(error), None, "$")
    found = _value_at(plain, path)
    if what == "Invalid RFC3339 encoded date":
        what = "Expected a day such as 2024-05-01"
    if isinstance(found, str | int | float) and what.startswith("Expected"):
        got = repr(found) if len(repr(found)) <= _SHOWN else f"{repr(found)[:_SHOWN]}..."
    key_path = (section + path.removeprefix("$")).removeprefix(".")
    if parts and parts["key"] and what == "Expected `str`":
        what, found = "Expected keys of text", None
    what = what.replace("Object contains unknown field", "unknown key")
    what = what.replace("Object missing required field", "missing key")
    text = f"{what[:1].lower()}{what[1:]}" + (f", found {got}" if got else "")
    return f"{where}: {f'{key_path}: ' if key_path else ''}{text}. {advice}"


def _value_at(plain: Any, path: str) -> Any:
    """Return the value at msgspec's `path`, None where it cannot be reached: a key of any name is not in the path."""
    if _STEP.sub("", path) != "$":
        return None
    for key, index in _STEP.findall(path):
        try:
            plain = plain[key] if key else plain[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return plain
