"""What a container of the image does, started as the documentation says and as platforms start it."""

import json
import re
import shlex
import shutil
import subprocess
import time
import uuid

import pytest

from slipway.bundle.manifest import TOLERANCE

pytestmark = pytest.mark.timeout(600)

HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "12345:0")
PLATFORM = ("--env", "SLIPWAY_AUTH=platform")
KEYS = ("--env", "SLIPWAY_AUTH=keys", "--env", "SLIPWAY_API_KEYS_FILE=/keys/keys.json")


@pytest.fixture(scope="module")
def golden(image):
    """A row as a client sends it and the score that the estimator gave it in training."""
    line = json.loads((image.bundle.path / "golden.jsonl").read_text().splitlines()[0])
    return line["row"], line["score"]


@pytest.fixture
def keys(engine, image, tmp_path):
    """A folder for keys, and a function that makes one with the command of the image."""
    folder = tmp_path / "keys"
    folder.mkdir()

    def make(name):
        mount = ("--volume", f"{folder}:/keys", "--user", "0")
        made = engine.run("run", "--rm", *mount, image.name, "key", "new", name, "--file", "/keys/keys.json")
        return re.search(r"slipway_[A-Za-z0-9_-]{40,}", made)[0]

    return folder, make


def assert_answers(container, golden):
    row, score = golden
    answer = container.ask("/predict", row)
    assert answer.status == 200, answer
    assert answer.body["score"] == pytest.approx(score, abs=TOLERANCE)
    assert uuid.UUID(answer.body["prediction_id"]).version == 7
    return answer.body["prediction_id"]


def test_the_line_that_make_image_prints_answers_a_prediction_and_keeps_the_log(engine, image, golden):
    """Run as printed, with a name, a port and a volume that no other test has."""
    name, port = f"slipway-test-{uuid.uuid4().hex[:12]}", engine.free_port()
    with engine.volume() as volume:
        line = image.run_line
        for printed, ours in (("--name slipway ", f"--name {name} "), ("127.0.0.1:8080:", f"127.0.0.1:{port}:")):
            assert line.count(printed) == 1, f"{printed!r} in {line!r}"
            line = line.replace(printed, ours)
        assert "slipway-log:/var/log/slipway" in line
        line = line.replace("slipway-log:", f"{volume}:")
        started = subprocess.Popen(shlex.split(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            container = engine.at(name, port)
            container.wait_until_ready()
            identifier = assert_answers(container, golden)
            engine.run("stop", name)
            assert started.wait(timeout=20) == 0, started.stdout.read()
        finally:
            engine.try_run("rm", "--force", name)
            started.communicate(timeout=20)
        log = engine.run("run", "--rm", "--volume", f"{volume}:/var/log/slipway", image.name, "log", "--json")
        assert identifier in log


def test_sagemaker_starts_it_with_serve(engine, image, golden):
    with engine.container(image.name, *PLATFORM, command=("serve",)) as container:
        assert container.ask("/ping").status == 200
        assert_answers(container, golden)


def test_a_locked_down_container_answers_and_its_log_outlives_it(engine, image, golden):
    """No capability, no writable root, a user that nobody knows; the log is on a volume."""
    with engine.volume() as volume:
        mount = ("--volume", f"{volume}:/var/log/slipway")
        with engine.container(image.name, *PLATFORM, *HARDENED, *mount) as container:
            identifiers = {assert_answers(container, golden) for _ in range(5)}
            assert engine.run("exec", container.name, "id", "-u") == "12345"
        kept = engine.run("run", "--rm", *mount, *HARDENED, image.name, "log", "--all", "--json")
        assert identifiers == {json.loads(line)["id"] for line in kept.splitlines()}


def test_any_user_and_any_group_can_write_the_log(engine, image, golden):
    with engine.container(image.name, *PLATFORM, "--read-only", "--user", "54321:54321") as container:
        assert_answers(container, golden)


def test_it_does_not_start_before_somebody_chose_who_checks_callers(engine, image):
    done = engine.try_run("run", "--rm", image.name)
    assert done.returncode == 1
    assert "SLIPWAY_AUTH=keys" in done.stderr
    assert "SLIPWAY_AUTH=platform" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_from_a_mounted_folder_open_it_and_new_ones_count_at_once(engine, image, golden, keys):
    folder, make_key = keys
    first = make_key("first")
    with engine.container(image.name, *KEYS, *HARDENED, "--volume", f"{folder}:/keys:ro") as container:
        row, _ = golden
        assert container.ask("/predict", row).status == 401
        assert container.ask("/predict", row, key=first).status == 200
        second = make_key("second")
        container.wait_for(lambda: container.ask("/predict", row, key=second).status == 200, 5)


def test_the_page_is_there_with_the_files_that_it_names(answering, image):
    page = answering.ask("/")
    assert page.status == 200
    assert image.bundle.digest[:12] in page.body
    named = set(re.findall(r'(?:href|src)="(/[^"#]*)"', page.body))
    assert {path: answering.ask(path).status for path in named} == dict.fromkeys(named, 200)
    assert answering.ask("/openapi.json").body["openapi"].startswith("3.1")


def test_the_engine_sees_it_become_healthy(answering):
    answering.wait_for(lambda: answering.health() == "healthy", 30)


def test_the_health_check_fails_when_nobody_answers(engine, image):
    done = engine.try_run("run", "--rm", *PLATFORM, image.name, "health")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_stopping_it_ends_it_in_order(engine, answering, golden):
    assert_answers(answering, golden)
    began = time.monotonic()
    engine.run("stop", "--time", "10", answering.name)
    assert time.monotonic() - began < 10
    state = engine.inspect(answering.name)["State"]
    assert state["ExitCode"] == 0, answering.output()


@pytest.mark.parametrize("seconds", [0, 0.1, 0.3])
def test_stopping_it_while_it_starts_ends_it_in_order_too(engine, image, seconds):
    """Its first process has no handlers then, and the kernel would drop the signal."""
    name = engine.run("run", "--detach", *PLATFORM, image.name)
    try:
        time.sleep(seconds)
        began = time.monotonic()
        engine.run("stop", "--time", "10", name)
        assert time.monotonic() - began < 8
        assert engine.inspect(name)["State"]["ExitCode"] == 0
    finally:
        engine.run("rm", "--force", "--volumes", name)


@pytest.mark.parametrize("name", ["model.onnx", "golden.jsonl", "contract.py"])
def test_a_flipped_bit_in_the_bundle_and_it_does_not_start(engine, image, tmp_path, name):
    folder = tmp_path / "bundle"
    shutil.copytree(image.bundle.path, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    done = engine.try_run("run", "--rm", *PLATFORM, "--volume", f"{folder}:/bundle:ro", image.name)
    assert done.returncode == 1
    assert f"/bundle/{name}" in done.stderr
    assert "Traceback" not in done.stderr
