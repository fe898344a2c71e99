"""`slipway monitor run` and `slipway feedback import` at the command line: what they print, and their exit codes."""

import json
import signal

import msgspec
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from monitorbox import make_project, make_traffic, write_log

from slipway.cli import main
from slipway.files.lock import hold_lock
from slipway.serving.log.report import read_report_file


@pytest.fixture(scope="module")
def made(toys):
    return make_traffic(toys["churn"])


@pytest.fixture
def root(churn, made, tmp_path, monkeypatch):
    monkeypatch.chdir(make_project(churn, tmp_path))
    write_log(tmp_path / "log", made.entries)
    return tmp_path


def call(*words):
    return CliRunner().invoke(main, [*words, "--log", "log"])


def write_memory(root, content):
    path = root / ".slipway" / "monitoring" / "production" / "alarms.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)


def test_a_run_without_an_alarm_prints_its_windows_and_exits_with_0(root):
    words = ("--textfile", "gauges.prom", "--page", "site/index.html")
    done = call("monitor", "run", "production", "--until", "2024-05-29", *words)
    assert done.exit_code == 0, done.output
    assert "Windows of 28 days" in done.output
    assert "1,120 predictions: 1,120 with an outcome" in done.output
    assert "No alarm." in done.output
    assert "monitoring/production-2024-05-29.json" in done.output
    assert (root / "monitoring" / "production-2024-05-29.json").is_file()
    page = (root / "monitoring" / "production-2024-05-29.html").read_text()
    assert "No alarm" in page
    assert (root / "site" / "index.html").read_text() == page
    assert 'slipway_monitor_alarms{environment="production"} 0.0' in (root / "gauges.prom").read_text()


def test_a_folder_that_does_not_exist_is_named_where_a_run_before_has_read_a_log(root):
    assert call("monitor", "run", "production", "--until", "2024-05-29").exit_code == 0
    done = CliRunner().invoke(main, ["monitor", "run", "production", "--log", "lgo"])
    assert done.exit_code == 2
    assert "Directory 'lgo' does not exist" in done.output


def test_the_service_of_the_environment_gets_the_report(root, made):
    log = root / ".slipway" / "environments" / "production" / "log"
    write_log(log, made.entries)
    with (root / "pyproject.toml").open("a") as file:
        file.write("[tool.slipway.environments.production]\nport = 1\n")
    words = ("monitor", "run", "production", "--until", "2024-05-29")
    assert call(*words).exit_code == 0
    assert read_report_file(log, "report.html") is None
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 0, done.output
    page = (root / "monitoring" / "production-2024-05-29.html").read_bytes()
    assert read_report_file(log, "report.html") == page
    gauges = read_report_file(log, "gauges.prom").decode()
    assert 'slipway_monitor_alarms{environment="production"} 0.0' in gauges
    past = CliRunner().invoke(main, [*words[:-1], "2024-05-22"])
    assert past.exit_code == 0, past.output
    assert "a newer run measured up to 2024-05-29, this one up to 2024-05-22." in past.output
    assert read_report_file(log, "report.html") == page
    (log / "monitoring" / "report.html").unlink()
    (log / "monitoring" / "report.html").mkdir()
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 0, done.output
    assert "The service of production does not show this report: [Errno" in done.output


ELSEWHERE = """
import shutil
from slipway.delivery.targets.base import Port, Target, TargetSettings
from slipway.delivery.targets.local.target import LocalTarget

class Settings(TargetSettings, frozen=True, kw_only=True):
    reached: bool

class Elsewhere(LocalTarget):
    settings_type = Settings

    def log_folders(self):
        return ()

    def copy_log(self, folder):
        if not self.settings.reached:
            return "the machine is switched off"
        shutil.copytree(self.root / "log", folder)
"""


