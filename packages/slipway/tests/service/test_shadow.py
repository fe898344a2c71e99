"""A shadow scores the rows of production aside: its scores are in the log, its faults are counted, and answers wait for
none of it.
"""

import shutil
import signal
import subprocess
import time

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running import SLIPWAY, environment, free_port, serving, stop
from toybox import make_toy, reseal, rows_of
from waiting import wait_until

from slipway.bundle import load_bundle
from slipway.serving.log import Prediction, Shadow
from slipway.serving.log.reader import Damage, read_log

RAISES, SLEEPS, EXITS = 599, 598, 597
PAUSE = 0.5
FAULTS = f"""
    if (columns["months"] == {RAISES}).any():
        raise RuntimeError("a row of {RAISES} months")
    if (columns["months"] == {SLEEPS}).any():
        import time
        time.sleep({PAUSE})
    if (columns["months"] == {EXITS}).any():
        import sys
        sys.exit(7)
"""
NOWHERE = """
    def __post_init__(self):
        if self.town == "nowhere":
            raise ValueError("a town that the shadow refuses")
"""


@pytest.fixture(scope="module")
def shadow(toys, tmp_path_factory):
    """Another model of the same problem, whose code fails on purpose at some rows."""
    folder = tmp_path_factory.mktemp("shadow") / "bundle"
    made = make_toy("churn", folder, rows=2000).bundle
    reseal(folder, "contract.py", (folder / "contract.py").read_bytes() + NOWHERE.encode())
    features = (folder / "features.py").read_text()
    reseal(folder, "features.py", features.replace("    joined =", f"{FAULTS}\n    joined =", 1).encode())
    found = load_bundle(folder)
    assert found.digest != made.digest
    return found


