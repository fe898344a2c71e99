"""A pull request from a fork, with names that would be commands in a careless script, run by a real runner."""

import json

import events
from world import TOKEN


def test_a_strangers_code_is_judged_without_secrets_and_his_names_stay_names(world):
    mark = world.folder / "injected"
    branch = f"$(touch${{IFS}}{mark});`touch${{IFS}}{mark}`"
    title = f'"; touch {mark}; echo "$(touch {mark}) ${{{{ github.token }}}}'
    # A file that the plan does not know, and that no model depends on: the gate finds the bundle that production runs.
    (world.work / "notes.txt").write_text("a remark\n")
    event = world.pull_request(owner=events.STRANGER, branch=branch, title=title, number=8)
    ci = world.ci(event)
    assert ci.passed, (ci.results, ci.log)
    assert {result for name, result in ci.results.items() if name != "machinery"} == {"success"}
    assert json.loads((ci.artifacts / "gate" / "gate.json").read_text())["verdict"] == "keep"
    assert not any(TOKEN in job.log for job in ci.jobs.values())
    assert world.github.calls == []

    report = world.report(event, ci)
    assert report.results == {"comment": "success"}
    (comment,) = world.github.comments
    assert (comment["issue"], comment["user"]["login"]) == (8, "github-actions[bot]")
    assert "Production's model ships with this code." in comment["body"]
    assert not mark.exists()
