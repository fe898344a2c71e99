"""Real git repositories with a ledger: a bare one in the middle, clones around it, hands that edit it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.bundle import Bundle
from slipway.ledger import Entry, Event, Ledger, Release, next_entry

BY = "Ada <ada@example.invalid>"
ENVIRONMENTS = ("staging", "production")


def git(folder: Path, *command: str, check: bool = True, **variables: str) -> str:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **variables}
    options = ("-c", "user.name=hand", "-c", "user.email=hand@example.invalid", "-c", "advice.detachedHead=false")
    done = subprocess.run(
        ["git", *options, *command], cwd=folder, env=os.environ | quiet, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, f"git {command}: {done.stderr}"
    return done.stdout.strip()


def make_repository(folder: Path) -> Path:
    """A repository on main with three commits and nothing else."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number in range(3):
        (folder / "code.txt").write_text(f"version {number}\n")
        git(folder, "add", "code.txt")
        git(folder, "commit", "--quiet", "-m", f"commit {number}")
    return folder


def make_hub(folder: Path) -> Path:
    """A bare repository with the history of `make_repository` and no ledger."""
    source = make_repository(folder / "source")
    git(folder, "clone", "--quiet", "--bare", str(source), "hub.git")
    return folder / "hub.git"


def clone(hub: Path, folder: Path, *options: str) -> Path:
    git(hub.parent, "clone", "--quiet", *options, f"file://{hub}", str(folder))
    return folder


def deploying(bundle: Bundle, event: Event = Event.DEPLOY, reason: str = "a reason") -> Callable[[Entry], Entry]:
    def make(newest: Entry) -> Entry:
        return next_entry(newest, event, by=BY, reason=reason, release=Release(bundle=bundle.digest))

    return make


def deploy(root: Path, bundle: Bundle, environment: str = "production", **more: Any) -> Entry:
    return Ledger(root).append(environment, deploying(bundle, **more), bundle.path)


def forget_ledger(folder: Path) -> None:
    """Remove the branch, its witnesses and what the repository has seen of it."""
    tags = git(folder, "for-each-ref", "--format=%(refname)", "refs/tags/ledger").split()
    for reference in ("refs/heads/deployments", "refs/slipway/ledger", *tags):
        git(folder, "update-ref", "-d", reference)


def make_key(path: Path) -> Path:
    """A private SSH key without a password; the public one lies beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return path


def entry_by_hand(hand: Path, *options: str) -> None:
    """An entry that follows all rules, as the workflow's own identity would write it."""
    content = json.loads((hand / "production.json").read_text())
    content |= {"number": content["number"] + 1, "by": "github-actions[bot]", "event": "promote"}
    (hand / "production.json").write_text(json.dumps(content))
    git(hand, *options, "commit", "--quiet", "-am", "production: promote")


def sign_by_hand(hand: Path, key: Path) -> None:
    entry_by_hand(hand, "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "-c", "commit.gpgsign=true")


def replay_signature(hand: Path) -> None:
    """A forged entry with the signature of the entry before it."""
    before = git(hand, "cat-file", "commit", "HEAD")
    end = "-----END SSH SIGNATURE-----"
    signature = before[before.index("gpgsig") : before.index(end) + len(end)]
    entry_by_hand(hand)
    head, _, body = git(hand, "cat-file", "commit", "HEAD").partition("\n\n")
    (hand / "forged").write_text(f"{head}\n{signature}\n\n{body}\n")
    commit = git(hand, "hash-object", "-t", "commit", "-w", "forged")
    (hand / "forged").unlink()
    git(hand, "reset", "--quiet", "--hard", commit)


def branch(hub: Path) -> str:
    return git(hub, "rev-parse", "--verify", "--quiet", "refs/heads/deployments", check=False)
