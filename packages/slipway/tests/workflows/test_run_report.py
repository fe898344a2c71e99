"""What a stranger hands to the workflow that may write comments, run by a real runner."""

import json
import re

import cmarkgfm
import events
import pytest

RUN = 41


@pytest.fixture
def pull(world):
    """A fork's pull request."""
    (world.work / "README.md").open("a").write("\nA remark.\n")
    return world.pull_request(owner=events.STRANGER, branch="remark", number=9)


def hand_over(world, pull, content: bytes, name: str = "report.json"):
    """Let report.yml find an artifact that the run of the pull request has left."""
    folder = world.folder / "artifacts" / str(RUN) / "report"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return world.run("report.yml", "workflow_run", events.workflow_run(pull, RUN, "success"))


def report(pull, **changed) -> bytes:
    head, base = pull["pull_request"]["head"]["sha"], pull["pull_request"]["base"]["sha"]
    return json.dumps({"format": 1, "head": head, "base": base, "jobs": {"tests": "success"}, **changed}).encode()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"notes": ["x" * 2000] * 600}, "expected at most"),
        ({"head": "0" * 40}, "speaks of commit"),
        ({"number": 1}, "number"),
    ],
    ids=["too large", "of another commit", "with a number of its own"],
)
def test_a_report_that_ci_would_not_have_written_is_refused(world, pull, changed, why):
    run = hand_over(world, pull, report(pull, **changed))
    assert run.results == {"comment": "failure"}
    assert why in run.said("comment")
    (comment,) = world.github.comments
    assert "left no readable report" in comment["body"]
    assert not any(text in comment["body"] for text in ("xxx", "0" * 12)), "nothing of it is shown"


def test_a_run_that_left_no_report_ends_what_the_one_before_it_said(world, pull):
    assert hand_over(world, pull, report(pull)).results == {"comment": "success"}
    (comment,) = world.github.comments
    before = comment["body"]
    (world.work / "README.md").open("a").write("\nAnother remark.\n")
    newer = world.pull_request(owner=events.STRANGER, branch="remark", number=9)
    run = world.run("report.yml", "workflow_run", events.workflow_run(newer, RUN + 1, "timed_out"))
    assert run.results == {"comment": "success"}
    assert [each["id"] for each in world.github.comments] == [comment["id"]], "in the same comment"
    assert comment["body"] != before
    assert "CI ended with" in comment["body"] and newer["pull_request"]["head"]["sha"][:12] in comment["body"]
    late = world.run("report.yml", "workflow_run", events.workflow_run(pull, RUN, "success"))
    assert late.results == {"comment": "success"}
    assert newer["pull_request"]["head"]["sha"][:12] in comment["body"], "an older run comes too late"


def test_a_second_file_is_refused_and_does_not_become_code(world, pull):
    mark = world.folder / "executed"
    hidden = f"import pathlib; pathlib.Path({str(mark)!r}).touch()"
    folder = world.folder / "artifacts" / str(RUN) / "report"
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(hidden)
    run = hand_over(world, pull, report(pull))
    assert run.results == {"comment": "failure"}
    assert "sitecustomize.py" in run.said("comment")
    assert not mark.exists()
    (comment,) = world.github.comments
    assert "left no readable report" in comment["body"]


def test_markup_in_a_report_is_text_in_the_comment(world, pull):
    evil = "[free](https://evil.example) <img src=x> @everyone ![](https://evil.example/x.png)"
    run = hand_over(world, pull, report(pull, params=[{"name": evil, "base": evil, "head": evil}], notes=[evil]))
    assert run.results == {"comment": "success"}
    (comment,) = world.github.comments
    assert comment["issue"] == 9
    html = cmarkgfm.github_flavored_markdown_to_html(comment["body"], cmarkgfm.Options.CMARK_OPT_UNSAFE)
    assert "<img" not in html
    assert "evil.example</a>" not in html
    assert 'href="https://evil' not in html
    # In code GitHub tells nobody.
    assert "@everyone" not in re.sub("<code>.*?</code>", "", html)
