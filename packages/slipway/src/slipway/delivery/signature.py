"""Verify that an image is signed by a signer that pyproject.toml trusts, and sign one, both with cosign."""

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

from slipway.errors import DeliveryError
from slipway.settings import SignatureSettings, cosign_command

_SECONDS = 120
# The words before the reason on cosign's last line.
_MARK = "error during command execution: "
# Signatures with a key of one's own, or of an authority of one's own, are in no public log.
_PRIVATE = ("--insecure-ignore-tlog=true",)
_NO_LOG = '{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}'


def verify_signature(root: Path, trusted: SignatureSettings | None, image: str | None) -> None:
    """Raise `DeliveryError` unless the `trusted` signer (None: none is asked for) has signed the image."""
    if trusted is None or image is None:
        return
    done = _cosign("verify", *_flags(root, trusted), "--output", "text", image)
    if done.returncode:
        raise DeliveryError(
            f"The image {image} is not signed by {trusted.key or trusted.identity}, whom [tool.slipway.signature] of "
            f"pyproject.toml trusts; nothing was started. cosign: {_reason(done)}"
        )


def sign_image(image: str, key: str | None) -> None:
    """Sign an image that is in its registry with `key`, a file or a URI of cosign's; COSIGN_PASSWORD unlocks it.

    Without a key the identity of this job signs: Sigstore gives it a certificate, and logs the signature in public.
    """
    if key is None:
        done = _cosign("sign", "--yes", image)
        if done.returncode:
            raise DeliveryError(f"{image} was pushed, but could not be signed. cosign: {_reason(done)}")
        return
    done = _cosign("sign", "--key", key, "--tlog-upload=false", "--yes", image)
    if done.returncode and "--signing-config" in done.stderr:
        # cosign 3 refuses that flag before it does anything, and wants a file that names no log.
        with NamedTemporaryFile("w", suffix=".json") as services:
            services.write(_NO_LOG)
            services.flush()
            done = _cosign("sign", "--key", key, "--signing-config", services.name, "--yes", image)
    if done.returncode:
        raise DeliveryError(f"{image} was pushed, but could not be signed with {key}. cosign: {_reason(done)}")


def _flags(root: Path, trusted: SignatureSettings) -> list[str]:
    if trusted.key is not None:
        # A key may be a file of the repository, or a URI of cosign's (awskms://...).
        key = trusted.key if "://" in trusted.key else str(root / trusted.key)
        return ["--key", key, *_PRIVATE]
    who = ["--certificate-identity", str(trusted.identity), "--certificate-oidc-issuer", str(trusted.issuer)]
    if trusted.roots is None:
        return who
    return [*who, "--ca-roots", str(root / trusted.roots), "--insecure-ignore-sct=true", *_PRIVATE]


def _cosign(*words: str) -> "subprocess.CompletedProcess[str]":
    command = cosign_command()
    try:
        return subprocess.run(
            [command, *words], capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise DeliveryError(
            f"There is no {command}, which signs images and verifies signatures. Install cosign, or set SLIPWAY_COSIGN."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"`cosign {words[0]}` did not end within {_SECONDS} s. Check that the registry can be reached."
        ) from error


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    said = done.stderr.strip()
    return (said.rpartition(_MARK)[2] if _MARK in said else said[-500:]) or "(no output)"
