"""What a reviewer sees: the report and the screen of the real command."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from projectbox import make_project, with_production
from running import SLIPWAY

from slipway.bundle.verify import read_sealed
from slipway.figures import Figure
from slipway.gate.report import render_gate_report
from slipway.gate.result import CheckResult, GateResult, MetricComparison, SliceComparison, Verdict
from slipway.ledger import Ledger
from slipway.monitoring.shadow_evidence import read_shadow_evidence
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Feedback, Prediction, Shadow

FOUND = GateResult(
    verdict=Verdict.REFUSE,
    sentence="Refuse: not_worse failed.",
    candidate="a" * 64,
    production="b" * 64,
    ships=None,
    primary="log_loss",
    confidence=0.95,
    rows=1000,
    groups=20,
    relative=Figure(value=-0.05, low=-0.07, high=-0.03),
    metrics=(
        MetricComparison(
            metric="log_loss",
            candidate=Figure(value=0.6, low=0.5, high=0.7),
            production=Figure(value=0.5, low=0.4, high=0.6),
            difference=Figure(value=-0.1, low=-0.2, high=-0.05),
        ),
    ),
    slices=(
        SliceComparison(
            slice="town",
            label="<b>|x",
            rows=500,
            groups=9,
            difference=Figure(value=-0.3, low=-0.4, high=-0.2),
            p_value=0.001,
        ),
    ),
    checks=(
        CheckResult(
            name="not_worse", passed=False, observed="5% higher", limit="2%", why="it matters", advice="do this"
        ),
        CheckResult(name="latency_and_size", passed=True, observed="1 ms", limit="5 ms", why="speed"),
    ),
    moved=("gate.yaml margin: 0.02 -> 0.9 (judged by 0.02)",),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    return with_production(make_project(folder / "project"), folder / "production")


def slipway(project, *words):
    own = os.environ | {"PYTHONPATH": str(project.root / "src"), "COLUMNS": "200"}
    return subprocess.run([str(SLIPWAY), *words], cwd=project.root, env=own, capture_output=True, text=True)


def test_the_verdict_stands_first_then_what_was_moved_then_what_failed():
    text = render_gate_report(FOUND)
    parts = ("refuse", "Know first", "Failed checks", "| metric |", "**Slices**", "<details>")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "judged by 0.02" in text and "do this" in text


def test_names_from_a_pull_request_are_no_markup():
    assert "<b>" not in render_gate_report(FOUND)
    row = next(line for line in render_gate_report(FOUND).splitlines() if "town" in line)
    assert row.replace("\\|", "").count("|") == 6


def test_the_chart_has_a_bar_for_each_mark():
    lines = render_gate_report(FOUND).split("```mermaid\n")[1].split("```")[0].splitlines()
    words = ("x-axis", "bar")
    marks, bars = (json.loads(next(line for line in lines if word in line).split(word)[1]) for word in words)
    assert len(marks) == len(set(marks)) == len(bars) == 6


def write_shadowed_log(project, folder):
    """Write four days of production's log, whose rows the candidate scored as a shadow, better than production."""
    served, candidate = (Ledger(project.root).read("production").serving.bundle, read_sealed(project.bundle).digest)
    folder.mkdir()
    lines = []
    for row in range(160):
        # Within the week that the gate reads requests of.
        when = datetime.now(UTC) - timedelta(days=row % 4)
        name, outcome = format_identifier((0x7 << 76) + (2 << 62) + row), row % 3 == 0
        lines.append(Prediction(name, when, served, 80, 0.5, True))
        lines.append(Shadow(name, when, candidate, [0.6 if outcome else 0.3], [outcome]))
        lines.append(Feedback(format_identifier((0x7 << 76) + (2 << 62) + 5000 + row), when, name, outcome))
    (folder / "1.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return folder


def test_the_command_writes_what_it_found_with_the_evidence_of_a_shadow_and_exits_0(project, tmp_path):
    log = write_shadowed_log(project, tmp_path / "log")
    words = ("--report", "gate.md", "--out", "gate.json", "--evidence", "shadow", "--log", str(log))
    done = slipway(project, "gate", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    written = msgspec.json.decode((project.root / "gate.json").read_bytes(), type=GateResult)
    assert written.verdict is Verdict.KEEP, "a shadow decides nothing"
    assert written.sentence.split()[0] in done.stdout
    assert (project.root / "gate.md").read_text() == render_gate_report(written)
    assert (written.shadow.rows, written.shadow.groups) == (160, 4)
    assert written.shadow.relative.low > 0
    shown = "saw 160 of 160 rows"
    assert shown in " ".join(done.stdout.split())
    assert shown in render_gate_report(written)
    unseen = f"With {written.rows} held-out rows in {written.groups} groups a loss under "
    assert unseen in " ".join(done.stdout.split())
    assert unseen in render_gate_report(written)
    assert written.smallest_seen > 0.02


def test_a_candidate_that_shadowed_nothing_gets_a_sentence_that_says_how(project, tmp_path):
    log = write_shadowed_log(project, tmp_path / "log")
    found = read_shadow_evidence(project.root, "0" * 64, [log])
    assert found.note.startswith("The log of production has no score of 000000000000. `slipway shadow production")
    assert found.metrics == ()


def test_a_refusal_exits_1_and_says_what_to_do(project):
    rules = (project.root / "gate.yaml").read_text()
    try:
        project.change_rules(megabytes=0.0001)
        done = slipway(project, "gate")
        assert done.returncode == 1
        assert "failed: latency_and_size" in done.stdout and "to do" in done.stdout
        assert json.loads(slipway(project, "gate", "--json").stdout)["verdict"] == "refuse"
    finally:
        (project.root / "gate.yaml").write_text(rules)


def test_suggested_limits_are_written_and_the_candidate_passes_them(project):
    rules = (project.root / "gate.yaml").read_text()
    words = ("gate", "suggest", "--retrains", "3")
    try:
        shown = slipway(project, *words)
        assert shown.returncode == 0, shown.stderr
        assert "slipway gate suggest --write" in shown.stdout
        assert (project.root / "gate.yaml").read_text() == rules
        done = slipway(project, *words, "--write", "--json")
        found = json.loads(done.stdout)
        assert {each["name"] for each in found["proposals"]} >= {"margin", "calibration", "milliseconds"}
        assert (project.root / "gate.yaml").read_text().count("# suggested: ") == len(found["proposals"])
        judged = slipway(project, "gate")
        assert judged.returncode == 0, judged.stdout
    finally:
        (project.root / "gate.yaml").write_text(rules)


def test_its_power_is_told_for_the_present_holdout(project):
    done = slipway(project, "gate", "--power", "--retrains", "3", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
