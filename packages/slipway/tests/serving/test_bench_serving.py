"""The comparison of services: a run that ends early loses no finished round, and a peer that fails is a row."""

import sys

import pytest
from places import PACKAGE

sys.path.append(str(PACKAGE))
from benchmarks.serving.__main__ import attempt, measure
from benchmarks.serving.contestants import BY_HAND, OURS, Server
from benchmarks.serving.kept import Cost, Failure, Setting, begin, resume
from benchmarks.serving.load import Latency
from benchmarks.serving.processes import BenchmarkError
from benchmarks.serving.questions import Questions
from benchmarks.serving.report import write
from benchmarks.serving.rounds import Loop, Plan, Round

SETTING = Setting("0" * 40, [("processor", "one")], 2, Plan(warm=1, loop=1, rate=4))
# Services that end at once, as one whose package is broken does.
OURS_HERE, PEER = (
    Server(
        name=name,
        title=f"the service {name}",
        command=lambda port, workers: [sys.executable, "-c", "import sys; sys.exit('no module | named peer')"],
        environment={},
        folder=PACKAGE,
    )
    for name in (OURS, BY_HAND)
)


def played(server, number, rate=1000.0):
    return Round(server.name, number, 0.2, Loop(rate, 90), Loop(rate / 10, 900), Latency(1.5), 0.01)


@pytest.fixture
def kept(tmp_path):
    return begin(tmp_path / "bench" / "rounds.jsonl", SETTING)


def test_what_was_measured_is_there_after_the_run_ended(kept):
    kept.add(Cost(OURS, 80, 30))
    kept.add(played(OURS_HERE, 0))
    again = resume(kept.path, SETTING)
    assert (again.costs, again.rounds) == ({OURS: (80, 30)}, {OURS: [played(OURS_HERE, 0)]})
    assert again.has_round(OURS, 0)
    assert not again.has_round(OURS, 1)


def test_a_line_that_was_not_written_to_its_end_is_measured_again(kept):
    kept.add(played(OURS_HERE, 0))
    with kept.path.open("ab") as file:
        file.write(b'{"type":"Round","server":"slip')
    again = resume(kept.path, SETTING)
    again.add(played(OURS_HERE, 1))
    assert [each.number for each in resume(kept.path, SETTING).rounds[OURS]] == [0, 1]


def test_figures_of_another_commit_or_plan_are_not_continued(kept, tmp_path):
    other = Setting("1" * 40, SETTING.machine, 2, SETTING.plan)
    with pytest.raises(BenchmarkError, match="measured at commit 000000000000, 2 rounds of 1 s, this is commit 1111"):
        resume(kept.path, other)
    with pytest.raises(BenchmarkError, match="Nothing to resume"):
        resume(tmp_path / "missing.jsonl", SETTING)


def test_without_resume_a_run_begins_again(kept):
    kept.add(played(OURS_HERE, 0))
    assert not begin(kept.path, SETTING).rounds
    assert not resume(kept.path, SETTING).rounds


def test_a_peer_that_fails_is_left_out_and_its_row_says_why(kept, tmp_path):
    for number in range(2):
        kept.add(played(OURS_HERE, number))
    kept.add(Cost(OURS, 80, 30))
    kept.add(Cost(BY_HAND, 60, 60))
    measure([OURS_HERE, PEER], kept, SETTING, Questions([{"a": 1}], [0.5]), tmp_path)
    assert [*kept.failures] == [BY_HAND]
    text = write([OURS_HERE, PEER], kept, SETTING.plan)
    (row,) = (line for line in text.splitlines() if line.startswith("| the service fastapi-onnx |"))
    assert "| 0 |" in row
    assert r"no module \| named peer" in row


def test_a_peer_that_failed_is_tried_again_with_resume(kept):
    kept.add(Failure(BY_HAND, "no module named peer"))
    assert not resume(kept.path, SETTING).failures


def test_a_failure_of_ours_ends_the_run(kept):
    def fail():
        raise BenchmarkError("wrong score")

    with pytest.raises(BenchmarkError, match="wrong score"):
        attempt(OURS_HERE, kept, fail)
    assert attempt(PEER, kept, fail) is None


def test_ratios_are_of_the_same_round(kept):
    """The peer's round 0 is missing."""
    for server, number, rate in ((OURS_HERE, 0, 1.0), (OURS_HERE, 1, 4000.0), (PEER, 1, 1000.0)):
        kept.add(played(server, number, rate))
    text = write([OURS_HERE, PEER], kept, SETTING.plan)
    (row,) = (
        line for line in text.splitlines() if line.startswith("| one row: requests/s over FastAPI + ONNX by hand")
    )
    assert "4.00 (4.00..4.00)" in row


def test_a_load_that_never_ends_is_a_failure(monkeypatch):
    from benchmarks.serving import load

    monkeypatch.setattr(load, "_PATIENCE_SECONDS", 0.2)
    with pytest.raises(BenchmarkError, match=r"sleep did not end within 0.2 s"):
        load._run("sleep", "5")
