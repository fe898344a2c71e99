"""A store that cannot be used says so in seconds, in one paragraph that names it and what to do."""

import os
import shutil
import signal
import socket
import sqlite3
import time

import pytest

from slipway.errors import LockError, TrackingError
from slipway.tracking.registry import open_experiment
from slipway.tracking.store import open_store


def refused(uri, within=8.0):
    """The message with which the store is refused, in time."""
    started = time.monotonic()
    with pytest.raises(TrackingError) as caught, open_store(uri):
        pass
    assert time.monotonic() - started < within
    return str(caught.value)


@pytest.fixture
def file(tmp_path, empty_store):
    path = tmp_path / "mlflow.db"
    shutil.copyfile(empty_store, path)
    return path


def test_a_store_is_made_where_there_is_none_and_holds_nothing_else(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}") as store:
        assert [found.name for found in store.client.search_experiments()] == ["Default"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["mlflow.db", "mlflow.db.lock"]


def test_a_relative_path_is_that_of_the_directory_where_it_is_opened(tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with open_store("sqlite:///mlflow.db") as store:
            store.client.create_experiment("only one")
    assert (tmp_path / "there" / "mlflow.db").exists()


@pytest.mark.parametrize("name", ["a?b", "a#b", "a b", "a[b]", "ä", "a&b=c", "a;b"])
def test_a_folder_of_any_name_has_its_store_inside(tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    with open_store("sqlite:///mlflow.db") as store:
        run = store.client.create_run(open_experiment(store.client, "only one"))
        (folder / "note.txt").write_text("x")
        store.client.log_artifact(run.info.run_id, "note.txt")
        assert [each.path for each in store.client.list_artifacts(run.info.run_id)] == ["note.txt"]
    assert (folder / "mlflow.db").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "100%", "a%3Fb"])
def test_a_folder_that_mlflow_reads_as_another_is_refused_at_once(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    assert "Rename the folder, or set MLFLOW_TRACKING_URI" in refused("sqlite:///mlflow.db")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_question_mark_elsewhere_is_refused(tmp_path):
    (tmp_path / "a%3Fb").mkdir()
    assert "an address ends at ?" in refused(f"sqlite:///{tmp_path}/a%3Fb/mlflow.db")


def test_a_copy_of_an_experiment_that_dvc_deletes_registers_in_the_project(tmp_path, monkeypatch):
    """`dvc exp run --temp` and the queue run stages there."""
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1a2b" / "inner"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    with open_store("sqlite:///mlflow.db") as store:
        experiment = store.client.get_experiment(open_experiment(store.client, "only one"))
    assert (tmp_path / "mlflow.db").stat().st_size
    assert experiment.artifact_location.removeprefix("file://").startswith(f"{tmp_path}/mlruns/")
    assert [*copy.iterdir()] == []


@pytest.mark.parametrize("statements", [3, 60, 200])
def test_a_store_is_not_left_half_made_by_a_kill(statements, tmp_path):
    path = tmp_path / "mlflow.db"
    child = os.fork()
    if child == 0:
        from sqlalchemy import Engine, event

        done = []

        def count(*_):
            done.append(1)
            if len(done) == statements:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "after_cursor_execute", count)
        with open_store(f"sqlite:///{path}"):
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert not path.exists()
    with open_store(f"sqlite:///{path}") as store:
        store.client.create_experiment("x")
    assert sorted(left.name for left in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]


def test_a_server_that_is_not_there_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    message = refused(f"http://127.0.0.1:{port}")
    assert message.startswith(f"Cannot connect to the MLflow server http://127.0.0.1:{port}: ")
    assert "MLFLOW_TRACKING_URI" in message


def test_a_server_that_never_answers_is_given_up_on():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = refused(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert message.startswith("Cannot connect") and "MLFLOW_TRACKING_URI" in message


def test_a_host_that_does_not_exist_is_named():
    assert "nowhere.invalid" in refused("http://nowhere.invalid:5000")


def test_something_else_than_mlflow_is_refused(tmp_path):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class NoMlflow(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), NoMlflow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(TrackingError, match=f"Cannot use the MLflow store {uri}"), open_store(uri) as store:
            store.client.search_experiments()
        server.shutdown()


def test_an_unknown_kind_of_store_is_refused():
    assert "carrier-pigeon://coop" in refused("carrier-pigeon://coop")


def test_no_message_shows_a_password():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    message = refused(f"http://ann:s3cret@127.0.0.1:{port}")
    assert "s3cret" not in message


def test_a_damaged_file_is_named_at_once(file):
    file.write_bytes(b"not a database" * 100)
    assert str(file) in refused(f"sqlite:///{file}")


def test_a_truncated_file_is_named_at_once(file):
    with file.open("r+b") as opened:
        opened.truncate(20_000)
    assert str(file) in refused(f"sqlite:///{file}")


@pytest.mark.parametrize("claim", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_file_that_another_program_is_writing_to_is_named(file, claim):
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute(f"BEGIN {claim}")
        message = refused(f"sqlite:///{file}")
        other.execute("ROLLBACK")
    assert "locked" in message
    assert "Another program" in message


def test_a_folder_in_place_of_the_file_is_named_at_once(tmp_path):
    (tmp_path / "mlflow.db" / "x").mkdir(parents=True)
    assert str(tmp_path / "mlflow.db") in refused(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.mark.parametrize("revision", ["1bd49d398cd2", "ffffffffffff"])
def test_a_store_of_another_mlflow_is_named_with_the_command_that_mends_it(file, revision):
    with sqlite3.connect(file) as store:
        store.execute("UPDATE alembic_version SET version_num = ?", [revision])
    assert f"mlflow db upgrade sqlite:///{file}" in refused(f"sqlite:///{file}")


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left")])
def test_a_full_disk_is_named_with_what_to_do(file, error):
    with (
        pytest.raises(TrackingError, match=r"(disk is full|No space left).*Free some space"),
        open_store(f"sqlite:///{file}"),
    ):
        raise error


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    uri = f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}"
    with pytest.raises(LockError, match=str(tmp_path)), open_store(uri):
        pytest.fail("it was opened")


def test_a_second_registration_waits_for_the_first(file, tmp_path):
    uri = f"sqlite:///{file}"
    child = os.fork()
    if child == 0:
        with open_store(uri):
            (tmp_path / "inside").touch()
            time.sleep(1)
            (tmp_path / "inside").unlink()
        os._exit(0)
    while not (tmp_path / "inside").exists():
        time.sleep(0.02)
    with open_store(uri):
        assert not (tmp_path / "inside").exists()
    os.waitpid(child, 0)
