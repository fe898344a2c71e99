"""Bundles of every format that was ever released are read, served and held against newer ones."""

import hashlib
import json

import msgspec
import pytest
from places import TESTS
from running import serving

from slipway.bundle import load_bundle
from slipway.bundle.manifest import FORMAT, Certificate
from slipway.bundle.profile import Shape, decode_profile
from slipway.bundle.verify import score_difference

# The toy `churn` with three trees, sealed by the version before format 2.
FORMAT_1 = TESTS / "formats" / "bundle-1"
# The same, sealed by the version before format 3.
FORMAT_2 = TESTS / "formats" / "bundle-2"
# The same, sealed by version 0.1.0.
FORMAT_3 = TESTS / "formats" / "bundle-3"
DIGEST_3 = "4fe9a9a8276f72bfe1ae1f68889731240ad3ab4aeadf6414a1ee0dd4e17cb7fb"
DIGEST_2 = "1c54529bc77fb586dad76bd5aad3152f4f687811f2c81edb0e0c675127718a5b"
DIGEST_1 = "3742b8b716838f86fd7c73c43b312f89155097dda04138f4d15d54ebc74686dc"


def test_a_bundle_of_format_1_is_verified_under_its_old_digest():
    bundle = load_bundle(FORMAT_1, DIGEST_1)
    assert (bundle.manifest.format, bundle.manifest.outcome, bundle.manifest.scale) == (1, "", 1)
    columns, expected = bundle.golden()
    assert score_difference(bundle.score(columns), expected).max() < 1e-5


def test_a_service_of_format_1_answers_and_names_the_score_by_its_class(tmp_path):
    with serving(FORMAT_1, tmp_path / "log") as service:
        golden = json.loads((FORMAT_1 / "golden.jsonl").read_text().splitlines()[0])
        answer = service.ask.post("/predict", json=golden["row"]).json()
        assert answer["score"] == pytest.approx(golden["score"], abs=1e-5)
        assert answer["model"]["digest"] == DIGEST_1
        assert "churn = true:" in service.ask.get("/").text


def test_a_bundle_of_format_2_is_verified_and_its_profile_has_no_blocks():
    bundle = load_bundle(FORMAT_2, DIGEST_2)
    assert bundle.manifest.format == 2
    columns, expected = bundle.golden()
    assert score_difference(bundle.score(columns), expected).max() < 1e-5
    profile = decode_profile((FORMAT_2 / "profile.json").read_bytes())
    assert profile.blocks is None
    assert profile.inputs["usage"].cells is Shape.NUMBER
    assert profile.inputs["plan"].cells is Shape.CATEGORY


def test_a_bundle_of_format_3_is_verified_and_its_profile_has_blocks():
    bundle = load_bundle(FORMAT_3, DIGEST_3)
    assert bundle.manifest.format == 3
    columns, expected = bundle.golden()
    assert score_difference(bundle.score(columns), expected).max() < 1e-5
    assert decode_profile((FORMAT_3 / "profile.json").read_bytes()).blocks is not None


def test_the_certificate_of_format_1_still_passes():
    found = msgspec.json.decode((FORMAT_1 / "certificate.json").read_bytes(), type=Certificate)
    assert found.passed
    assert (found.rows, found.training) == (261, 0)


def test_a_new_bundle_has_the_newest_format_and_its_words(churn, toys):
    assert churn.bundle.manifest.format == FORMAT == 3
    assert toys["rents"].bundle.manifest.outcome == toys["rents"].problem.outcome == "monthly rent"
    assert hashlib.sha256((churn.bundle.path / "manifest.json").read_bytes()).hexdigest() == churn.bundle.digest
