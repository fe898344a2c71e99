"""An image starts only where gh finds the attestation that cd.yml on main built it."""

import pytest

from slipway.delivery.attestation import verify_attestation
from slipway.errors import DeliveryError

IMAGE = "ghcr.io/acme/model@sha256:" + "1" * 64


@pytest.fixture
def gh(tmp_path, monkeypatch):
    """A stand-in for gh that notes its arguments; the test writes how it ends."""
    path = tmp_path / "gh"

    def ends(line):
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n{line}\n')
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return ends


def test_the_builder_is_cd_on_main_of_this_repository_and_no_other(gh, tmp_path):
    gh("exit 0")
    verify_attestation("acme/model", IMAGE)
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["attestation", "verify", f"oci://{IMAGE}"]
    assert asked[asked.index("--repo") + 1] == "acme/model"
    builder = "https://github.com/acme/model/.github/workflows/cd.yml@refs/heads/main"
    assert asked[asked.index("--cert-identity") + 1] == builder


@pytest.mark.parametrize("line", ["echo no attestations >&2; exit 1", "kill -9 $$", "exit 4"])
def test_whatever_gh_says_but_yes_refuses_the_image(gh, line):
    gh(line)
    with pytest.raises(DeliveryError, match=r"has no attestation that .* built it; nothing was started.*Merge a new"):
        verify_attestation("acme/model", IMAGE)


def test_without_gh_nothing_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeliveryError, match="There is no gh"):
        verify_attestation("acme/model", IMAGE)


def test_where_no_attestation_is_demanded_gh_is_not_asked(gh, tmp_path):
    gh("exit 1")
    verify_attestation(None, IMAGE)
    verify_attestation("acme/model", None)
    assert not (tmp_path / "asked").exists()
