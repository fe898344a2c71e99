"""A ledger with signers believes no other key; one without says that whoever can push owns it."""

import shutil

import pytest
from ledgerbox import branch, clone, deploy, entry_by_hand, git, make_key, replay_signature, sign_by_hand
from places import ROOT

from slipway.delivery.operations import check_signed
from slipway.errors import DeliveryError, LedgerError
from slipway.ledger import Ledger
from slipway.ledger.signatures import SIGNERS


@pytest.fixture
def keys(tmp_path):
    """The private keys of Ada, who may sign, and of a stranger."""
    return {name: make_key(tmp_path / name) for name in ("ada", "stranger")}


def name_signers(hub, folder, text):
    """Put the file of the signers on main, as a reviewed pull request does."""
    main = clone(hub, folder)
    (main / SIGNERS).parent.mkdir(exist_ok=True)
    (main / SIGNERS).write_text(text)
    git(main, "add", "--all")
    git(main, "commit", "--quiet", "-m", "who may sign")
    git(main, "push", "--quiet", "origin", "HEAD:main")


def line(keys, name="ada"):
    return f'{name} namespaces="git" {keys[name].with_suffix(".pub").read_text()}'


@pytest.fixture
def signed(hub, ours, churn, keys, tmp_path, monkeypatch):
    """A hub with an unsigned release, which the signers accept, and a signed one."""
    deploy(ours, churn.bundle)
    name_signers(hub, tmp_path / "main", f"# accepted up to {branch(hub)}\n{line(keys)}")
    with monkeypatch.context() as patched:
        patched.setenv("SLIPWAY_LEDGER_KEY", str(keys["ada"]))
        deploy(ours, churn.bundle)
    return hub


def test_a_ledger_without_signers_says_who_owns_production(ours):
    assert Ledger(ours).trust.startswith("unsigned: whoever can push the branch deployments owns production")


def test_a_file_without_a_key_is_no_list_of_signers(hub, ours, churn, tmp_path):
    name_signers(hub, tmp_path / "main", (ROOT / SIGNERS).read_text())
    assert Ledger(ours).trust.startswith("unsigned")
    assert deploy(ours, churn.bundle).number == 1


def test_what_a_signer_has_signed_is_believed_in_a_fresh_clone(signed, tmp_path):
    for options in ((), ("--depth=1",)):
        fresh = Ledger(clone(signed, tmp_path / f"fresh{len(options)}", *options))
        assert (fresh.read("production").number, fresh.trust) == (2, "signed: the newest entry by ada")
        assert fresh.verify() == 3


def test_a_log_that_shows_signatures_is_read_as_any_other(signed, ours):
    git(ours, "config", "log.showSignature", "true")
    assert Ledger(ours).trust == "signed: the newest entry by ada"


