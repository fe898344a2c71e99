"""Old images go; what the ledger names stays, with what was pushed beside it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from ledgerbox import BY, ENVIRONMENTS, make_repository

from slipway.cli import main
from slipway.ledger import Event, Ledger, Release, next_entry

NOW = datetime.now(UTC)


class Package:
    """The container package of acme/model at GitHub, newest version last."""

    def __init__(self, hub, owner="Organization"):
        self.hub, self.owner = hub, owner
        self.versions = []
        self.popular = set()
        self.below = f"/{'orgs' if owner == 'Organization' else 'users'}/Acme/packages/container/model/versions"

    def push(self, digest, days, *tags, minutes=0):
        pushed = NOW - timedelta(days=days) + timedelta(minutes=minutes)
        found = {"id": len(self.versions) + 1, "name": digest, "created_at": pushed.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.versions.append(found | {"metadata": {"package_type": "container", "container": {"tags": list(tags)}}})
        return digest

    def fill(self):
        """Ten images of today, so that age alone decides about those before."""
        for number in range(10):
            self.push(sha(f"new{number}"), 0, f"new{number}")

    @property
    def digests(self):
        return [each["name"] for each in self.versions]

    def __call__(self, asked):
        path, _, query = asked.path.partition("?")
        if path == "/repos/Acme/Model":
            return {"owner": {"login": "Acme", "type": self.owner}}
        if path == self.below and self.versions:
            page = 2 if "page=2" in query.split("&") else 1
            # GitHub gives a hundred at most; five are enough to need a second page here.
            more = {"Link": f'<{self.hub.url}{path}?page=2>; rel="next"'} if page == 1 else {}
            return 200, self.versions[:5] if page == 1 else self.versions[5:], more
        found = next((each for each in self.versions if f"{self.below}/{each['id']}" == path), None)
        if asked.method != "DELETE" or not found:
            return None
        if found["name"] in self.popular:
            return 400, {"message": "You cannot delete a public package version with more than 5000 downloads."}, {}
        self.versions.remove(found)
        return 204, None, {}


def sha(name):
    return "sha256:" + (name.encode().hex() * 64)[:64]


@pytest.fixture(params=["Organization", "User"])
def package(request, hub):
    hub.otherwise = found = Package(hub, request.param)
    return found


@pytest.fixture
def root(tmp_path, monkeypatch, hub):
    folder = make_repository(tmp_path / "alone")
    monkeypatch.chdir(folder)
    # Capital letters: registries have none.
    for name, value in {"API_URL": hub.url, "REPOSITORY": "Acme/Model", "TOKEN": "secret"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    return folder


@pytest.fixture
def ledger(root):
    Ledger(root).init(ENVIRONMENTS, BY, "it begins")
    return Ledger(root)


def deliver(ledger, toy, image, environment="production", event=Event.DEPLOY):
    release = Release(bundle=toy.bundle.digest, image=f"ghcr.io/acme/model@{image}")
    make = lambda newest: next_entry(newest, event, by=BY, reason="why", release=release)  # noqa: E731
    ledger.append(environment, make, toy.bundle.path)


def clean(*words):
    return CliRunner().invoke(main, ["github", "clean-images", *words])


def test_old_ones_go_and_a_dry_run_only_says_so(package, ledger):
    old = package.push(sha("old"), 90, "abc-def")
    package.fill()
    done = clean()
    assert "1 of 11 would be deleted" in done.output
    assert old[:19] in done.output
    assert package.hub.changes() == []
    assert "1 of 11 deleted" in clean("--yes").output
    assert old not in package.digests
    assert len(package.versions) == 10


def test_whatever_any_entry_names_stays(package, ledger, toys):
    first, failed, staging = (package.push(sha(name), 200 + 9 * n, name) for n, name in enumerate("abc"))
    package.push(sha("gone"), 90, "gone")
    package.fill()
    deliver(ledger, toys["churn"], first)
    deliver(ledger, toys["crops"], failed, event=Event.FAILED)
    deliver(ledger, toys["churn"], staging, environment="staging")
    deliver(ledger, toys["crops"], sha("new1"))
    assert clean("--yes").exit_code == 0
    assert {first, failed, staging} <= set(package.digests)
    assert sha("gone") not in package.digests


def test_the_newest_ten_and_the_young_stay(package, ledger):
    for number in range(12):
        package.push(sha(f"v{number}"), 100 - number, f"v{number}")
    clean("--yes", "--keep-days", "95")
    assert len(package.versions) == 12 - 2
    package.push(sha("w"), 94, "w")
    clean("--yes", "--keep-days", "95")
    assert sha("w") in package.digests


def test_parts_and_attestations_stay_and_go_with_their_image(package, ledger, churn):
    kept, gone = package.push(sha("kept"), 90, "kept"), package.push(sha("gone"), 80, "gone")
    part, attested = package.push(sha("part"), 90, minutes=-5), package.push(sha("attested"), 90, minutes=20)
    late = package.push(sha("late"), 70, f"sha256-{kept.removeprefix('sha256:')}")
    waste, unknown = package.push(sha("waste"), 80, minutes=5), package.push(sha("unknown"), 60)
    package.fill()
    deliver(ledger, churn, kept)
    found = json.loads(clean("--yes", "--json").output)["versions"]
    assert {each["digest"] for each in found if each["outcome"] == "deleted"} == {gone, waste}
    assert {kept, part, attested, late, unknown} <= set(package.digests)
    assert {each["digest"]: each["kept"] for each in found}[late] == "the ledger names it"


def test_nothing_goes_without_a_ledger(package, root):
    package.push(sha("old"), 90, "old")
    package.fill()
    done = clean("--yes")
    assert done.exit_code == 1
    assert "no ledger" in done.output
    assert package.hub.asked == []


def test_nothing_goes_by_a_ledger_that_may_be_old(package, ledger, root, tmp_path):
    from ledgerbox import git

    package.push(sha("old"), 90, "old")
    package.fill()
    git(root, "clone", "--quiet", "--bare", str(root), str(tmp_path / "hub.git"))
    git(root, "remote", "add", "origin", str(tmp_path / "hub.git"))
    assert Ledger(root).offline is None
    (tmp_path / "hub.git").rename(tmp_path / "elsewhere.git")
    done = clean("--yes")
    assert done.exit_code == 1
    assert "may be out of date" in done.output
    assert package.hub.asked == []


def test_one_that_github_keeps_is_said_and_the_others_go(package, ledger):
    popular, old = package.push(sha("popular"), 99, "p"), package.push(sha("old"), 90, "old")
    package.popular.add(popular)
    package.fill()
    done = clean("--yes", "--json")
    outcomes = {each["digest"]: each["outcome"] for each in json.loads(done.output)["versions"] if not each["kept"]}
    assert outcomes[old] == "deleted"
    assert "5000 downloads" in outcomes[popular]


def test_a_right_that_is_missing_fails(package, ledger):
    package.push(sha("old"), 90, "old")
    package.fill()
    package.hub.answers[f"DELETE {package.below}/1"] = (403, {"message": "no"}, {})
    assert clean("--yes").exit_code == 1


def test_no_package_is_nothing_to_delete(package, ledger):
    done = clean("--yes")
    assert (done.exit_code, package.hub.changes()) == (0, [])
    assert "nothing to delete" in done.output
