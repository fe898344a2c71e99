"""One issue for each alarm: opened once, updated in place, closed on recovery, and left to the person who closed it."""

from datetime import timedelta

import pytest
from alarmbox import NOW, RECOVERED, SKILL, result
from click.testing import CliRunner
from msgspec.structs import replace

from slipway.cli import main
from slipway.errors import GitHubError
from slipway.figures import Figure
from slipway.github.alarms.issues import list_issues, write_issues
from slipway.github.alarms.monitor_run import find_run_alarm, list_alarms
from slipway.monitoring.alarms.alarm import Action, AlarmState
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import result_path, write_result


def write(client, *alarms, run=None):
    return [each.did for each in write_issues(client, alarms, list_issues(client), run)]


def test_an_alarm_gets_one_issue_that_later_runs_update(stub, client):
    assert write(client, SKILL, run="https://x/runs/1") == ["opened"]
    (issue,) = stub.issues
    assert issue["title"] == "production: skill broke the rule effectiveness"
    assert issue["labels"] == [{"name": "monitor"}]
    for said in (SKILL.sentence, "`0.050 [0.030, 0.070]`", "Look at the slices first.", "3 of 4", "https://x/runs/1"):
        assert said in issue["body"]
    assert write(client, replace(SKILL, windows=(4, 4)), run="https://x/runs/2") == ["updated"]
    assert stub.issues == [issue], "the same one"
    assert "4 of 4" in issue["body"]
    before = stub.changes()
    assert write(client, replace(SKILL, windows=(4, 4)), run="https://x/runs/2") == ["unchanged"]
    assert stub.changes() == before, "the same run again sends nothing"


def test_recovery_closes_it_with_the_figures_and_the_next_alarm_gets_a_new_one(stub, client):
    write(client, SKILL)
    assert write(client, RECOVERED) == ["closed"]
    (issue,) = stub.issues
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "The skill is 0.12 again." in issue["body"] and "`0.120`" in issue["body"]
    assert write(client, RECOVERED) == ["nothing"]
    assert write(client, SKILL) == ["opened"]
    assert [each["state"] for each in stub.issues] == ["closed", "open"]


def test_one_that_a_person_closed_stays_closed_until_the_alarm_has_recovered_once(stub, client):
    write(client, SKILL)
    stub.issues[0]["state"] = "closed"
    before = stub.changes()
    assert write(client, SKILL) == ["left closed"]
    assert stub.changes() == before
    assert write(client, RECOVERED) == ["left closed"]
    assert write(client, SKILL) == ["opened"]
    assert len(stub.issues) == 2


def test_one_that_a_person_opened_again_is_updated_and_not_doubled(stub, client):
    write(client, SKILL)
    write(client, RECOVERED)
    stub.issues[0]["state"] = "open"
    assert write(client, RECOVERED) == ["nothing"], "the person wants it open"
    assert write(client, SKILL) == ["updated"]
    assert len(stub.issues) == 1


def test_an_issue_is_found_on_any_page_and_whatever_others_write(stub, client):
    write(client, SKILL)
    (ours,) = stub.issues
    for number in range(250):
        stub.add_issue("ann", f"Question {number}", ours["body"], ["monitor"])
    stub.issues.append(stub.issues.pop(0))
    assert write(client, replace(SKILL, windows=(4, 4))) == ["updated"]
    assert len(stub.issues) == 251


def test_of_two_that_two_runs_opened_at_once_the_older_one_stays(stub, client):
    known = list_issues(client)
    write_issues(client, [SKILL], known)
    write_issues(client, [SKILL], known)
    assert write(client, SKILL) == ["unchanged"]
    assert [each["state"] for each in stub.issues] == ["open", "closed"]
    assert f"Duplicate of #{stub.issues[0]['number']}" in stub.issues[1]["body"]
    write(client, RECOVERED)
    assert {each["state"] for each in stub.issues} == {"closed"}