@pytest.fixture(scope="module")
def service(toys, shadow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    with serving(toys["churn"].bundle.path, folder, shadow=shadow.path) as running:
        wait_until(lambda: counts(running)["slipway_shadow_running"] == 1)
        yield running


def counts(service):
    """Return every sample that speaks of the shadow, by name and reason."""
    text = service.ask.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    names = [
        each.name.removesuffix("_total") + "".join(f":{word}" for word in each.labels.values()) for each in samples
    ]
    return {name: each.value for name, each in zip(names, samples, strict=True) if "shadow" in name}


def ask(service, rows):
    """Return the identifiers of the predictions of rows."""
    answer = service.ask.post("/predict", json=rows)
    assert answer.status_code == 200, answer.text
    return [each["prediction_id"] for each in answer.json()["predictions"]]


def shadows(service):
    """Return the score and label that the shadow gave to each prediction, and its reasons."""
    entries = [entry for entry in read_log(service.log) if isinstance(entry, Shadow)]
    found = {}
    for entry in entries:
        found |= dict(zip(entry.shadowed(), zip(entry.scores, entry.labels, strict=True), strict=True))
    return found, entries


def wait_for(service, *identifiers):
    wait_until(lambda: set(identifiers) <= shadows(service)[0].keys())
    return shadows(service)[0]


def test_every_row_is_scored_by_the_shadow_under_its_own_digest(service, churn, shadow):
    rows = rows_of(churn, 40)
    single = service.ask.post("/predict", json=rows[0]).json()["prediction_id"]
    other = service.ask.post("/invocations", json={"dataframe_records": rows[1:3]}).json()["predictions"]
    many = ask(service, rows[3:])
    identifiers = [single, *(each["prediction_id"] for each in other), *many]
    found = wait_for(service, *identifiers)
    expected = shadow.score(shadow.parse(rows))
    assert [found[name] for name in identifiers] == [
        *zip(expected.tolist(), shadow.label(expected).tolist(), strict=True)
    ]
    assert {each.model for each in shadows(service)[1]} == {shadow.digest}
    production = {each.id: each for each in read_log(service.log) if isinstance(each, Prediction)}
    assert {production[name].model for name in identifiers} == {churn.bundle.digest}
    assert service.ask.get("/version").json()["shadow"] == {"name": "churn", "digest": shadow.digest}


def test_rows_that_the_shadow_cannot_score_are_counted_by_reason_and_leave_the_others_alone(service, churn):
    before = counts(service)
    rows = rows_of(churn, 6)
    rows[1] |= {"town": "nowhere"}
    rows[4] |= {"months": RAISES}
    identifiers = ask(service, rows)
    found = wait_for(service, *identifiers)
    assert [found[name][0] is None for name in identifiers] == [False, True, False, False, True, False]
    assert shadows(service)[1][-1].refused == {"invalid-row": 1, "error:RuntimeError": 1}
    after = counts(service)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {
        "slipway_shadow_taken": 6,
        "slipway_shadow_scored": 4,
        "slipway_shadow_refused:invalid-row": 1,
        "slipway_shadow_refused:error": 1,
    }


def test_a_shadow_that_dies_is_started_again_and_the_service_stays_ready(service, churn):
    rows = rows_of(churn, 1)
    ask(service, [rows[0] | {"months": EXITS}])
    wait_until(lambda: counts(service)["slipway_shadow_running"] == 0)
    assert service.ask.get("/readyz").status_code == 200
    later = ask(service, rows)
    wait_for(service, *later)
    assert counts(service)["slipway_shadow_dropped:died"] == 1
    assert counts(service)["slipway_shadow_running"] == 1


def test_a_slow_shadow_drops_rows_and_its_end_counts_the_rest(churn, shadow, tmp_path):
    rows = [row | {"months": SLEEPS} for row in rows_of(churn, 500)]
    with serving(churn.bundle.path, tmp_path, shadow=shadow.path, shadow_queue_mb=1, workers=1) as running:
        wait_until(lambda: counts(running)["slipway_shadow_running"] == 1)
        began = time.monotonic()
        sent = sum(len(ask(running, rows)) for _ in range(40))
        assert time.monotonic() - began < 40 * PAUSE, "the answers waited for the shadow"
        wait_until(lambda: counts(running)["slipway_shadow_scored"] > 0)
        dropped = counts(running)["slipway_shadow_dropped:full"]
        assert 0 < dropped < sent
        began = time.monotonic()
        code, said = stop(running)
        assert (code, time.monotonic() - began < 10) == (0, True)
        damage = Damage()
        scored = sum(len(each.scores) for each in read_log(tmp_path, damage) if isinstance(each, Shadow))
        left = int(said.split("the shadow ended with ")[1].split(" rows")[0].replace(",", ""))
        assert scored + left + dropped == sent
        assert (damage.lines, left > 0) == (0, True)


def test_what_waits_is_scored_before_the_service_ends_also_without_logged_inputs(churn, shadow, tmp_path):
    with serving(churn.bundle.path, tmp_path, shadow=shadow.path, log_inputs="none") as running:
        wait_until(lambda: counts(running)["slipway_shadow_running"] == 1)
        identifiers = [name for _ in range(5) for name in ask(running, rows_of(churn, 200))]
        assert stop(running)[0] == 0
        assert set(identifiers) == shadows(running)[0].keys()
        assert not any(each.inputs for each in read_log(tmp_path) if isinstance(each, Prediction))


def test_sighup_brings_a_shadow_and_takes_it_away(churn, shadow, tmp_path):
    link, none = tmp_path / "shadow", tmp_path / "none"
    none.mkdir()
    link.symlink_to(none)
    with serving(churn.bundle.path, tmp_path / "log", shadow=link) as running:
        assert counts(running) == {}
        assert "shadow" not in running.ask.get("/version").json()
        for target, digest in ((shadow.path, shadow.digest), (none, None), (churn.bundle.path, None)):
            link.unlink()
            link.symlink_to(target)
            since = running.ask.get("/version").json()["since"]
            running.process.send_signal(signal.SIGHUP)
            wait_until(lambda since=since: running.ask.get("/version").json()["since"] != since)
            assert running.ask.get("/version").json().get("shadow", {}).get("digest") == digest
            if digest:
                wait_for(running, *ask(running, rows_of(churn, 3)))
        # Only the workers are left.
        wait_until(lambda: len(psutil.Process(running.process.pid).children()) == 1)


def serve(bundle, log, shadow):
    given = environment(bundle=bundle, log=log, port=free_port(), workers=1)
    command = [str(SLIPWAY), "serve", "--shadow", str(shadow)]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=30, check=False)


def test_a_damaged_shadow_fails_at_the_start_in_one_paragraph(churn, shadow, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(shadow.path, damaged)
    (damaged / "model.onnx").write_bytes(b"damaged")
    done = serve(churn.bundle.path, tmp_path / "log", damaged)
    assert done.returncode == 1
    assert f"{damaged / 'model.onnx'} was changed" in done.stderr
    assert done.stderr.strip().count("\n\n") == 0
    assert "Traceback" not in done.stderr


def test_a_shadow_of_another_task_is_refused_at_the_start(churn, toys, tmp_path):
    done = serve(churn.bundle.path, tmp_path / "log", toys["rents"].bundle.path)
    assert done.returncode == 1
    assert "expected the task binary with the classes [False, True], found regression" in " ".join(done.stderr.split())


def test_a_shadow_that_cannot_load_leaves_the_service_ready(churn, shadow, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(shadow.path, broken)
    reseal(broken, "features.py", b"def derive(columns):\n    raise RuntimeError\n")
    with serving(churn.bundle.path, tmp_path / "log", shadow=broken) as running:
        ask(running, rows_of(churn, 2))
        assert running.ask.get("/readyz").status_code == 200
        assert counts(running)["slipway_shadow_running"] == 0
        code, said = stop(running)
        assert code == 0
        assert "the shadow cannot start, and production serves without it. Cannot score" in said
