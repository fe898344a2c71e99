"""An error of the operating system is one sentence at the command line; a closed pipe is none."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from running import SLIPWAY, environment

from slipway.delivery.targets.containers.mounted_files import read_inputs
from slipway.errors import DeliveryError
from slipway.serving.log import LogWriter, Prediction
from slipway.serving.settings import LogSettings


def slipway(folder, *words):
    command = [str(SLIPWAY), *words]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


@pytest.fixture
def production(tmp_path):
    """A project with one environment that serves nothing."""
    table = '[tool.slipway]\nresults = 3\nproblem = "none"\n[tool.slipway.environments.production]\nport = 9000\n'
    (tmp_path / "pyproject.toml").write_text(table)
    return tmp_path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda root: (root / ".slipway").touch(), "Not a directory"),
        (lambda root: (root / ".slipway/environments/production.lock").mkdir(parents=True), "Is a directory"),
    ],
    ids=["a file in place of the folder", "a folder in place of the file"],
)
def test_a_lock_file_that_cannot_be_written_is_named(production, make, reason):
    make(production)
    done = slipway(production, "stop", "production")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: Cannot write the lock file .slipway/environments/production.lock: {reason}.")


def test_a_system_error_names_the_file_and_the_reason(tmp_path):
    (tmp_path / "keys").touch()
    done = slipway(tmp_path, "key", "new", "app", "--file", "keys.json", "--secret-file", "keys/app")
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The system reports an error on keys/app: Not a directory.\n",
    )


def test_a_full_disk_is_named_without_a_file(tmp_path):
    with Path("/dev/full").open("wb") as full:
        command = [str(SLIPWAY), "log", "--outcomes", "--folder", str(tmp_path)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The system reports an error: No space left on device.\n",
    )


@pytest.mark.parametrize("words", [("log", "--all"), ("log", "--all", "--json")], ids=" ".join)
def test_a_reader_that_closes_the_pipe_ends_the_log_without_a_message(tmp_path, words):
    writer = LogWriter(LogSettings(log=tmp_path))
    for number in range(5000):
        writer.append(msgspec.json.encode(Prediction(f"p{number}", datetime.now(UTC), "d", 1, 0.5, True)) + b"\n")
    writer.close()
    command = [str(SLIPWAY), *words, "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "p0" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_an_unreadable_file_of_an_environment_is_named_with_its_variable(tmp_path):
    (tmp_path / "keys").mkdir()
    for name, reason in (("keys", "Is a directory"), ("nowhere", "No such file")):
        said = rf"The file {name} \(SLIPWAY_API_KEYS_FILE .* cannot be read: {reason}"
        with pytest.raises(DeliveryError, match=said):
            read_inputs(tmp_path, {"SLIPWAY_API_KEYS_FILE": name})
