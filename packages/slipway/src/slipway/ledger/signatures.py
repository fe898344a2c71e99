"""Signatures: entries are commits that git signs with an SSH key; who may sign stands in a file on the main branch.

Whoever signs has verified what was there before, and a commit names its parent: the signature of the newest entry
vouches for the whole branch.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.ledger.objects import Objects
from slipway.settings import ledger_key

# In the format of ssh-keygen's allowed signers, on the main branch, where it is owned as code is.
SIGNERS = "deploy/ledger.signers"
_ACCEPTED = re.compile(r"^# accepted up to ([0-9a-f]{40,64})$", re.MULTILINE)


class SignatureError(LedgerError):
    """A commit that none of the signers has signed; `found` says in words what it has instead."""

    def __init__(self, commit: str, found: str) -> None:
        self.found = found
        super().__init__(
            f"The entry of commit {commit[:12]} on the branch deployments is not signed by one of {SIGNERS} on the "
            f"main branch: it {found}. Nothing after its parent is trusted. Find out who wrote it: `git log -1 "
            f"--show-signature {commit}`. If it is to count as it is, let the owners of the file add the line `# "
            f"accepted up to {commit}`."
        )


class Signers(NamedTuple):
    """The file of those who may sign; entries up to the commit `accepted` count as they are."""

    text: str
    accepted: str | None


def read_signers(git: Objects, main: str | None) -> Signers | None:
    """Return the signers that the commit `main` names, None if it names no key: the ledger is unsigned."""
    if main is None:
        return None
    folder, name = SIGNERS.split("/")
    item = next((item for item in git.tree(main, folder) if item.name == name), None)
    if item is None:
        return None
    (content,) = git.contents([item.id])
    if content is None:
        raise LedgerError(f"{SIGNERS} of commit {main[:12]} is missing from this clone. Make a new clone.")
    text = content.decode(errors="replace")
    if not list_signer_lines(text):
        return None
    accepted = _ACCEPTED.findall(text)
    return Signers(text, accepted[-1] if accepted else None)


def list_signer_lines(text: str) -> list[str]:
    """Return the lines of the file that name a key."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def verify_newest(git: Objects, signers: Signers | None, tip: str) -> str:
    """Return a sentence on who vouches for `tip`; raises `SignatureError` if there are signers, and it is by none."""
    if signers is None:
        return "unsigned: whoever can push the branch deployments owns production (docs/ledger.md, Sign it)"
    if signers.accepted and not (git.resolve(signers.accepted) and git.descends(tip, signers.accepted)):
        raise LedgerError(
            f"{SIGNERS} on the main branch accepts the ledger up to {signers.accepted}, which is not on the branch "
            "deployments: the branch was set back, or the line is wrong. Nothing in it is trusted."
        )
    if tip == signers.accepted:
        return f"not signed yet: {SIGNERS} accepts the entries so far, and the next one has to be signed"
    return f"signed: the newest entry by {verify_signatures(git, signers, tip, newest=True)}"


def verify_signatures(git: Objects, signers: Signers, tip: str, newest: bool = False) -> str:
    """Return who signed the commits after those that are accepted, or the `newest` one alone.

    Raises `SignatureError` for the first one that none of the signers has signed.
    """
    # Without it git reports that there is no signature, which would accuse a good entry.
    if shutil.which("ssh-keygen") is None and not git.configuration().get("gpg.ssh.program"):
        raise LedgerError(
            "Cannot verify the signatures of the ledger: there is no ssh-keygen on the PATH. Install openssh-client."
        )
    wanted = ["-1", tip] if newest else [tip, *([f"^{signers.accepted}"] if signers.accepted else [])]
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder) / "signers"
        allowed.write_text(signers.text)
        options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
        asked = ("--no-show-signature", "--format=%H%x09%G?%x09%GF%x09%GS")
        shown = git.run(*options, "log", *asked, *wanted, "--")
    rows = [line.split("\t") for line in shown.splitlines()]
    if not rows or rows[0][0] != tip:
        raise git.unexpected("log", shown)
    for commit, state, key, _ in rows:
        # A key of another kind than SSH is judged by the keys of this machine, not by the file.
        if state != "G" or not key.startswith("SHA256:"):
            raise SignatureError(commit, _describe_signature(state, key))
    return ", ".join(sorted({signer for *_, signer in rows}))


@contextmanager
def signing_options(git: Objects, required: bool) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the options of git and of `commit-tree` that sign a commit, both empty without a key.

    SLIPWAY_LEDGER_KEY goes first; git's own SSH key is taken where a signature is `required`.
    """
    key = ledger_key()
    if not key:
        found = git.configuration()
        own = required and found.get("gpg.format") == "ssh" and found.get("user.signingkey")
        yield ((), ("-S",)) if own else ((), ())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(key).expanduser()
        if key.startswith("-----BEGIN"):
            path = Path(folder) / "key"
            path.touch(mode=0o600)
            # A secret that was pasted may have lost its last line end, without which OpenSSH reads no key.
            path.write_text(key.replace("\r", "") + "\n")
        yield ("-c", "gpg.format=ssh", "-c", f"user.signingkey={path}"), ("-S",)


def _describe_signature(state: str, key: str) -> str:
    if state == "N":
        return "has no signature"
    if state in "GU":
        return f"was signed with the key {key or '(unknown)'}"
    return {"B": "has a signature that does not fit its content", "X": "has an expired signature"}.get(
        state, f"has a signature that git could not verify (state {state})"
    )
