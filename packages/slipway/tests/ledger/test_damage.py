"""Whatever is done to the branch by hand is refused, with what was expected, what was found and what to do."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from ledgerbox import branch, clone, deploy, deploying, git

from slipway.errors import LedgerError
from slipway.ledger import Ledger
from slipway.ledger.tip import SEEN


@pytest.fixture
def damage(hub, toys, tmp_path):
    """A ledger with three deliveries, checked out by somebody who edits it."""
    first = tmp_path / "first"
    for name in ("churn", "crops", "churn"):
        deploy(first, toys[name].bundle)
    return clone(hub, tmp_path / "hand", "--branch", "deployments")


def edit(hand, **changed):
    content = json.loads((hand / "production.json").read_text()) | changed
    (hand / "production.json").write_text(json.dumps(content))


def commit(hand, *options):
    git(hand, "add", "--all")
    git(hand, "commit", "--quiet", "--allow-empty", "-m", "by hand", *options)


def bundle_file(hand, name):
    return next((hand / "bundles").glob("*/features.py")).parent / name


def same_number(hand):
    edit(hand, reason="another reason")


def gap(hand):
    edit(hand, number=5)


def lower_number(hand):
    edit(hand, number=1)


def unparsable(hand):
    (hand / "production.json").write_text("{")


def not_text(hand):
    (hand / "production.json").write_bytes(b'{"by": "\xff"}')


def not_text_after_another_mistake(hand):
    (hand / "production.json").write_bytes(b'{"number": "four", "by": "\xff"}')


def deep(hand):
    (hand / "production.json").write_text('{"gate": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001)


def deep_after_another_mistake(hand):
    (hand / "production.json").write_text('{"number": "four", "gate": ' + "[" * 100_000 + "]" * 100_000 + "}")


def deeper_than_a_summary(hand):
    edit(hand, number=4, gate=json.loads('{"a": ' * 60 + "1" + "}" * 60))


def unknown_field(hand):
    edit(hand, number=4, extra=1)


def other_environment(hand):
    shutil.copy(hand / "staging.json", hand / "production.json")


def unkept_bundle(hand):
    release = {"bundle": "f" * 64}
    edit(hand, number=4, release=release, serving=release)


def serving_changed(hand):
    edit(hand, number=4, event="failed", serving=None, since=None)


def removed(hand):
    (hand / "production.json").unlink()


def second_genesis(hand):
    genesis = json.loads(git(hand, "show", "HEAD~3:production.json"))
    (hand / "production.json").write_text(json.dumps(genesis))


def stray_file(hand):
    edit(hand, number=4)
    (hand / "README.md").write_text("hello")


def link(hand):
    (hand / "production.json").unlink()
    (hand / "production.json").symlink_to("staging.json")


def executable(hand):
    edit(hand, number=4)
    (hand / "production.json").chmod(0o755)


def bundle_of_links(hand):
    release = {"bundle": "e" * 64}
    edit(hand, number=4, release=release, serving=release)
    (hand / "bundles" / ("e" * 64)).mkdir()
    (hand / "bundles" / ("e" * 64) / "manifest.json").symlink_to("/etc/passwd")


def environment_that_begins_in_the_middle(hand):
    content = json.loads((hand / "production.json").read_text())
    (hand / "canary.json").write_text(json.dumps(content | {"environment": "canary", "number": 0}))


def empty_commit(hand):
    pass


def two_at_once(hand):
    edit(hand, number=4)
    staging = json.loads((hand / "staging.json").read_text())
    (hand / "staging.json").write_text(json.dumps(staging | {"number": 1}))


def bundle_edited(hand):
    edit(hand, number=4)
    bundle_file(hand, "features.py").write_text("edited")


def bundle_removed(hand):
    edit(hand, number=4)
    shutil.rmtree(bundle_file(hand, "."))


def bundle_grown(hand):
    edit(hand, number=4)
    bundle_file(hand, "extra.py").write_text("added")


def stray_bundle(hand):
    edit(hand, number=4)
    (hand / "bundles" / ("e" * 64)).mkdir()
    (hand / "bundles" / ("e" * 64) / "manifest.json").write_text("{}")


def name_that_is_not_text(hand):
    edit(hand, number=4)
    Path(os.fsdecode(bytes(hand / "production.") + b"\xff\xfe.json")).write_text("{}")


def name_with_a_line_end_and_escapes(hand):
    edit(hand, number=4)
    (hand / "a\tb\nproduction.json\x1b[2K\u202e").write_text("{}")


def bundle_file_whose_name_is_not_text(hand):
    edit(hand, number=4, release={"bundle": "e" * 64}, serving={"bundle": "e" * 64})
    (hand / "bundles" / ("e" * 64)).mkdir()
    Path(os.fsdecode(bytes(hand / "bundles" / ("e" * 64) / "x") + b"\xff.py")).write_text("1")


def production_alone_is_set_back(hand):
    """Production goes back to its first entry, and every other file stays."""
    (hand / "production.json").write_text(git(hand, "show", "HEAD~2:production.json"))


def stray_record(hand):
    edit(hand, number=4)
    (hand / "records").mkdir(exist_ok=True)
    (hand / "records" / "sitecustomize.py").write_text("import os")


def commit_that_is_an_option(hand):
    entry = json.loads((hand / "production.json").read_text())
    edit(hand, number=4, release=entry["release"] | {"commit": "--output=/tmp/x"})


def image_of_two_words(hand):
    entry = json.loads((hand / "production.json").read_text())
    edit(hand, number=4, serving=entry["serving"] | {"image": "model --privileged"})


BY_HAND = {
    same_number: r"entry 3.*expected number 4",
    gap: r"entry 5.*expected number 4: numbers have no gaps",
    lower_number: r"entry 1.*expected number 4",
    unparsable: r"Malformed JSON in production\.json: Input data was truncated",
    not_text: r"Malformed JSON in production\.json",
    not_text_after_another_mistake: r"production\.json: number: expected `int`",
    deep: r"Malformed JSON in production\.json",
    deep_after_another_mistake: r"production\.json: number: expected `int`",
    deeper_than_a_summary: r"gate: expected at most 20 levels",
    unknown_field: r"production\.json: unknown key `extra`",
    other_environment: r"production\.json names the environment 'staging'",
    unkept_bundle: r"names the bundle ffffffffffff, which is not in bundles/",
    serving_changed: r"to leave `serving` and `since` as they were",
    removed: r"found production\.json deleted",
    second_genesis: r"expected number 4",
    stray_file: r"found README\.md added",
    link: r"found production\.json changed",
    executable: r"found production\.json modified",
    bundle_of_links: r"found bundles/e+/manifest\.json added",
    environment_that_begins_in_the_middle: r"canary\.json.*expected the genesis entry",
    empty_commit: r"expected one event, found 0 entries written",
    two_at_once: r"expected one event, found 2 entries written",
    bundle_edited: r"features\.py modified",
    bundle_removed: r"deleted",
    bundle_grown: r"found files added to",
    name_that_is_not_text: r'found "production\.\\377\\376\.json" added',
    name_with_a_line_end_and_escapes: r'found "a\\tb\\nproduction\.json\\033\[2K\\342\\200\\256" added',
    bundle_file_whose_name_is_not_text: r'found "bundles/e+/x\\377\.py" added',
    production_alone_is_set_back: r"entry 1.*expected number 4",
    stray_record: r"found records/sitecustomize\.py added",
    commit_that_is_an_option: r"release\.commit: expected `str` matching regex",
    image_of_two_words: r"serving\.image: expected `str` matching regex",
    stray_bundle: r"only the bundle that its entry names, found eeeeeeeeeeee added",
}


@pytest.mark.parametrize(("how", "said"), BY_HAND.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_hand_that_edits_is_noticed_by_all(hub, ours, damage, churn, how, said):
    Ledger(ours).read("production")
    how(damage)
    commit(damage)
    git(damage, "push", "--quiet")
    bad = branch(hub)
    for root in (ours, damage):
        with pytest.raises(LedgerError, match=said) as caught:
            Ledger(root).read("staging")
        assert bad[:12] in str(caught.value), "the commit is named"
        assert "git log -p" in str(caught.value), "what to do is said"
        with pytest.raises(LedgerError, match=said):
            Ledger(root).append("staging", deploying(churn.bundle), churn.bundle.path)
    assert branch(hub) == bad, "nothing was written on top"


def test_the_advice_mends_a_damaged_ledger(hub, ours, damage, churn):
    Ledger(ours).read("production")
    gap(damage)
    commit(damage)
    git(damage, "push", "--quiet")
    git(damage, "push", "--quiet", "--force", "origin", "HEAD~1:deployments")
    assert Ledger(ours).read("production").number == 3
    assert deploy(ours, churn.bundle).number == 4


def shortened(hand):
    git(hand, "reset", "--quiet", "--hard", "HEAD~1")


def amended(hand):
    edit(hand, reason="history is written by the winners")
    commit(hand, "--amend")


def reordered(hand):
    tree = [git(hand, "rev-parse", f"HEAD~{back}^{{tree}}") for back in (2, 1, 0)]
    tip = git(hand, "rev-parse", "HEAD~3")
    for wanted in (tree[0], tree[2], tree[1]):
        tip = git(hand, "commit-tree", wanted, "-p", tip, "-m", "moved")
    git(hand, "reset", "--quiet", "--hard", tip)


def without_its_beginning(hand):
    tip = git(hand, "commit-tree", "HEAD~1^{tree}", "-m", "all at once")
    tip = git(hand, "commit-tree", "HEAD^{tree}", "-p", tip, "-m", "and the last")
    git(hand, "reset", "--quiet", "--hard", tip)


REWRITTEN = {
    shortened: None,
    amended: None,
    reordered: r"entry 3.*expected number 2",
    without_its_beginning: r"expected one event|genesis|only the bundle that its entry names",
}


@pytest.mark.parametrize(("how", "said"), REWRITTEN.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_rewritten_history_is_refused_until_it_is_accepted_on_purpose(hub, ours, damage, churn, how, said):
    Ledger(ours).read("production")
    seen = git(ours, "rev-parse", SEEN)
    how(damage)
    git(damage, "push", "--quiet", "--force")
    for _ in range(2):
        with pytest.raises(LedgerError, match=rf"rewritten or shortened: expected a descendant of {seen}"):
            Ledger(ours).read("production")
    with pytest.raises(LedgerError, match="rewritten or shortened"):
        Ledger(ours).append("staging", deploying(churn.bundle), churn.bundle.path)
    git(ours, "fetch", "--quiet", "--force", "origin", "+deployments:refs/remotes/origin/deployments")
    with pytest.raises(LedgerError, match="rewritten or shortened"):
        Ledger(ours).read("production")
    git(ours, "update-ref", "-d", SEEN)
    with pytest.raises(LedgerError, match=r"was set back.*ledger/production/3"):
        Ledger(ours).read("production")
    for tag in git(hub, "tag", "--list", "ledger/*").split():
        git(hub, "tag", "-d", tag)
    if said is None:
        assert Ledger(ours).read("production").number in (2, 3)
    else:
        with pytest.raises(LedgerError, match=said):
            Ledger(ours).read("production")


def test_the_rewritten_branch_is_refused_offline_too(hub, ours, damage, tmp_path):
    Ledger(ours).read("production")
    amended(damage)
    git(damage, "push", "--quiet", "--force")
    git(ours, "fetch", "--quiet", "origin")
    hub.rename(tmp_path / "gone")
    with pytest.raises(LedgerError, match="rewritten or shortened"):
        Ledger(ours).read("production")


def test_a_merge_is_refused(ours, damage):
    git(damage, "checkout", "--quiet", "-b", "side", "HEAD~1")
    edit(damage, number=3, reason="beside")
    commit(damage)
    git(damage, "checkout", "--quiet", "deployments")
    git(damage, "merge", "--quiet", "--strategy=ours", "-m", "both", "side")
    git(damage, "push", "--quiet", "origin", "deployments")
    with pytest.raises(LedgerError, match="expected one parent, found a merge"):
        Ledger(ours).read("production")


def test_another_history_merged_in_is_refused(ours, damage):
    Ledger(ours).read("production")
    git(damage, "merge", "--quiet", "--allow-unrelated-histories", "--strategy=ours", "-m", "both", "origin/main")
    git(damage, "push", "--quiet", "origin", "deployments")
    with pytest.raises(LedgerError, match="expected one parent, found a merge"):
        Ledger(ours).read("production")


def test_a_branch_that_is_gone_is_no_new_beginning(hub, ours, damage):
    Ledger(ours).read("production")
    seen = git(ours, "rev-parse", SEEN)
    git(hub, "update-ref", "-d", "refs/heads/deployments")
    for attempt in (
        lambda: Ledger(ours).read("production"),
        lambda: Ledger(ours).init(["staging"], "somebody", "as if nothing had been"),
    ):
        with pytest.raises(LedgerError, match=rf"newest known commit.*git push origin {seen}:refs/heads/deployments"):
            attempt()
    git(ours, "push", "--quiet", "origin", f"{seen}:refs/heads/deployments")
    assert Ledger(ours).read("production").number == 3


def test_a_local_branch_that_is_gone_or_shortened(alone, churn):
    deploy(alone, churn.bundle)
    seen = git(alone, "rev-parse", "deployments")
    git(alone, "update-ref", "refs/heads/deployments", f"{seen}~1")
    with pytest.raises(LedgerError, match="rewritten or shortened"):
        Ledger(alone).read("production")
    git(alone, "branch", "-D", "deployments")
    with pytest.raises(LedgerError, match=rf"git update-ref refs/heads/deployments {seen}"):
        Ledger(alone).read("production")
    git(alone, "update-ref", "refs/heads/deployments", seen)
    assert Ledger(alone).read("production").number == 1


def resealed_elsewhere(files):
    files["features.py"] = b"edited"


def file_missing(files):
    del files["golden.jsonl"]


def file_added(files):
    files["extra.py"] = b""


def manifest_missing(files):
    del files["manifest.json"]


def manifest_deep(files):
    files["manifest.json"] = b'{"files": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def manifest_not_text(files):
    files["manifest.json"] = b'{"files": {"\xff": "\xff"}}'


def manifest_edited(files):
    files["manifest.json"] += b"\n"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (resealed_elsewhere, r"features\.py does not have the hash that manifest\.json names"),
        (file_missing, r"expected the files .*golden\.jsonl"),
        (file_added, r"found .*extra\.py"),
        (manifest_missing, r"manifest\.json, found no such file"),
        (manifest_deep, r"its manifest\.json has the digest"),
        (manifest_not_text, r"its manifest\.json has the digest"),
        (manifest_edited, r"its manifest\.json has the digest"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bundle_that_was_never_whole_is_found_before_it_is_used(ours, damage, churn, toys, tmp_path, how, said):
    """Somebody writes an entry that follows all rules of the history, with a bundle that is not what it is called."""
    bundle = toys["rents"].bundle
    files = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    how(files)
    folder = damage / "bundles" / bundle.digest
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    release = {"bundle": bundle.digest}
    edit(damage, number=4, release=release, serving=release)
    commit(damage)
    git(damage, "push", "--quiet")
    assert Ledger(ours).read("production").number == 4
    for attempt in (Ledger(ours).verify, lambda: Ledger(ours).fetch_bundle(bundle.digest, tmp_path / "got")):
        with pytest.raises(LedgerError, match=said):
            attempt()
    assert not (tmp_path / "got" / bundle.digest).exists()


def test_an_object_that_is_missing_here_is_said(alone, churn):
    deploy(alone, churn.bundle)
    blob = git(alone, "rev-parse", "deployments:production.json")
    (alone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(LedgerError, match=r"Expected production\.json .*missing from this clone"):
        Ledger(alone).read("production")


def test_a_history_that_was_cut_after_it_was_verified_is_noticed(hub, damage, tmp_path):
    """A later shallow fetch hides the beginning of a branch that this clone has verified already."""
    root = clone(hub, tmp_path / "cut")
    Ledger(root).read("production")
    (root / ".git" / "shallow").write_text(git(root, "rev-parse", f"{SEEN}~1") + "\n")
    with pytest.raises(LedgerError, match=r"Expected 4 commits that write production\.json, found 2.*--unshallow"):
        Ledger(root).history("production")
    git(root, "fetch", "--quiet", "--unshallow")
    assert [entry.number for entry in Ledger(root).history("production")] == [3, 2, 1, 0]


@pytest.mark.parametrize("manifest", [manifest_deep, manifest_not_text])
def test_a_bundle_that_is_called_after_a_malformed_manifest_is_refused(ours, damage, manifest):
    files = {}
    manifest(files)
    digest = hashlib.sha256(files["manifest.json"]).hexdigest()
    (damage / "bundles" / digest).mkdir()
    (damage / "bundles" / digest / "manifest.json").write_bytes(files["manifest.json"])
    release = {"bundle": digest}
    edit(damage, number=4, release=release, serving=release)
    commit(damage)
    git(damage, "push", "--quiet")
    with pytest.raises(LedgerError, match=r"is damaged: .*manifest\.json"):
        Ledger(ours).verify()
