"""Held-back rows reach a real service in their order, their outcomes when they were known, and none of them twice."""

import shutil
from collections import Counter
from datetime import date, timedelta

import msgspec
import pandas as pd
import pytest
from churn.dataset import make
from churn.problem import PROBLEM
from click.testing import CliRunner
from running import serving

from slipway.cli import main
from slipway.errors import DataError, DeliveryError
from slipway.monitoring.replay.faults import parse_fault
from slipway.monitoring.replay.run import ReplayPlan, run_replay
from slipway.serving.log import Feedback
from slipway.serving.log.join import join_outcomes
from slipway.serving.log.reader import read_log

FIRST, LAST = date(2024, 1, 10), date(2024, 1, 16)


@pytest.fixture(scope="module")
def service(toys, tmp_path_factory):
    with serving(toys["churn"].bundle.path, tmp_path_factory.mktemp("log")) as found:
        yield found


@pytest.fixture
def entries(service):
    """Read what this test adds to the log."""
    before = {entry.id for entry in read_log(service.log)}
    return lambda: [entry for entry in read_log(service.log) if entry.id not in before]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data" / "rows").mkdir(parents=True)
    make(600, seed=5).to_parquet(tmp_path / "data" / "rows" / "rows.parquet", index=False)
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\nproblem = "churn"\n')
    return tmp_path


def rows_of_period(root):
    frame = PROBLEM.load(root / "data")
    return frame[frame["time"].between(pd.Timestamp(FIRST), pd.Timestamp(LAST))]


def replay(root, service, *faults, problem=PROBLEM, report=lambda _: None, **plan):
    given = ReplayPlan(begin=FIRST, end=LAST, faults=tuple(map(parse_fault, faults)), **plan)
    return run_replay(problem, root, given, service.url, None, lambda _: report)


@pytest.mark.parametrize("batch", [1, 40])
def test_every_row_is_predicted_and_gets_its_own_outcome(root, service, entries, batch):
    found = replay(root, service, batch=batch)
    expected = rows_of_period(root)
    assert (found.rows, found.outcomes, found.waiting) == (len(expected), len(expected), 0)
    joined = join_outcomes(entries()).joined
    sent = Counter((each.prediction.inputs["months"], each.outcome) for each in joined)
    assert sent == Counter(zip(expected["months"].tolist(), expected["target"].tolist(), strict=True))


def test_an_outcome_comes_when_it_was_known_and_rows_before_it(root, service, entries):
    replay(root, service, delay=timedelta(hours=36))
    logged = entries()
    days = [entry.observed_at.date() if isinstance(entry, Feedback) else None for entry in logged]
    # The outcomes of the 10th are known on the 11th at noon: after the rows of that day, before those of the next.
    per_day = rows_of_period(root)["time"].value_counts().sort_index().tolist()
    assert not any(days[: per_day[0] + per_day[1]])
    after = days[per_day[0] + per_day[1] :][: per_day[0]]
    assert set(after) == {date(2024, 1, 11)}
    assert days[-1] == LAST + timedelta(days=1)
    assert {entry.source for entry in logged if isinstance(entry, Feedback)} == {"slipway replay"}


def test_refused_rows_are_counted_with_the_reason_and_the_others_go_on(root, service, entries):
    found = replay(root, service, "outside:months:0.4", "rename:plan@2024-01-15..", batch=25)
    predicted = sum(found.predicted.values())
    assert predicted == len([entry for entry in entries() if not isinstance(entry, Feedback)]) == found.outcomes
    assert predicted + sum(found.refused.values()) == found.rows
    assert any(reason.startswith("months: expected ") for reason in found.refused)
    assert any(reason.startswith("plan: expected ") and reason.endswith("found nothing") for reason in found.refused)


def test_lost_outcomes_never_come(root, service):
    found = replay(root, service, "labels:lost:0.5", batch=50)
    assert found.outcomes + found.waiting == found.rows
    assert found.waiting == pytest.approx(found.rows / 2, abs=20)


@pytest.mark.parametrize("torn", [False, True])
def test_after_an_interruption_the_same_replay_continues(root, service, entries, torn):
    def interrupt(done):
        if done >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(root, service, report=interrupt, delay=timedelta(hours=12))
    (journal,) = (root / ".slipway" / "replay").glob("*.jsonl")
    if torn:
        with journal.open("ab") as file:
            file.write(b'{"sent":{"ids":["01')
    found = replay(root, service, batch=20, delay=timedelta(hours=12))
    assert found.continued == 30
    assert not journal.exists()
    outcomes = join_outcomes(entries())
    assert len(outcomes.joined) == found.rows == found.outcomes
    assert (outcomes.repeated, len(outcomes.waiting)) == (0, 0)