def test_without_ssh_keygen_no_entry_is_accused(signed, ours, tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(LedgerError, match=r"there is no ssh-keygen on the PATH\. Install openssh-client\."):
        Ledger(ours).read("production")


def test_the_key_is_a_file_or_a_secret_or_git_s_own(signed, ours, churn, keys, monkeypatch):
    for number, key in enumerate((str(keys["ada"]), keys["ada"].read_text().strip().replace("\n", "\r\n")), start=3):
        monkeypatch.setenv("SLIPWAY_LEDGER_KEY", key)
        assert deploy(ours, churn.bundle).number == number
    monkeypatch.delenv("SLIPWAY_LEDGER_KEY")
    git(ours, "config", "gpg.format", "ssh")
    git(ours, "config", "user.signingkey", str(keys["ada"]))
    assert deploy(ours, churn.bundle).number == 5


def test_who_has_no_key_of_a_signer_writes_nothing(signed, ours, churn, keys, monkeypatch):
    before = branch(signed)
    for key, found in (("", "has no signature"), (str(keys["stranger"]), r"was signed with the key SHA256:\S+")):
        monkeypatch.setenv("SLIPWAY_LEDGER_KEY", key)
        with pytest.raises(LedgerError, match=rf"and the new one {found}\. Set SLIPWAY_LEDGER_KEY .* retry\.$") as said:
            deploy(ours, churn.bundle)
        assert "accepted up to" not in str(said.value)
    assert branch(signed) == before


def test_a_rollback_to_an_entry_of_before_there_were_signers_asks(signed, ours):
    ledger, asked = Ledger(ours), []
    assert [ledger.is_signed("production", number) for number in (1, 2)] == [False, True]
    check_signed(ledger, "production", 2, lambda question: False)
    with pytest.raises(DeliveryError, match=r"Entry 1 of production is unsigned.*--unsigned"):
        check_signed(ledger, "production", 1, lambda question: asked.append(question))
    assert "Entry 1 of production is unsigned" in asked[0]
    check_signed(ledger, "production", 1, lambda question: True)


def test_where_nobody_signs_no_rollback_asks(hub, ours, churn):
    deploy(ours, churn.bundle)
    check_signed(Ledger(ours), "production", 1, lambda question: False)


def unsigned(hand, keys):
    entry_by_hand(hand)


def signed_by_a_stranger(hand, keys):
    sign_by_hand(hand, keys["stranger"])


def signature_of_another_entry(hand, keys):
    replay_signature(hand)


def signers_on_a_branch(hand, keys):
    """The forger names themselves a signer, on a branch that nobody has reviewed."""
    git(hand, "checkout", "--quiet", "-b", "mine", "origin/main")
    (hand / SIGNERS).write_text(line(keys, "stranger"))
    git(hand, "commit", "--quiet", "-am", "me, too")
    git(hand, "push", "--quiet", "origin", "mine")
    git(hand, "checkout", "--quiet", "deployments")
    signed_by_a_stranger(hand, keys)


def name_of_a_signer(hand, keys):
    """The author of the commit is called like the signer."""
    entry_by_hand(hand, "-c", "user.name=ada")


FORGERIES = (unsigned, signed_by_a_stranger, signature_of_another_entry, signers_on_a_branch, name_of_a_signer)


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_entry_is_refused_also_on_the_forger_s_own_branch(signed, ours, churn, keys, tmp_path, forge):
    hand = clone(signed, tmp_path / "hand", "--branch", "deployments")
    forge(hand, keys)
    git(hand, "push", "--quiet", "origin", "HEAD:deployments")
    fresh = clone(signed, tmp_path / "fresh")
    if forge is signers_on_a_branch:
        git(fresh, "checkout", "--quiet", "mine")
    for root in (ours, fresh):
        for attempt in (Ledger(root).verify, lambda root=root: deploy(root, churn.bundle)):
            with pytest.raises(LedgerError, match=r"is not signed by one of deploy/ledger\.signers on the main branch"):
                attempt()


def test_an_unsigned_entry_in_the_middle_is_found_by_verify(signed, keys, tmp_path):
    hand = clone(signed, tmp_path / "hand", "--branch", "deployments")
    entry_by_hand(hand)
    sign_by_hand(hand, keys["ada"])
    git(hand, "push", "--quiet", "origin", "HEAD:deployments")
    with pytest.raises(LedgerError, match="it has no signature"):
        Ledger(clone(signed, tmp_path / "fresh")).verify()


def test_without_the_line_that_accepts_them_older_entries_have_to_be_signed_too(hub, ours, churn, keys, tmp_path):
    deploy(ours, churn.bundle)
    name_signers(hub, tmp_path / "main", line(keys))
    with pytest.raises(LedgerError, match=rf"has no signature.*# accepted up to {branch(hub)}"):
        Ledger(ours).read("production")
    name_signers(hub, tmp_path / "again", f"# accepted up to {branch(hub)}\n{line(keys)}")
    ledger = Ledger(ours)
    assert (ledger.read("production").number, ledger.verify()) == (1, 2)
    assert ledger.trust.startswith("not signed yet")


def test_a_branch_without_the_accepted_entry_was_set_back(signed, tmp_path):
    tip = branch(signed)
    git(signed, "update-ref", "refs/heads/deployments", f"{tip}~2")
    for tag in git(signed, "tag", "--list", "ledger/*").split():
        git(signed, "tag", "-d", tag)
    with pytest.raises(LedgerError, match="is not on the branch deployments: the branch was set back"):
        Ledger(clone(signed, tmp_path / "fresh")).read("production")


def test_a_signer_who_was_removed_is_believed_no_longer(signed, keys, tmp_path):
    name_signers(signed, tmp_path / "again", line(keys, "stranger"))
    with pytest.raises(LedgerError, match="it was signed with the key SHA256:"):
        Ledger(clone(signed, tmp_path / "fresh")).read("production")
