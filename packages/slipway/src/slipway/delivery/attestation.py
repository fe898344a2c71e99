"""Verify GitHub's attestation of an image: that cd.yml of a repository built it, from its main branch."""

import subprocess

from slipway.errors import DeliveryError

_SECONDS = 120


def verify_attestation(repository: str | None, image: str | None) -> None:
    """Raise `DeliveryError` unless cd.yml on main of `repository` (OWNER/NAME; None: any) has built the image."""
    if repository is None or image is None:
        return
    builder = f"https://github.com/{repository}/.github/workflows/cd.yml@refs/heads/main"
    command = ["gh", "attestation", "verify", f"oci://{image}", "--repo", repository, "--cert-identity", builder]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise DeliveryError(
            "There is no gh, which verifies GitHub's attestations; nothing was started. Install it: "
            "https://cli.github.com."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"`gh attestation verify` did not end within {_SECONDS} s; nothing was started. Check that GitHub and the "
            "registry can be reached."
        ) from error
    if done.returncode:
        raise DeliveryError(
            f"The image {image} has no attestation that {builder} built it; nothing was started. gh: "
            f"{done.stderr.strip()[-500:] or '(no output)'} Merge a new commit: its image is built and "
            "attested. `slipway rollback --unsigned` goes back to one without."
        )
