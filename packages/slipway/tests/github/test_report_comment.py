"""The comment as the real command writes it, against a stand-in of GitHub; the artifact is a stranger's."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import msgspec
import pytest
import requests
import stub_github
from running import SLIPWAY
from stub_github import BOT, REPOSITORY

from slipway.figures import Figure
from slipway.gate.result import CheckResult, GateResult, MetricComparison, SliceComparison, Verdict
from slipway.github.jobs.context import Result
from slipway.github.pr_report.post_comment import MARKER
from slipway.github.pr_report.render import MOST, render_missing_report, render_report
from slipway.github.pr_report.schema import LARGEST, Change, Report, decode_report

HEAD, OTHER, BASE = "a" * 40, "b" * 40, "c" * 40
RUN = "https://github.example/acme/model/actions/runs/77"
GOOD = Report(head=HEAD, base=BASE, jobs={"tests": Result.SUCCESS, "gate": Result.SUCCESS})
BAD = Report(head=HEAD, base=BASE, jobs={"tests": Result.FAILURE})
UNREADABLE = f"{MARKER}\n{render_missing_report(HEAD, RUN, 'success')}"
EVIL = (
    "@ann [x](https://evil.example) <b>b</b> <!-- slipway:report --> https://evil.example www.evil.example #12 | `\n"
    "\n# head\n```\n</details><script>alert(1)</script>"
)


@pytest.fixture
def stub(stub):
    stub.add_pull(12, HEAD)
    return stub


@pytest.fixture
def artifact(tmp_path):
    folder = tmp_path / "artifact"
    folder.mkdir()
    write(folder, GOOD)
    return folder


def write(folder: Path, report) -> None:
    content = report if isinstance(report, bytes) else msgspec.json.encode(report)
    (folder / "report.json").write_bytes(content)


def event(tmp_path, *, listed=((12, 1),), **changed) -> Path:
    run = {
        "id": 77,
        "event": "pull_request",
        "head_sha": HEAD,
        "head_branch": "work",
        "head_repository": {"owner": {"login": "acme"}},
        "html_url": RUN,
        "conclusion": "success",
        "pull_requests": [{"number": number, "base": {"repo": {"id": repository}}} for number, repository in listed],
    }
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"workflow_run": run | changed, "repository": {"id": 1}}))
    return path


def comment(stub, artifact, event, token="workflow-token"):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
    own |= {"GITHUB_API_URL": stub.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": token}
    words = ("github", "comment", "--artifact", str(artifact), "--event", str(event), "--json")
    return subprocess.run([str(SLIPWAY), *words], env=own, capture_output=True, text=True)


def done(ran):
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def failed(ran, said):
    assert ran.returncode == 1 and said in ran.stderr and "Traceback" not in ran.stderr, ran.stderr


def refused(stub, ran, said):
    """The report was: the comment has GitHub's words about the run, and none of the report's."""
    failed(ran, said)
    assert [each["body"] for each in stub.comments] == [UNREADABLE]


def nothing_written(stub, ran, said):
    failed(ran, said)
    assert not stub.comments and not stub.changes()


def test_the_comment_is_created_then_updated_and_never_doubled(stub, artifact, tmp_path):
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "created"
    for number in range(120):
        # More than a page of others before and after it.
        stub.add_comment(12, "ann", f"talk {number}")
    write(artifact, BAD)
    told = done(comment(stub, artifact, event(tmp_path, conclusion="failure")))
    assert (told["did"], told["number"]) == ("updated", 12)
    (ours,) = [each for each in stub.comments if each["body"].startswith(MARKER)]
    assert ours["user"]["login"] == BOT and "CI failed: `tests`" in ours["body"] and f"({RUN})" in ours["body"]


def test_the_own_comment_is_found_behind_the_first_page(stub, artifact, tmp_path):
    for number in range(120):
        stub.add_comment(12, "ann", f"talk {number}")
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "created"
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "updated"


def test_a_strangers_comment_with_the_marker_is_left_alone(stub, artifact, tmp_path):
    theirs = [stub.add_comment(12, login, f"{MARKER}\n✅ all is well") for login in ("mallory", None, "other[bot]")]
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "created"
    assert all(each["body"] == f"{MARKER}\n✅ all is well" for each in theirs)
    assert len(stub.comments) == 4


def test_the_bots_other_comments_are_left_alone(stub, artifact, tmp_path):
    other = stub.add_comment(12, BOT, f"quoting {MARKER}")
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "created"
    assert other["body"] == f"quoting {MARKER}"


def test_a_token_of_a_person_finds_the_persons_comment(stub, artifact, tmp_path):
    assert done(comment(stub, artifact, event(tmp_path), "person-token"))["did"] == "created"
    assert done(comment(stub, artifact, event(tmp_path), "person-token"))["did"] == "updated"
    assert stub.comments[0]["user"]["login"] == "ann"


def test_a_forks_run_lists_no_pull_request_and_is_found_by_its_branch(stub, artifact, tmp_path):
    stub.pulls.clear()
    stub.add_pull(3, OTHER, "work", "zoe")
    stub.add_pull(4, HEAD, "feature/a&b=c", "zoe")
    fork = event(tmp_path, listed=(), head_branch="feature/a&b=c", head_repository={"owner": {"login": "zoe"}})
    assert done(comment(stub, artifact, fork))["number"] == 4


def test_the_number_of_a_pull_request_elsewhere_means_nothing_here(stub, artifact, tmp_path):
    stub.add_pull(5, OTHER)
    assert done(comment(stub, artifact, event(tmp_path, listed=((5, 99),))))["number"] == 12


def test_two_pull_requests_with_one_head_are_no_guess(stub, artifact, tmp_path):
    stub.add_pull(13, HEAD)
    nothing_written(stub, comment(stub, artifact, event(tmp_path, listed=((12, 1), (13, 1)))), "#12 and #13")


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"state": "closed"}, "#12 is closed"), ({"head": {"sha": OTHER, "label": "acme:work"}}, "newer commit")],
)
@pytest.mark.parametrize("listed", [((12, 1),), ()])
def test_a_pull_request_that_is_closed_or_went_on_is_left_alone(stub, artifact, tmp_path, changed, said, listed):
    stub.pulls[0] |= changed
    told = done(comment(stub, artifact, event(tmp_path, listed=listed)))
    assert told["did"] == "nothing" and not stub.changes()
    assert said in told["why"] or (not listed and "no open pull request" in told["why"])


def test_a_run_for_a_push_has_no_comment(stub, artifact, tmp_path):
    assert done(comment(stub, artifact, event(tmp_path, event="push")))["did"] == "nothing"


def test_ci_that_failed_is_never_called_good_whatever_its_report_says(stub, artifact, tmp_path):
    done(comment(stub, artifact, event(tmp_path, conclusion="failure")))
    assert "❌ CI ended with failure" in stub.comments[0]["body"]


NESTED = b'{"head": "%s", "base": "%s", "gate": {"x": %s}}' % (HEAD.encode(), BASE.encode(), b"[" * 400_000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" " * (LARGEST + 1), "expected at most"),
        (b"", "it is not what"),
        (b"[]", "it is not what"),
        (b"{}", "missing required field"),
        (msgspec.json.encode(GOOD).replace(b"success", b"s\xffccess"), "invalid UTF-8"),
        (msgspec.json.encode(GOOD).replace(b'"format":1', b'"format":2'), "format"),
        (msgspec.json.encode(GOOD).replace(b"success", b"great"), "great"),
        (msgspec.json.encode(GOOD)[:-1] + b',"number":7}', "number"),
        (msgspec.json.encode({"head": HEAD, "base": BASE, "notes": ["x" * 2001]}), "notes"),
        (msgspec.json.encode({"head": HEAD, "base": BASE, "notes": ["x"] * 21}), "notes"),
        (msgspec.json.encode({"head": HEAD, "base": BASE, "params": [{"name": "x"}] * 501}), "params"),
        (msgspec.json.encode({"head": HEAD, "base": f"{BASE}\n"}), "base"),
        (NESTED, "it is not what"),
        (msgspec.json.encode(msgspec.structs.replace(GOOD, head=OTHER)), "it speaks of commit"),
    ],
)
def test_what_ci_would_not_have_written_is_refused(stub, artifact, tmp_path, content, said):
    write(artifact, content)
    refused(stub, comment(stub, artifact, event(tmp_path)), said)


def test_an_artifact_is_one_regular_file(stub, artifact, tmp_path):
    (artifact / "more.md").write_text("x")
    refused(stub, comment(stub, artifact, event(tmp_path)), "found 'more.md', 'report.json'")
    (artifact / "more.md").unlink()
    secret = tmp_path / "secret.json"
    (artifact / "report.json").rename(secret)
    (artifact / "report.json").symlink_to(secret)
    refused(stub, comment(stub, artifact, event(tmp_path)), "not a regular file")
    (artifact / "report.json").unlink()
    os.mkfifo(artifact / "report.json")
    refused(stub, comment(stub, artifact, event(tmp_path)), "not a regular file")
    link = tmp_path / "link"
    link.symlink_to(artifact)
    refused(stub, comment(stub, link, event(tmp_path)), "expected the folder")


@pytest.mark.parametrize("conclusion", ["failure", "timed_out", "cancelled", "success"])
@pytest.mark.parametrize("there", [True, False])
def test_a_run_without_a_report_ends_what_an_earlier_one_said(stub, artifact, tmp_path, conclusion, there):
    assert done(comment(stub, artifact, event(tmp_path)))["did"] == "created"
    assert "No verdict" in stub.comments[0]["body"]
    empty = tmp_path / "empty"
    if there:
        empty.mkdir()
    told = done(comment(stub, empty, event(tmp_path, conclusion=conclusion)))
    assert (told["did"], told["number"]) == ("updated", 12)
    (ours,) = stub.comments
    page = Page(ours["body"])
    assert f"CI ended with `{conclusion}` and left no readable report." in ours["body"]
    assert f"`{HEAD[:12]}`" in ours["body"] and page.links == [RUN]
    assert "✅" not in ours["body"] and "No verdict" not in ours["body"]


@pytest.mark.parametrize("content", [None, b"{}"])
def test_an_older_run_without_a_readable_report_says_nothing_of_a_newer_commit(stub, artifact, tmp_path, content):
    done(comment(stub, artifact, event(tmp_path)))
    kept = stub.comments[0]["body"]
    if content:
        write(artifact, content)
    else:
        (artifact / "report.json").unlink()
    told = done(comment(stub, artifact, event(tmp_path, head_sha=OTHER, conclusion="failure")))
    assert told["did"] == "nothing" and "newer commit" in told["why"]
    assert stub.comments[0]["body"] == kept


def test_a_file_that_is_no_event_is_said(stub, artifact, tmp_path):
    path = tmp_path / "event.json"
    path.write_text('{"workflow_run": {}}')
    nothing_written(stub, comment(stub, artifact, path), "Expected the event workflow_run")


def test_a_wrong_token_is_said(stub, artifact, tmp_path):
    nothing_written(stub, comment(stub, artifact, event(tmp_path), "wrong"), "set GITHUB_TOKEN")


class Page(HTMLParser):
    """Links, tags and the text outside of code, as GitHub's own parser leaves them."""

    def __init__(self, markdown):
        super().__init__()
        self.links, self.tags, self.text, self.comments, self._code = [], [], "", [], 0
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, cmarkgfm.Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self._code += tag == "code"

    def handle_endtag(self, tag):
        self._code -= tag == "code"

    def handle_data(self, data):
        self.text += "" if self._code else data

    def handle_comment(self, data):
        self.comments.append(data)


