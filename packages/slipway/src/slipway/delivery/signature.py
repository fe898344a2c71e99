"""Whether an image is signed by whom pyproject.toml trusts, and signing one: both by cosign."""

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

from slipway.errors import DeliveryError
from slipway.settings import SignatureSettings, cosign_command, project_settings

_SECONDS = 120
# What cosign writes before the reason, on its last line.
_MARK = "error during command execution: "
# Signatures with a key of one's own, or of an authority of one's own, are in no public log.
_PRIVATE = ("--insecure-ignore-tlog=true",)
_NO_LOG = '{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}'


def verify_signature(root: Path, image: str | None) -> None:
    """Raise `DeliveryError` if `[tool.slipway.signature]` names somebody who has not signed the image."""
    trusted = project_settings(root).signature
    if trusted is None or image is None:
        return
    done = _cosign("verify", *_flags(root, trusted), "--output", "text", image)
    if done.returncode:
        raise DeliveryError(
            f"The image {image} is not signed by {trusted.key or trusted.identity}, whom [tool.slipway.signature] of "
            f"pyproject.toml trusts; nothing was started. cosign says: {_reason(done)}"
        )


def sign_image(image: str, key: str) -> None:
    """Sign an image that is in its registry; `key` is a file, or what else cosign takes, COSIGN_PASSWORD opens it."""
    done = _cosign("sign", "--key", key, "--tlog-upload=false", "--yes", image)
    if done.returncode and "--signing-config" in done.stderr:
        # cosign 3 has refused that before it did anything, and wants a file which names no log.
        with NamedTemporaryFile("w", suffix=".json") as services:
            services.write(_NO_LOG)
            services.flush()
            done = _cosign("sign", "--key", key, "--signing-config", services.name, "--yes", image)
    if done.returncode:
        raise DeliveryError(f"{image} was pushed, and not signed with {key}. cosign says: {_reason(done)}")


def _flags(root: Path, trusted: SignatureSettings) -> list[str]:
    if trusted.key is not None:
        # A key may be a file of the repository, or somewhere else that cosign reaches (awskms://...).
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
            f"There is no {command}, which signs images and checks signatures. Install cosign, or set SLIPWAY_COSIGN."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"`cosign {words[0]}` did not end within {_SECONDS} s: does the registry answer?"
        ) from error


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    said = done.stderr.strip()
    return (said.rpartition(_MARK)[2] if _MARK in said else said[-500:]) or "nothing"
