"""A pull request, from the push to the comment, run by a real runner."""

from slipway.github.pr_report.post_comment import MARKER


def green(run) -> bool:
    return run.passed and set(run.results.values()) == {"success"}


def done(run) -> dict[str, str]:
    """Return the results of the jobs that ran."""
    return {name: result for name, result in run.results.items() if result not in ("skipped", "")}


def test_a_good_change_is_green_and_a_worse_one_is_red_in_one_and_the_same_comment(world):
    world.repro(trees=40)
    event = world.pull_request(title="More trees")
    ci = world.ci(event)
    assert ci.passed, (ci.results, ci.log)
    jobs = ("plan", "checks", "tests", "pipeline", "gate", "image", "verdict")
    assert done(ci) == dict.fromkeys(jobs, "success")
    assert "trees" in ci.jobs["verdict"].summary
    assert world.github.changes() == [], "ci itself writes nothing"

    assert green(world.report(event, ci))
    (comment,) = world.github.comments
    assert comment["body"].startswith(MARKER)
    assert comment["user"]["login"] == "github-actions[bot]"
    assert "trees" in comment["body"]
    first = comment["body"]

    world.repro(trees=1)
    event = world.pull_request(title="Fewer trees")
    assert event["action"] == "synchronize"
    ci = world.ci(event)
    assert not ci.passed
    assert {name for name, result in done(ci).items() if result != "success"} == {"gate", "verdict"}
    assert "gate: failure" in ci.said("verdict")

    assert green(world.report(event, ci))
    assert [each["id"] for each in world.github.comments] == [comment["id"]], "the same comment, written anew"
    assert comment["body"] != first
    assert "refuse" in comment["body"]
    assert world.ledger().read("production").number == 1, "a pull request deploys nothing"


def test_figures_that_were_edited_by_hand_are_red_and_say_what_to_do(world):
    path = world.work / "metrics.json"
    text = path.read_text()
    path.write_text(text.replace('"log_loss": 0.', '"log_loss": 0.0', 1))
    assert path.read_text() != text
    ci = world.ci(world.pull_request(title="A better figure"))
    assert not ci.passed
    assert {name: ci.results[name] for name in ("pipeline", "gate", "image", "verdict")} == {
        "pipeline": "failure",
        "gate": "skipped",
        "image": "skipped",
        "verdict": "failure",
    }
    assert "metrics.json: log_loss is" in ci.said("pipeline")
    assert "make repro" in ci.said("pipeline")
    assert "pipeline: failure" in ci.said("verdict")