def full_of(text: str, many: int = 3) -> Report:
    """A report with `text` wherever a text can stand."""
    name, figure = text[:200], Figure(value=1e300, low=-1e300, high=1e300)
    check = CheckResult(name=name, passed=False, observed=text, limit=text, why=text, advice=text)
    gate = GateResult(
        verdict=Verdict.REFUSE,
        sentence=text,
        candidate=name,
        production=name,
        ships=name,
        primary=name,
        confidence=0.95,
        metrics=(MetricComparison(metric=name, candidate=figure, production=figure, difference=figure),),
        slices=(SliceComparison(slice=name, label=name, rows=1, groups=1, difference=figure, p_value=0.5),) * many,
        checks=(check, msgspec.structs.replace(check, excepted=text)) * many,
        moved=(text,) * many,
    )
    changes = tuple(Change(name=f"{number}{name}"[:200], base=text, head=text) for number in range(many))
    jobs = {name: Result.FAILURE}
    notes = (text,) * min(many, 20)
    return Report(
        head=HEAD,
        base=BASE,
        jobs=jobs,
        gate=gate,
        rules=changes,
        data=changes,
        params=changes,
        metrics=changes,
        notes=notes,
    )


def test_nothing_that_a_pull_request_wrote_becomes_markup():
    page = Page(render_report(decode_report(msgspec.json.encode(full_of(EVIL))), run=RUN, conclusion="failure"))
    assert set(page.links) == {RUN} and not page.comments
    plain = {"h2", "p", "strong", "em", "ul", "li", "a", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(page.tags) <= plain | {"details", "summary"}
    assert page.tags.count("h2") == 1 and page.tags.count("details") == 3
    for sign in ("@ann", "https://", "www.evil", "#12"):
        assert sign not in page.text
    assert "alert(1)" in page.text, "it is still there to be read, as text"


@pytest.mark.parametrize(
    ("verdict", "low", "high", "said"),
    [
        (Verdict.KEEP, -0.015, -0.005, "⏸️ Slightly worse, within the margin: production keeps its model"),
        (Verdict.KEEP, -0.005, 0.005, "⏸️ No significant difference: production keeps its model"),
        (Verdict.PROMOTE, -0.005, 0.005, "🔁 No significant difference: the newer model ships"),
        (Verdict.PROMOTE, 0.005, 0.015, "✅ Significantly better"),
    ],
)
def test_the_headline_says_what_the_interval_says(verdict, low, high, said):
    gate = GateResult(
        verdict=verdict,
        sentence="",
        candidate="a",
        production="b",
        ships="a",
        primary="log_loss",
        confidence=0.95,
        relative=Figure(value=(low + high) / 2, low=low, high=high),
    )
    assert render_report(msgspec.structs.replace(GOOD, gate=gate)).startswith(f"## {said}")


def test_a_drawing_cannot_be_written_into():
    assert "mermaid" not in render_report(full_of('x"\n    bar [1]\n```\n<b>'))
    assert "mermaid" in render_report(full_of("log_loss"))


def test_an_endless_report_fits_into_a_comment_and_says_what_is_missing():
    text = render_report(full_of("x" * 1900, 20))
    assert len(text.encode()) <= MOST < 65_536
    assert text.startswith("## ⛔ Refused") and "lines left out" in text
    assert text.count("<details>") == text.count("</details>")
    assert "docs/pull-request.md" in text


def test_the_stand_in_runs_as_a_process_and_records_every_call(tmp_path):
    record = tmp_path / "calls.jsonl"
    words = [sys.executable, stub_github.__file__, "--port", "0", "--record", str(record)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            requests.post(f"{url}/_pulls", json={"number": 1, "sha": HEAD}, timeout=10).raise_for_status()
            ask = requests.Session()
            ask.headers["Authorization"] = "Bearer workflow-token"
            below = f"{url}/repos/{REPOSITORY}"
            deployment = ask.post(
                f"{below}/deployments", json={"ref": HEAD, "environment": "staging"}, timeout=10
            ).json()
            state = {"state": "success"}
            ask.post(f"{below}/deployments/{deployment['id']}/statuses", json=state, timeout=10).raise_for_status()
            ask.post(f"{below}/releases", json={"tag_name": "v1"}, timeout=10).raise_for_status()
            assert ask.post(f"{below}/releases", json={"tag_name": "v1"}, timeout=10).status_code == 422
            assert ask.get(f"{below}/pulls/1", timeout=10).json()["head"]["sha"] == HEAD
            assert ask.get(f"{url}/nowhere", timeout=10).status_code == 404
            assert requests.get(f"{below}/pulls/1", timeout=10).status_code == 401
            calls = requests.get(f"{url}/_calls", timeout=10).json()
        finally:
            process.terminate()
    assert calls == [json.loads(line) for line in record.read_text().splitlines()]
    assert [call["status"] for call in calls] == [201, 201, 201, 422, 200, 404, 401]
    assert calls[1]["body"] == state and calls[1]["token"] == "workflow-token" and calls[-1]["token"] is None
