"""The commands beside the service: the log as people and programs read it, keys, health."""

import json
import subprocess

import pytest
from running import SLIPWAY, environment
from toybox import rows_of


def slipway(*arguments, **variables):
    return subprocess.run(
        [str(SLIPWAY), *map(str, arguments)], env=environment(**variables), capture_output=True, text=True, timeout=30
    )


@pytest.fixture(scope="module")
def talked_to(services, toys):
    """The churn service after a question and its outcome."""
    service = services["churn"]
    answer = service.ask.post("/predict", json=rows_of(toys["churn"], 1)[0]).json()
    service.ask.post("/feedback", json={"prediction_id": answer["prediction_id"], "outcome": True, "source": "crm"})
    return service, answer


def test_question_and_outcome_are_seen_in_the_log(talked_to):
    service, answer = talked_to
    done = slipway("log", "--folder", service.log)
    assert done.returncode == 0, done.stderr
    prediction, feedback = [line for line in done.stdout.splitlines() if answer["prediction_id"] in line]
    assert f"{answer['score']:.4f} -> {json.dumps(answer['label'])}" in prediction
    assert '"plan":' in prediction
    assert "outcome true (from crm)" in feedback


def test_programs_read_one_object_a_line(talked_to):
    service, answer = talked_to
    lines = [json.loads(line) for line in slipway("log", "--all", "--json", log=service.log).stdout.splitlines()]
    found = {line["id"]: line for line in lines if line["kind"] == "prediction"}
    assert found[answer["prediction_id"]]["score"] == answer["score"]
    assert len(slipway("log", "--last", 1, "--json", log=service.log).stdout.splitlines()) == 1


def test_what_is_known_of_outcomes_is_counted(talked_to):
    service, _ = talked_to
    counts = json.loads(slipway("log", "--outcomes", "--json", log=service.log).stdout)
    assert counts["predictions with one outcome"] >= 1


def test_a_log_that_is_not_there_is_said(tmp_path):
    done = slipway("log", "--folder", tmp_path / "nothing")
    assert done.returncode == 1
    assert "slipway serve" in done.stderr


def test_health_is_the_exit_code(talked_to):
    service, _ = talked_to
    port = service.url.rsplit(":", 1)[1]
    assert slipway("health", port=port).returncode == 0
    assert slipway("health", "--port", port, host="0.0.0.0").returncode == 0
    own = environment(port=port) | {"http_proxy": "http://127.0.0.1:9"}
    assert subprocess.run([str(SLIPWAY), "health"], env=own, capture_output=True, timeout=30).returncode == 0
    nobody = slipway("health", "--port", 1)
    assert nobody.returncode == 1
    assert "cannot connect to port 1" in nobody.stderr


def test_a_key_is_shown_once_and_listed_by_name(tmp_path):
    file = tmp_path / "keys.json"
    made = slipway("key", "new", "app", "--file", file)
    assert made.stdout.startswith("slipway_")
    assert made.stdout.strip() not in file.read_text()
    assert slipway("key", "new", "prometheus", "--metrics", api_keys_file=file).returncode == 0
    listed = json.loads(slipway("key", "list", "--json", "--file", file).stdout)
    assert [(key["name"], key["scope"]) for key in listed] == [("app", "service"), ("prometheus", "metrics")]
    assert slipway("key", "revoke", "app", "--file", file).returncode == 0
    assert "app" not in slipway("key", "list", "--file", file).stdout
    again = slipway("key", "revoke", "app", "--file", file)
    assert again.returncode == 1
    assert "Its keys: prometheus" in again.stderr


def test_a_secret_in_a_file_is_its_owners_alone_and_nothing_is_written_over(tmp_path):
    file, secret = tmp_path / "keys.json", tmp_path / "smoke.key"
    made = slipway("key", "new", "smoke", "--file", file, "--secret-file", secret)
    assert made.returncode == 0, made.stderr
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().startswith("slipway_") and secret.read_text().strip() not in made.stdout + made.stderr
    before = file.read_bytes(), secret.read_bytes()
    again = slipway("key", "new", "other", "--file", file, "--secret-file", secret)
    assert again.returncode == 1
    assert "exists and may hold a key in use" in again.stderr
    assert (file.read_bytes(), secret.read_bytes()) == before
    lost = slipway("key", "new", "other", "--file", file, "--secret-file", tmp_path / "nowhere" / "smoke.key")
    assert lost.returncode == 1 and file.read_bytes() == before[0], "no key is left whose secret found no place"
    known = slipway("key", "new", "smoke", "--file", file, "--secret-file", tmp_path / "second.key")
    assert known.returncode == 1 and not (tmp_path / "second.key").exists()
    mixed = slipway("key", "new", "app", "--file", tmp_path / "new.json", "--secret-file", tmp_path / "new.json")
    assert mixed.returncode == 2 and not (tmp_path / "new.json").exists()
