"""A bundle that was damaged, edited or extended, or is unsafe, is refused with the file and the reason."""

import hashlib
import json

import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper
from toybox import reseal

from slipway.bundle import load_bundle
from slipway.bundle.external_data import refuse_external_data
from slipway.bundle.manifest import Certificate
from slipway.errors import BundleError

FILES = [
    "manifest.json",
    "contract.py",
    "features.py",
    "model.onnx",
    "golden.jsonl",
    "certificate.json",
    "profile.json",
]


def test_a_good_bundle_loads_and_holds_exactly_its_files(loose_bundle):
    assert sorted(FILES) == sorted(path.name for path in loose_bundle.iterdir())
    assert load_bundle(loose_bundle).digest == hashlib.sha256((loose_bundle / "manifest.json").read_bytes()).hexdigest()


def test_loading_leaves_no_file_behind(loose_bundle):
    load_bundle(loose_bundle)
    load_bundle(loose_bundle)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_flipped_byte_is_found(loose_bundle, name):
    content = bytearray((loose_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (loose_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name} was changed"):
        load_bundle(loose_bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(loose_bundle, name):
    (loose_bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} is missing"):
        load_bundle(loose_bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_found(loose_bundle, name):
    content = (loose_bundle / name).read_bytes()
    (loose_bundle / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=name):
        load_bundle(loose_bundle)


def test_an_extra_file_is_refused(loose_bundle):
    (loose_bundle / "notes.txt").write_text("hello")
    with pytest.raises(BundleError, match=r"notes\.txt is not named in the manifest"):
        load_bundle(loose_bundle)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_link_is_refused_even_to_the_right_content(loose_bundle, tmp_path, name):
    (loose_bundle / name).rename(tmp_path / "elsewhere")
    (loose_bundle / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=rf"{name}: expected a regular file, found a link, .*dvc checkout --relink"):
        load_bundle(loose_bundle)


def test_another_digest_than_expected_is_refused(loose_bundle):
    with pytest.raises(BundleError, match=r"expected the bundle 0{64}"):
        load_bundle(loose_bundle, "0" * 64)


def test_another_format_is_refused(loose_bundle):
    manifest = json.loads((loose_bundle / "manifest.json").read_text())
    (loose_bundle / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(BundleError, match="format 99"):
        load_bundle(loose_bundle)


def test_a_failed_certificate_is_refused_however_well_it_is_sealed(loose_bundle):
    certificate = json.loads((loose_bundle / "certificate.json").read_text()) | {"largest_difference": 0.01}
    reseal(loose_bundle, "certificate.json", json.dumps(certificate).encode())
    with pytest.raises(BundleError, match="did not pass"):
        load_bundle(loose_bundle)


def test_golden_rows_that_score_otherwise_are_named_by_line(loose_bundle):
    lines = (loose_bundle / "golden.jsonl").read_text().splitlines()
    changed = json.loads(lines[2])
    changed["score"] += 0.001
    lines[2] = json.dumps(changed)
    reseal(loose_bundle, "golden.jsonl", "\n".join(lines).encode())
    with pytest.raises(BundleError, match=r"golden\.jsonl, line 3"):
        load_bundle(loose_bundle)


def test_changed_features_are_caught_by_the_golden_rows(loose_bundle):
    source = (loose_bundle / "features.py").read_text().replace("+ 1970", "+ 1950")
    reseal(loose_bundle, "features.py", source.encode())
    with pytest.raises(BundleError, match=r"golden\.jsonl, line"):
        load_bundle(loose_bundle)


def test_the_model_of_another_problem_is_refused(loose_bundle, toys):
    reseal(loose_bundle, "model.onnx", (toys["crops"].bundle.path / "model.onnx").read_bytes())
    with pytest.raises(BundleError):
        load_bundle(loose_bundle)


def with_external_data(model: onnx.ModelProto) -> onnx.ModelProto:
    tensor = helper.make_tensor("weights", TensorProto.FLOAT, [2], b"\0" * 8, raw=True)
    external_data_helper.set_external_data(tensor, location="../../etc/hostname")
    tensor.ClearField("raw_data")
    model.graph.initializer.append(tensor)
    return model


def test_external_data_is_refused_before_the_runtime_sees_it(loose_bundle):
    model = with_external_data(onnx.load(loose_bundle / "model.onnx"))
    reseal(loose_bundle, "model.onnx", model.SerializeToString())
    with pytest.raises(BundleError, match="external data"):
        load_bundle(loose_bundle)


def test_external_data_is_found_inside_the_branch_of_a_node(churn):
    inner = with_external_data(onnx.load(churn.bundle.path / "model.onnx")).graph
    node = helper.make_node("If", ["condition"], ["out"], then_branch=inner, else_branch=inner)
    outer = helper.make_model(helper.make_graph([node], "outer", [], []))
    with pytest.raises(BundleError, match="external data"):
        refuse_external_data(outer.SerializeToString())


def test_a_malformed_model_is_refused():
    with pytest.raises(BundleError, match="truncated or malformed"):
        refuse_external_data(b"\xff" * 40)


def test_a_certificate_passes_only_within_tolerance_with_rows_and_no_flip():
    assert Certificate(rows=1, largest_difference=1e-5, label_flips=0).passed
    assert not Certificate(rows=0, largest_difference=0.0, label_flips=0).passed
    assert not Certificate(rows=1, largest_difference=1.1e-5, label_flips=0).passed
    assert not Certificate(rows=1, largest_difference=0.0, label_flips=1).passed
    assert not Certificate(rows=1, largest_difference=float("nan"), label_flips=0).passed


def test_a_tag_that_the_runtime_would_cut_is_refused():
    with pytest.raises(BundleError, match="truncated or malformed"):
        refuse_external_data(b"\xba\x80\x80\x80\x10\x00")


def test_golden_rows_may_not_be_left_out(loose_bundle):
    reseal(loose_bundle, "golden.jsonl", b"")
    with pytest.raises(BundleError, match=r"golden\.jsonl"):
        load_bundle(loose_bundle)


def test_a_file_that_no_bundle_has_is_refused_even_when_it_is_named(loose_bundle):
    reseal(loose_bundle, "helper.py", b"")
    with pytest.raises(BundleError, match=r"helper\.py"):
        load_bundle(loose_bundle)