def test_another_replay_does_not_continue_the_interrupted_one(root, service):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(root, service, report=interrupt)
    assert replay(root, service, seed=2, batch=50).continued == 0


def test_a_damaged_line_of_an_interrupted_replay_is_named(root, service):
    def interrupt(done):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(root, service, report=interrupt)
    (journal,) = (root / ".slipway" / "replay").glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], b"{half of a li\n", *lines[3:]]))
    with pytest.raises(DataError, match=f"{journal.name}, line 3: .* Remove .*{journal.name}: the replay then begins"):
        replay(root, service)


def test_time_goes_as_fast_as_it_is_told(root, service):
    # Six days between the first row and the last, and half a day to the last outcome.
    found = replay(root, service, speed=6.5 * 86_400, delay=timedelta(hours=12), batch=50)
    assert found.seconds >= 1.0


def test_newer_rows_come_into_a_copy_and_outcomes_when_the_problem_says(root, service, entries):
    asked = []
    whole = PROBLEM.load(root / "data")
    whole[whole["time"] < pd.Timestamp(FIRST)].to_parquet(root / "data" / "rows" / "rows.parquet", index=False)
    kept = (root / "data" / "rows" / "rows.parquet").read_bytes()

    def refresh(data_dir, until):
        asked.append(until)
        whole.to_parquet(data_dir / "rows" / "rows.parquet", index=False)

    def settled(data_dir):
        frame = PROBLEM.load(data_dir)
        return pd.Series((frame["time"] + pd.Timedelta(days=40)).to_numpy(), index=frame["key"].to_numpy())

    problem = msgspec.structs.replace(PROBLEM, refresh=refresh, settled=settled)
    for _ in range(2):
        found = replay(root, service, problem=problem, batch=50)
    assert found.rows == len(whole[whole["time"].between(pd.Timestamp(FIRST), pd.Timestamp(LAST))])
    assert (root / "data" / "rows" / "rows.parquet").read_bytes() == kept
    assert len(asked) == 1, "the second replay uses the copy of the first"
    assert asked[0] > LAST
    observed = {entry.observed_at.date() for entry in entries() if isinstance(entry, Feedback)}
    assert min(observed) == FIRST + timedelta(days=40)


def test_a_period_without_rows_is_refused_with_the_days_that_there_are(root, service):
    shutil.rmtree(root / ".slipway", ignore_errors=True)
    plan = ReplayPlan(begin=date(2025, 1, 1), end=date(2025, 1, 2))
    with pytest.raises(DataError, match=r"its days are 2024-01-01 to 2024-02-29.*no hook refresh"):
        run_replay(PROBLEM, root, plan, service.url, None, lambda _: lambda _: None)


def test_the_command_says_what_became_of_the_rows(root, service, monkeypatch):
    monkeypatch.chdir(root)
    words = ["replay", "--url", service.url, "--from", str(FIRST), "--to", str(LAST), "--batch", "100"]
    said = CliRunner().invoke(main, [*words, "--fault", "outside:months:0.2", "--sample", "0.5"])
    assert said.exit_code == 0, said.output
    assert f"rows of {FIRST} to {LAST}" in said.output
    assert "injected: outside:months:0.2" in said.output
    assert "refused:" in said.output
    listed = CliRunner().invoke(main, ["replay", "--list-faults"])
    assert "missing:COLUMN:SHARE" in listed.output
    assert CliRunner().invoke(main, [*words, "production"]).exit_code == 2


def test_an_address_where_nothing_listens_is_named_with_what_to_type(root, monkeypatch):
    monkeypatch.setattr("slipway.monitoring.replay.sender._PATIENCE_SECONDS", 0.0)
    with pytest.raises(DeliveryError) as error:
        run_replay(
            PROBLEM, root, ReplayPlan(begin=FIRST, end=LAST), "http://127.0.0.1:1", None, lambda _: lambda _: None
        )
    assert "HTTPConnectionPool" not in str(error.value)
    assert str(error.value).startswith(
        "Cannot connect to http://127.0.0.1:1/predict within 0 seconds (ConnectionError)"
    )