def test_an_alarm_that_starts_nothing_opens_no_issue(stub, client):
    assert write(client, replace(SKILL, action=Action.NONE)) == ["nothing"]
    assert stub.issues == []


def test_names_of_the_data_are_text_and_cannot_end_the_marker(stub, client):
    name = "unseen:carrier=--> @everyone [x](https://evil.example)"
    evil = replace(SKILL, measurement=name, sentence=f"{name} is new.")
    write(client, evil)
    (issue,) = stub.issues
    marker, _, text = issue["body"].partition("\n")
    assert marker.endswith("firing -->") and marker.count("-->") == 1
    assert "@everyone" not in text.replace(f"`{name}`", "")
    assert "https://evil" not in text.replace(f"`{name}`", "")
    assert write(client, evil) == ["unchanged"]


def test_what_a_refused_request_left_undone_is_done_by_the_next_run(stub, client):
    other = replace(SKILL, measurement="slope")
    stub.refuse("POST", "/issues", after=1, status=502)
    with pytest.raises(GitHubError, match="502"):
        write(client, SKILL, other)
    assert len(stub.issues) == 1
    assert write(client, SKILL, other) == ["unchanged", "opened"]
    assert len(stub.issues) == 2


def test_a_token_without_the_right_is_told_which_one_it_needs(hub, github):
    hub.answers["GET /user"] = {"login": "ann"}
    hub.answers["GET /repos/acme/model/issues"] = []
    hub.answers["GET /repos/acme/model/labels/monitor"] = {"name": "monitor"}
    hub.answers["POST /repos/acme/model/issues"] = (
        403,
        {"message": "Resource not accessible by integration"},
        {"X-Accepted-GitHub-Permissions": "issues=write"},
    )
    with pytest.raises(GitHubError, match="issues: write"):
        write_issues(github, [SKILL], list_issues(github))


def test_an_alarm_that_a_fresh_runner_no_longer_knows_has_recovered_if_its_figure_was_measured(client):
    write(client, SKILL, replace(SKILL, measurement="slope"), replace(SKILL, environment="staging"))
    skill = Measurement(name="skill", figure=Figure(value=0.12), rows=5000)
    slope = Measurement(name="slope", note="too few outcomes")
    (alarm,) = list_alarms(result(measurements=[skill, slope]), list_issues(client))
    assert (alarm.fingerprint, alarm.state) == (SKILL.fingerprint, AlarmState.RECOVERED)
    assert alarm.observed == skill.figure
    assert write(client, alarm) == ["closed"]


@pytest.mark.parametrize(
    ("ran", "days", "fires"), [(True, 1, False), (True, 3, True), (False, 1, True), (True, None, False)]
)
def test_a_run_that_failed_and_the_first_one_after_a_gap_are_an_alarm(stub, client, ran, days, fires):
    if days:
        moment = f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
        stub.runs.append({"path": ".github/workflows/monitor.yml", "status": "completed", "created_at": moment})
        stub.runs[-1]["conclusion"] = "success"
    alarm = find_run_alarm(client, "production", ran, NOW)
    assert (alarm.state is AlarmState.FIRING) == fires
    assert write(client, alarm) == (["opened"] if fires else ["nothing"])


def test_the_command_says_what_it_did_with_each_alarm(stub, monkeypatch, tmp_path):
    found = result(SKILL)
    write_result(result_path(tmp_path, found), found)
    for name, value in {"API_URL": stub.url, "REPOSITORY": stub.repository, "TOKEN": "workflow-token"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    done = CliRunner().invoke(main, ["ci", "alarms", "production", "--results", str(tmp_path)])
    (issue,) = stub.issues
    assert done.exit_code == 0, done.output
    assert done.output == f"- `production/effectiveness/skill`: opened, {issue['html_url']}\n"
    done = CliRunner().invoke(main, ["ci", "alarms", "production", "--results", str(tmp_path / "none")])
    assert "`production/monitor-run/monitor`: opened" in done.output
    assert [each["state"] for each in stub.issues] == ["open", "open"]
