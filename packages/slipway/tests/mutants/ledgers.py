"""Ledgers that were set back, begun again or forged at the remote, seen by a clone that has never read them before."""

from collections.abc import Callable
from pathlib import Path

from catalogue import mutant
from ledgerbox import (
    BY,
    ENVIRONMENTS,
    branch,
    clone,
    deploy,
    entry_by_hand,
    forget_ledger,
    git,
    make_hub,
    make_key,
    replay_signature,
    sign_by_hand,
)
from projectbox import Project

from slipway.bundle import load_bundle
from slipway.ledger import Ledger
from slipway.ledger.signatures import SIGNERS

_BRANCH = "refs/heads/deployments"


def _in_a_fresh_clone(project: Project, change: Callable[[Path], object]) -> None:
    """Keep the ledger at a remote, change it there, and know nothing of it here."""
    hub = project.root / ".git" / "hub.git"
    git(project.root, "clone", "--quiet", "--bare", str(project.root), str(hub))
    forget_ledger(project.root)
    change(hub)
    git(project.root, "remote", "add", "origin", f"file://{hub}")


def _fresh_clone(project: Project) -> None:
    """A clone that reads the ledger for the first time."""
    _in_a_fresh_clone(project, lambda hub: None)


def _another_release(project: Project) -> None:
    """Production got the candidate before, and a clone reads that for the first time."""
    deploy(project.root, load_bundle(project.bundle))
    _fresh_clone(project)


def _set_back(steps: int) -> Callable[[Path], object]:
    return lambda hub: git(hub, "update-ref", _BRANCH, f"{_BRANCH}~{steps}")


@mutant("ledger", _fresh_clone)
def ledger_set_back_to_genesis(project: Project) -> None:
    """The ledger was set back to its first commit, so that the model would pass as a first release."""
    _in_a_fresh_clone(project, _set_back(1))


@mutant("ledger", _another_release)
def ledger_set_back_by_one_release(project: Project) -> None:
    """The ledger was set back by one release, so that a worse model is compared with an older one."""
    deploy(project.root, load_bundle(project.bundle))
    _in_a_fresh_clone(project, _set_back(1))


@mutant("ledger", _fresh_clone)
def ledger_deleted_at_the_remote(project: Project) -> None:
    """The ledger was deleted at the remote."""
    _in_a_fresh_clone(project, lambda hub: git(hub, "update-ref", "-d", _BRANCH))


@mutant("ledger", _fresh_clone)
def ledger_begun_again(project: Project) -> None:
    """Another ledger, in which nothing serves, was put in the place of the ledger."""

    def begin_again(hub: Path) -> None:
        other = make_hub(hub.parent / "elsewhere")
        Ledger(clone(other, hub.parent / "stranger")).init(ENVIRONMENTS, BY, "as if for the first time")
        git(hub, "fetch", "--quiet", str(other), f"+deployments:{_BRANCH}")

    _in_a_fresh_clone(project, begin_again)


@mutant("ledger", _fresh_clone)
def ledger_entry_replaced(project: Project) -> None:
    """The last entry was replaced by another one of the same number."""

    def replace(hub: Path) -> None:
        commit = git(hub, "commit-tree", f"{_BRANCH}^{{tree}}", "-p", f"{_BRANCH}~1", "-m", "by hand")
        git(hub, "update-ref", _BRANCH, commit)

    _in_a_fresh_clone(project, replace)


@mutant("ledger", _another_release)
def ledger_set_back_with_its_witness(project: Project) -> None:
    """The ledger was set back by one release, and the witness of that release moved to the one before it."""
    deploy(project.root, load_bundle(project.bundle))

    def set_back(hub: Path) -> None:
        git(hub, "update-ref", _BRANCH, f"{_BRANCH}~1")
        git(hub, "tag", "--force", "ledger/production/2", _BRANCH)

    _in_a_fresh_clone(project, set_back)


@mutant("ledger", _another_release)
def ledger_of_production_alone_set_back(project: Project) -> None:
    """A commit puts production's entry back to an older one, and leaves staging and the history as they are."""
    deploy(project.root, load_bundle(project.bundle))

    def put_back(hand: Path) -> None:
        (hand / "production.json").write_text(git(hand, "show", "HEAD~1:production.json"))
        git(hand, "commit", "--quiet", "-am", "production: as it was")

    _forged(project, put_back)


def _name_signer(project: Project) -> Path:
    """Let main name Ada as the only signer, and accept the entries so far; return her key."""
    key = make_key(project.root / ".git" / "ada")
    (project.root / SIGNERS).parent.mkdir(exist_ok=True)
    public = key.with_suffix(".pub").read_text()
    (project.root / SIGNERS).write_text(f"# accepted up to {branch(project.root)}\nada {public}")
    project.commit("who may sign")
    return key


def _signed(project: Project) -> None:
    """Ada signs an entry more."""
    _signed_by_ada(project)
    _fresh_clone(project)


def _signed_by_ada(project: Project) -> None:
    key = _name_signer(project)
    git(project.root, "config", "gpg.format", "ssh")
    git(project.root, "config", "user.signingkey", str(key))
    deploy(project.root, load_bundle(project.bundle), "staging")


def _forged(project: Project, forge: Callable[[Path], object]) -> None:
    """A person who may push writes an entry of production."""

    def change(hub: Path) -> None:
        hand = clone(hub, hub.parent / "hand", "--branch", "deployments")
        forge(hand)
        git(hand, "push", "--quiet", "origin", "HEAD:deployments")

    _in_a_fresh_clone(project, change)


@mutant("ledger", _signed)
def ledger_entry_unsigned(project: Project) -> None:
    """A person who may push writes an unsigned entry in the name of the workflow."""
    _name_signer(project)
    _forged(project, entry_by_hand)


@mutant("ledger", _signed)
def ledger_entry_of_a_stranger(project: Project) -> None:
    """The entry is signed with a key of no signer."""
    _name_signer(project)
    stranger = make_key(project.root / ".git" / "stranger")
    _forged(project, lambda hand: sign_by_hand(hand, stranger))


@mutant("ledger", _signed)
def ledger_signer_of_the_change(project: Project) -> None:
    """The change that is judged names its author a signer, who has signed the entry."""
    _name_signer(project)
    stranger = make_key(project.root / ".git" / "stranger")
    _forged(project, lambda hand: sign_by_hand(hand, stranger))
    git(project.root, "checkout", "--quiet", "-b", "change")
    (project.root / SIGNERS).write_text(f"mallory {stranger.with_suffix('.pub').read_text()}")
    project.commit("me, too")


@mutant("ledger", _signed)
def ledger_signature_replayed(project: Project) -> None:
    """The forged entry carries the signature of the entry before it."""
    _signed_by_ada(project)
    _forged(project, replay_signature)


@mutant("ledger", _signed)
def ledger_signed_with_a_removed_key(project: Project) -> None:
    """The newest entry is signed with a key that main names no longer."""
    _signed_by_ada(project)
    signers = project.root / SIGNERS
    other = make_key(project.root / ".git" / "grace").with_suffix(".pub").read_text()
    signers.write_text(f"{signers.read_text().splitlines()[0]}\ngrace {other}")
    project.commit("Ada has left")
    _fresh_clone(project)
