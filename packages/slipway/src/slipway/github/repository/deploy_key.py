"""The deploy key that pushes and signs the ledger: its private half is a secret of the environments that deploy."""

import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.github.repository.environments import APPROVAL, FOLDER, PAGES, PROPOSAL
from slipway.github.repository.settings import Setting
from slipway.ledger.signatures import SIGNERS, list_signer_lines

TITLE = "slipway ledger"
SECRET = "SLIPWAY_LEDGER_KEY"  # noqa: S105 - its name
_LACKING = (
    "Without environments there is no secret that only a deployment can read, so no key was made: whoever may push a "
    "branch may write the ledger (docs/trust.md)."
)
_SIGN = (
    f"It can sign the entries as well. To believe signed entries only, add this line to {SIGNERS} by a pull request "
    "(docs/ledger.md, Sign it): "
)
_SIGN_TOO = (
    f"{SIGNERS} names the key before this one: every delivery is refused until main has this line as well (keep the "
    "old one): "
)
_NEW = f"a new key replaces the present one; where {SIGNERS} has keys, main needs its line before the next delivery"
_SECONDS = 30


def deploy_key_setting(github: GitHub, root: Path) -> Iterator[Setting]:
    """Yield the setting of the deploy key, if an environment deploys."""
    environments = _deploying_environments(root)
    if environments:
        yield Setting(
            "deploy key",
            TITLE,
            f"pushes the ledger; its private half is the secret {SECRET} of {', '.join(environments)}",
            _LACKING,
            partial(_compare, github, environments),
            partial(_send, github, root, environments),
        )


def has_deploy_key(github: GitHub, root: Path) -> bool:
    """Return whether the key is there, and its private half in every environment that deploys."""
    return _compare(github, _deploying_environments(root)) == []


def list_deploy_keys(github: GitHub) -> list[dict[str, Any]]:
    """Return the keys as GitHub keeps them, `key` being the public half: one, two while it is replaced."""
    return [each for each in github.pages("keys") if each["title"] == TITLE and not each["read_only"]]


def read_signer_lines(root: Path) -> list[str]:
    """Return the lines of the file of the signers in `root` that name a key."""
    path = root / SIGNERS
    return list_signer_lines(path.read_text()) if path.exists() else []


def signer_line(public: str) -> str:
    """Return the line that lets the deploy key sign the ledger."""
    return f'slipway@github namespaces="git" {public}'


def _deploying_environments(root: Path) -> list[str]:
    names = sorted(path.stem for path in (root / FOLDER).glob("*.json"))
    return [name for name in names if not name.endswith(APPROVAL) and name not in (PROPOSAL, PAGES)]


def _compare(github: GitHub, environments: list[str]) -> list[str] | None:
    lacking = [name for name in environments if github.find(f"environments/{name}/secrets/{SECRET}") is None]
    if not list_deploy_keys(github):
        return None if len(lacking) == len(environments) else ["the deploy key is missing; its secrets are there", _NEW]
    return [*(f"the secret {SECRET} of {name} is missing" for name in lacking), _NEW] if lacking else []


def _send(github: GitHub, root: Path, environments: list[str]) -> list[str] | None:
    """Make a new key; the one before is removed last, so that a deployment always finds one that may push."""
    found = {name: github.find(f"environments/{name}/secrets/public-key") for name in environments}
    seals = {name: seal for name, seal in found.items() if seal is not None}
    if len(seals) < len(environments):
        return None
    before = list_deploy_keys(github)
    private, public = _make_pair()
    try:
        github.send("POST", "keys", {"title": TITLE, "key": public, "read_only": False})
    except GitHubError as error:
        if "disabled" not in error.said.lower():
            raise
        raise GitHubError(
            f"The organisation forbids deploy keys: {error.said}. An owner allows them: organisation, Settings, "
            "Repository, Deploy keys; then run this again.",
            error.status,
            error.said,
        ) from error
    for name, seal in seals.items():
        body = {"encrypted_value": _encrypt(private, str(seal["key"])), "key_id": seal["key_id"]}
        github.send("PUT", f"environments/{name}/secrets/{SECRET}", body)
    for key in before:
        github.send("DELETE", f"keys/{key['id']}")
    return [(_SIGN_TOO if read_signer_lines(root) else _SIGN) + signer_line(public)]


def _make_pair() -> tuple[str, str]:
    """Return a private and a public key in OpenSSH's format; nothing of them stays on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", TITLE.replace(" ", "-"), "-f", str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            raise GitHubError(f"No key could be made: {error}. Install ssh-keygen (package openssh-client).") from error
        return path.read_text(), path.with_suffix(".pub").read_text().strip()


def _encrypt(secret: str, key: str) -> str:
    """Encrypt for GitHub, which alone can open it (libsodium's sealed box)."""
    from nacl.public import PublicKey, SealedBox

    return b64encode(SealedBox(PublicKey(b64decode(key))).encrypt(secret.encode())).decode()
