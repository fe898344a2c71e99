"""Rules of pyproject.toml that decide a run: who must approve, which images are attested and signed.

They stand in a file that is reviewed as code is: a repository's variable may be written by whoever may push a branch.
"""

from pathlib import Path

from slipway.delivery.release import read_chosen
from slipway.delivery.signature import sign_image
from slipway.errors import DeliveryError
from slipway.github.jobs.context import is_private
from slipway.settings import github_settings, project_settings, signing_key


def read_job_rules(root: Path, event: Path | None) -> dict[str, str]:
    """Return the outputs of the step that reads the rules.

    A payload that does not say that its repository is private counts as one of a public repository: its images are
    attested.
    """
    settings = project_settings(root)
    attested = settings.github.attest or not is_private(event)
    return {
        "approval": settings.github.approval,
        "attested": (github_settings().repository or "unknown") if attested else "",
        "signed": "true" if settings.signature else "",
    }


def sign_release(root: Path, folder: Path) -> str:
    """Sign the image of the release in `folder` as pyproject.toml expects it, and return its name."""
    image, trusted = read_chosen(folder).release.image, project_settings(root).signature
    if image is None or trusted is None:
        raise DeliveryError(
            f"Nothing to sign: expected an image in {folder}, found {image or 'none'}, and [tool.slipway.signature] in "
            f"pyproject.toml, found {'it' if trusted else 'none'}."
        )
    key = signing_key()
    if trusted.key is not None and key is None:
        raise DeliveryError(
            f"pyproject.toml expects signatures of {trusted.key}, and COSIGN_KEY is not set. The secret "
            "SLIPWAY_SIGN_KEY holds the private key: gh secret set SLIPWAY_SIGN_KEY < cosign.key"
        )
    sign_image(image, key if trusted.key is not None else None)
    return image
