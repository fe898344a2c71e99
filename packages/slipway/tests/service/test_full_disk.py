"""When the log cannot be written, nobody is answered (closed), or all are and it is counted (open); never silence."""

import contextlib
import os
import subprocess

import pytest
from requirements import missing
from running import serving
from toybox import rows_of

from slipway.serving.log.reader import Damage, read_log


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "slipway-test", str(folder)], capture_output=True
    )
    if mounted.returncode:
        missing("root", "mounting a small file system needs root on Linux")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    with (folder / "ballast").open("wb") as ballast, contextlib.suppress(OSError):
        while True:
            os.write(ballast.fileno(), b"x" * 4096)


def metric(service, name):
    lines = service.ask.get("/metrics").text.splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


def ask_until(service, row, status, tries=3000):
    """Ask until the answer has this status: the last page of the disk may still take some lines."""
    for _ in range(tries):
        answer = service.ask.post("/predict", json=row)
        if answer.status_code == status:
            return answer
    raise AssertionError(f"never {status}")


def test_closed_refuses_and_says_so_until_there_is_room_again(churn, small_disk):
    row = rows_of(churn, 1)[0]
    with serving(churn.bundle.path, small_disk / "log", when_log_fails="closed") as service:
        acknowledged = [service.ask.post("/predict", json=row).json()["prediction_id"]]
        fill(small_disk)
        refused = ask_until(service, row, 503)
        assert refused.json()["type"] == "urn:slipway:log-unavailable"
        assert service.ask.get("/readyz").status_code == 503
        assert service.ask.get("/healthz").status_code == 200
        outcome = {"prediction_id": acknowledged[0], "outcome": True}
        assert service.ask.post("/feedback", json=[outcome] * 100).status_code == 503
        assert metric(service, "slipway_log_failures_total") >= 2
        (small_disk / "ballast").unlink()
        assert service.ask.get("/readyz").status_code == 200
        acknowledged.append(service.ask.post("/predict", json=row).json()["prediction_id"])
        damage = Damage()
        assert set(acknowledged) <= {entry.id for entry in read_log(service.log, damage)}
        assert damage.lines == 0


def test_open_answers_and_counts_what_is_not_in_the_log(churn, small_disk):
    row = rows_of(churn, 1)[0]
    with serving(churn.bundle.path, small_disk / "log", when_log_fails="open") as service:
        service.ask.post("/predict", json=row)
        fill(small_disk)
        answered = [service.ask.post("/predict", json=row) for _ in range(2000)]
        assert {answer.status_code for answer in answered} == {200}
        assert service.ask.get("/readyz").status_code == 200
        missing = metric(service, "slipway_unlogged_predictions_total")
        damage = Damage()
        assert missing > 0
        assert len(list(read_log(service.log, damage))) + missing == 2001
        assert damage.lines == 0
