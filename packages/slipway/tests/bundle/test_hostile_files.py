"""Every file of a bundle may be hostile, and sealed by an attacker who knows the format: the answer is one sentence."""

import json

import pytest
from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto
from toybox import reseal

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.errors import BundleError

DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE = b'{"rows": 1' + b"0" * 400 + b"}"
ESCAPES = b'{"rows": "\\u001b]0;title\\u0007\\u001b[2J ../../etc/passwd"}'
HOSTILE = {"deep": DEEP, "huge": HUGE, "escapes": ESCAPES, "no text": b"\xff\xfe\0", "empty": b"", "nothing": b"null"}


def read_with(folder, name, content):
    """Read the bundle as the gate does, with this content of a file."""
    if name == "manifest.json":
        (folder / name).write_bytes(content)
    else:
        reseal(folder, name, content)
    isolate_bundle(read_sealed(folder), patience=20).close()


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", ["manifest.json", "certificate.json", "golden.jsonl", "contract.py", "features.py"])
def test_a_hostile_file_is_refused_in_one_sentence_without_escapes(loose_bundle, name, content):
    with pytest.raises(BundleError) as refused:
        read_with(loose_bundle, name, content)
    text = str(refused.value)
    assert name in text or "contract" in text or "derive" in text
    assert "\x1b" not in text and len(text) < 2_500 and "Traceback" not in text


@pytest.mark.parametrize("value", ["/etc/passwd", "../../../etc/passwd", "\x1b[2J", "a" * 10_000])
def test_names_of_the_manifest_open_no_other_file(loose_bundle, value):
    manifest = json.loads((loose_bundle / "manifest.json").read_text())
    for changed in ({"files": manifest["files"] | {value: "0" * 64}}, {"contract": value}, {"features": value}):
        (loose_bundle / "manifest.json").write_text(json.dumps(manifest | changed))
        with pytest.raises(BundleError) as refused:
            isolate_bundle(read_sealed(loose_bundle)).close()
        assert "root:" not in str(refused.value)


def outside(model: ModelProto) -> None:
    place = [StringStringEntryProto(key="location", value="/etc/passwd")]
    tensor = TensorProto(name="outside", data_type=1, dims=[1], external_data=place, data_location=1)
    model.graph.initializer.append(tensor)


def unknown_operator(model: ModelProto) -> None:
    model.opset_import.add(domain="com.example", version=1)
    names = list(model.graph.node[0].input)
    model.graph.node.insert(0, NodeProto(op_type="RunProgram", domain="com.example", input=names, output=["x"]))


def test_graphs_within_graphs_without_end_are_refused(loose_bundle):
    content = b""
    for _ in range(2000):
        for number in (6, 5, 1):
            content = _field(number, content)
    with pytest.raises(BundleError, match="malformed"):
        read_with(loose_bundle, "model.onnx", _field(7, content))


def _field(number: int, content: bytes) -> bytes:
    length, size = bytearray(), len(content)
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


@pytest.mark.parametrize("change", [outside, unknown_operator])
def test_a_model_that_would_open_a_file_or_run_something_is_refused(loose_bundle, change):
    model = ModelProto.FromString((loose_bundle / "model.onnx").read_bytes())
    change(model)
    with pytest.raises(BundleError):
        read_with(loose_bundle, "model.onnx", model.SerializeToString())


def test_a_hostile_profile_is_not_read_here(loose_bundle):
    read_with(loose_bundle, "profile.json", DEEP)
