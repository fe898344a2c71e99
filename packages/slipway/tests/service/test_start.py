"""What is not the sealed bundle is not served, and the reason is said; nor is a log that nobody could write."""

import shutil
import subprocess

import pytest
from running import SLIPWAY, environment, free_port, serving
from toybox import reseal, rows_of

from slipway.serving.log.reader import read_log


def try_to_serve(bundle, log, **variables):
    given = environment(**({"bundle": bundle, "log": log, "port": free_port(), "workers": 2} | variables))
    return subprocess.run([str(SLIPWAY), "serve"], env=given, capture_output=True, text=True, timeout=30)


def flip_a_byte(folder):
    model = folder / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def add_a_file(folder):
    (folder / "notes.txt").write_text("hello")


def replace_a_file_by_a_link(folder):
    target = folder.parent / "features.py"
    (folder / "features.py").rename(target)
    (folder / "features.py").symlink_to(target)


def remove_a_file(folder):
    (folder / "certificate.json").unlink()


DAMAGES = {
    flip_a_byte: "model.onnx was changed",
    add_a_file: "notes.txt is not named in the manifest",
    replace_a_file_by_a_link: "features.py: expected a regular file, found a link",
    remove_a_file: "certificate.json is missing",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_bundle_is_not_served(loose_bundle, tmp_path, damage):
    damage(loose_bundle)
    done = try_to_serve(loose_bundle, tmp_path / "log")
    assert done.returncode == 1
    assert DAMAGES[damage] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_with_external_data_is_not_served(loose_bundle, tmp_path):
    model = (loose_bundle / "model.onnx").read_bytes()
    # A tensor (graph, initializer) whose values lie in another file: fields 7, 5, 14 (data_location = external).
    reseal(loose_bundle, "model.onnx", model + bytes([0x3A, 4, 0x2A, 2, 0x70, 1]))
    done = try_to_serve(loose_bundle, tmp_path / "log")
    assert done.returncode == 1
    assert "external data" in done.stderr


def test_golden_rows_that_score_otherwise_stop_every_worker_and_the_service(loose_bundle, tmp_path):
    golden = (loose_bundle / "golden.jsonl").read_bytes()
    reseal(loose_bundle, "golden.jsonl", golden.replace(b'"score":0.', b'"score":0.9', 1))
    done = try_to_serve(loose_bundle, tmp_path / "log")
    assert done.returncode == 1
    assert "golden.jsonl, line 1" in done.stderr


def test_a_log_that_cannot_be_written_stops_the_start_unless_that_was_chosen(churn, tmp_path):
    log = tmp_path / "log"
    log.write_text("in the way")
    done = try_to_serve(churn.bundle.path, log)
    assert done.returncode == 1
    assert "SLIPWAY_LOG" in done.stderr
    with serving(churn.bundle.path, log, when_log_fails="open") as service:
        assert service.ask.post("/predict", json=rows_of(churn, 1)[0]).status_code == 200


def test_inputs_can_be_left_out_of_the_log(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", log_inputs="none") as service:
        row = rows_of(churn, 1)[0]
        service.ask.post("/predict", json=row)
        service.ask.post("/predict", json=[row, row])
        entries = list(read_log(service.log))
        assert len(entries) == 3
        assert {entry.inputs for entry in entries} == {None}
        assert b"plan" not in b"".join(path.read_bytes() for path in service.log.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no keys.json in"),
        ("{", "Malformed"),
        ('{"keys": [{"name": "secret-key"}]}', "keys.json"),
        ("directory", "Cannot read"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_one_paragraph_before_anything_starts(churn, tmp_path, content, said):
    file = tmp_path / "keys.json"
    if content == "directory":
        file.mkdir()
    elif content is not None:
        file.write_text(content)
    done = try_to_serve(churn.bundle.path, tmp_path / "log", auth="keys", api_keys_file=file)
    assert done.returncode == 1
    assert said in done.stderr and "slipway key" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and "secret-key" not in done.stderr


def test_a_misspelt_variable_stops_the_start(churn, tmp_path):
    done = try_to_serve(churn.bundle.path, tmp_path / "log", log_input="none")
    assert done.returncode == 1
    assert "There is no setting SLIPWAY_LOG_INPUT. Did you mean SLIPWAY_LOG_INPUTS?" in done.stderr


def test_a_missing_bundle_says_how_to_make_one(tmp_path):
    done = try_to_serve(tmp_path / "nothing", tmp_path / "log")
    assert done.returncode == 1
    assert "make repro" in done.stderr


def test_a_bundle_that_changes_on_disk_does_not_change_what_is_served(loose_bundle, tmp_path, churn):
    """Workers that are replaced run what was verified at the start, not what lies there now."""
    with serving(loose_bundle, tmp_path / "log") as service:
        before = service.ask.post("/predict", json=rows_of(churn, 1)[0]).json()
        shutil.rmtree(loose_bundle)
        after = service.ask.post("/predict", json=rows_of(churn, 1)[0]).json()
        assert (after["score"], after["model"]) == (before["score"], before["model"])