def test_a_log_that_a_target_keeps_elsewhere_is_copied_for_the_run(root, monkeypatch):
    information = root / "installed" / "acme-1.0.dist-info"
    information.mkdir(parents=True)
    (root / "installed" / "acme.py").write_text(ELSEWHERE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[slipway.targets]\nelsewhere = acme:Elsewhere\n")
    monkeypatch.syspath_prepend(root / "installed")
    table = '[tool.slipway.environments.production]\ntarget = "elsewhere"\nreached = true\n'
    settings = (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(settings + table)
    words = ("monitor", "run", "production", "--until", "2024-05-29")
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 0, done.output
    assert "1,120 predictions: 1,120 with an outcome" in done.output
    assert not (root / ".slipway" / "monitoring" / "production" / "copied").exists()
    (root / "pyproject.toml").write_text(settings + table.replace("true", "false"))
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 2
    assert "The log of production cannot be read: the machine is switched off. Copy it to this machine" in done.output


def test_another_service_gets_the_report_on_request(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done = call("monitor", "run", "production", "--until", "2024-05-29", "--publish", "elsewhere")
    assert done.exit_code == 0, done.output
    page = (root / "monitoring" / "production-2024-05-29.html").read_bytes()
    assert read_report_file(tmp_path / "elsewhere", "report.html") == page
    done = call("monitor", "run", "production", "--until", "2024-05-29", "--publish", "elsewhrre")
    assert done.exit_code == 2
    assert "Directory 'elsewhrre' does not exist" in done.output


def test_a_run_is_logged_in_mlflow_on_request(root, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'runs.db'}")
    words = ("monitor", "run", "production", "--until", "2024-05-29")
    assert call(*words).exit_code == 0
    assert not (root / "runs.db").exists()
    done = call(*words, "--mlflow")
    assert done.exit_code == 0, done.output
    assert MlflowClient(f"sqlite:///{root / 'runs.db'}").get_experiment_by_name("churn-monitoring")


def test_an_alarm_is_shown_with_its_advice_and_exits_with_1(root, made):
    flipped = [
        msgspec.structs.replace(each, id=each.prediction_id, outcome=not each.outcome, supersedes=each.id)
        for each in made.feedback
    ]
    write_log(root / "log", flipped)
    done = call("monitor", "run", "production", "--until", "2024-05-29")
    assert done.exit_code == 1, done.output
    assert "slope is -" in done.output
    assert "Scores no longer go with outcomes." in done.output
    assert call("monitor", "run", "production", "--until", "2024-05-29", "--exit-zero").exit_code == 0


def test_a_run_that_cannot_measure_exits_with_2(root):
    (root / "monitor.yaml").write_text("rules: {skill: {of: [9, 3]}}")
    done = call("monitor", "run", "production")
    assert done.exit_code == 2
    assert "monitor.yaml: rules.skill: of: expected k of n windows" in done.output


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        # The program's own mistake: the times are compared with others that have a zone.
        (lambda root: write_memory(root, '{"at": "2024-05-01T00:00:00"}'), "The monitor failed: can't compare"),
        (lambda root: write_memory(root, "{"), "Malformed JSON in alarms.json"),
        (lambda root: (root / "params.yaml").unlink(), "There is no params.yaml"),
        (lambda root: (root / "monitoring").write_text(""), "Directory 'monitoring' is a file"),
    ],
)
def test_whatever_ends_a_run_early_exits_with_2(root, damage, said):
    damage(root)
    done = call("monitor", "run", "production", "--until", "2024-05-29")
    assert done.exit_code == 2
    assert said in done.output


def test_a_rule_that_nothing_can_break_is_named(root):
    # Inputs are measured in windows of days alone.
    rules = "drift: {window: 50 outcomes}, mine: {watch: skil, below: 0}, skill: {of: [1, 1]}, bias: {enabled: false}"
    (root / "monitor.yaml").write_text(f"rules: {{{rules}}}")
    done = call("monitor", "run", "production", "--until", "2024-05-29")
    assert "Rule drift watches nothing: windows of 50 outcomes have no drift:*, relation:*." in done.output
    assert "Rule mine watches nothing: windows of 28 days have no skil." in done.output
    assert done.output.count("watches nothing") == 2


def test_an_interrupted_run_exits_with_2(root):
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with hold_lock(root / ".slipway" / "monitoring" / "production" / "lock"):
            # While the run waits for the lock.
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            done = call("monitor", "run", "production")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert done.exit_code == 2
    assert "Interrupted. The next run continues where this one stopped." in done.output


def test_json_is_the_result_that_was_written(root):
    done = CliRunner().invoke(main, ["monitor", "run", "production", "--log", "log", "--until", "2024-05-29", "--json"])
    printed = json.loads(done.stdout)
    written = json.loads((root / "monitoring" / "production-2024-05-29.json").read_text())
    assert printed["counts"] == written["counts"]
    assert [window["end"] for window in printed["windows"]] == [window["end"] for window in written["windows"]]


def test_outcomes_of_a_file_are_imported_before_the_run(root, made):
    (root / "log").rename(root / "before")
    write_log(root / "log", made.predictions)
    frame = pd.DataFrame({"prediction_id": [each.id for each in made.predictions], "outcome": made.outcomes})
    frame.to_csv(root / "outcomes.csv", index=False)
    done = call("monitor", "run", "production", "--outcomes", "outcomes.csv")
    assert "1,120 predictions: 1,120 with an outcome" in done.output, done.output
    again = call("feedback", "import", "outcomes.csv")
    assert "1,120 repeated" in again.output
