"""Under load, other programs delete, move or truncate the log: no acknowledged prediction is lost."""

import os
import shutil
import time

import pytest
from load import Callers
from running import serving
from toybox import rows_of

from slipway.serving.log.reader import Damage, read_log
from slipway.serving.log.segments import list_segments


def delete_files(folder):
    for path in list_segments(folder):
        path.unlink()


def delete_folder(folder):
    # Moved first: the service writes its files again at once, in the folder that is being emptied.
    aside = folder.rename(folder.with_name(f"deleted-{time.time_ns()}"))
    shutil.rmtree(aside)


def move_files(folder):
    for number, path in enumerate(list_segments(folder)):
        path.rename(folder / f"moved-{time.time_ns()}-{number}.jsonl")


def copy_and_truncate(folder):
    """Do what logrotate does with `copytruncate`."""
    for path in list_segments(folder):
        if not path.name.startswith("copy-"):
            shutil.copy(path, folder / f"copy-{time.time_ns()}.jsonl")
            os.truncate(path, 0)


@pytest.mark.parametrize(
    "fault", [delete_files, delete_folder, move_files, copy_and_truncate], ids=lambda fault: fault.__name__
)
def test_no_acknowledged_prediction_is_lost(churn, tmp_path, fault):
    with serving(churn.bundle.path, tmp_path / "log", workers=2) as service:
        with Callers(service.url, rows_of(churn, 1)[0], 4) as callers:
            for _ in range(4):
                time.sleep(0.5)
                fault(service.log)
            time.sleep(0.5)
        assert callers.failures == []
        time.sleep(0.3)
        damage = Damage()
        assert len(callers.acknowledged) > 200
        assert set(callers.acknowledged) <= {entry.id for entry in read_log(service.log, damage)}
        assert damage.lines == 0
        assert service.ask.get("/readyz").status_code == 200


def test_readiness_says_no_while_a_deleted_folder_cannot_be_made_again(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log") as service:
        row = rows_of(churn, 1)[0]
        acknowledged = service.ask.post("/predict", json=row).json()["prediction_id"]
        shutil.rmtree(service.log)
        service.log.write_text("in the way")
        assert service.ask.get("/readyz").json()["type"] == "urn:slipway:log-unavailable"
        assert service.ask.post("/predict", json=row).status_code == 503
        time.sleep(1)
        service.log.unlink()
        assert service.ask.get("/readyz").status_code == 200
        second = service.ask.post("/predict", json=row).json()["prediction_id"]
        assert {acknowledged, second} == {entry.id for entry in read_log(service.log)}
        service.process.terminate()
        said = service.process.communicate(timeout=15)[0]
        assert said.count("cannot write the prediction log") == 1
