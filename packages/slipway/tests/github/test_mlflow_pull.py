"""The store of a run of cd, from GitHub's artifacts to a folder in which MLflow finds everything."""

import io
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hub import hub as serving

from slipway.cli import main
from slipway.errors import GitHubError
from slipway.github.jobs.mlflow_store import pull_store
from slipway.tracking.store import open_store

ACTIONS = "/repos/acme/model/actions"


@pytest.fixture(scope="session")
def zipped(tmp_path_factory):
    """What upload-artifact makes of the store of a runner."""
    folder = tmp_path_factory.mktemp("runner") / "work" / "model"
    with open_store(f"sqlite:///{folder / 'mlflow.db'}") as store:
        place = str(folder / "mlruns" / "1")
        experiment = store.client.create_experiment("flights", artifact_location=place)
        run = store.client.create_run(experiment).info.run_id
        store.client.log_metric(run, "log_loss", 0.5)
        store.client.log_text(run, "# A card\n", "model_card.md")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".lock":
                archive.write(path, path.relative_to(folder).as_posix())
    (folder / "mlruns").rename(folder / "gone")
    return made.getvalue()


@pytest.fixture
def storage():
    with serving() as running:
        yield running


@pytest.fixture
def runs(hub, storage, zipped):
    """Run 77 is the newest; each attempt of it left an artifact, of which the last counts."""
    run = {"id": 77, "head_sha": "a" * 40}
    hub.answers = {
        f"GET {ACTIONS}/workflows/cd.yml/runs?branch=main&status=success&per_page=1": {"workflow_runs": [run]},
        f"GET {ACTIONS}/runs/77": run,
        f"GET {ACTIONS}/runs/77/artifacts?per_page=100&name=mlflow": {
            "artifacts": [{"id": 6, "expired": False}, {"id": 5, "expired": False}]
        },
        f"GET {ACTIONS}/artifacts/6/zip": (302, None, {"Location": f"{storage.url}/blob?signature=key"}),
    }
    storage.answers = {"GET /blob": (200, zipped, {"Content-Type": "application/zip"})}
    return hub


def test_the_newest_run_on_main_is_unpacked_and_finds_its_files(runs, github, tmp_path):
    found = pull_store(github, tmp_path)
    assert (found.run, found.folder) == (77, str(tmp_path / ".slipway/mlflow/77"))
    with open_store(f"sqlite:///{found.folder}/mlflow.db") as store:
        (run,) = store.client.search_runs([store.client.get_experiment_by_name("flights").experiment_id])
        assert run.data.metrics == {"log_loss": 0.5}
        (card,) = store.client.list_artifacts(run.info.run_id)
        assert Path(store.client.download_artifacts(run.info.run_id, card.path)).read_text() == "# A card\n"
    assert [each.name for each in (tmp_path / ".slipway/mlflow").iterdir()] == ["77"]


def test_storage_never_sees_the_token(runs, github, storage, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    pull_store(github, tmp_path, 77)
    (asked,) = storage.asked
    assert asked.path == "/blob?signature=key"
    assert "authorization" not in asked.headers
    assert all(each.headers["authorization"] == "Bearer secret" for each in runs.asked)


def test_again_replaces_what_an_earlier_pull_left(runs, github, tmp_path):
    pull_store(github, tmp_path)
    (tmp_path / ".slipway/mlflow/77/waste").write_text("x")
    pull_store(github, tmp_path)
    assert not (tmp_path / ".slipway/mlflow/77/waste").exists()


def test_a_folder_with_something_in_it_is_never_replaced(runs, github, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(GitHubError, match="not empty"):
        pull_store(github, tmp_path, to=tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").exists()
    assert runs.asked == []


def test_a_refused_artifact_leaves_what_was_there(runs, github, storage, tmp_path):
    pull_store(github, tmp_path)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mlflow.db", b"x")
        archive.writestr("../../out", b"x")
    storage.answers = {"GET /blob": (200, made.getvalue(), {})}
    with pytest.raises(GitHubError, match="not a path inside"):
        pull_store(github, tmp_path)
    assert (tmp_path / ".slipway/mlflow/77/mlruns").is_dir()
    assert [each.name for each in (tmp_path / ".slipway/mlflow").iterdir()] == ["77"]


def test_an_artifact_that_is_too_large_is_not_read_to_its_end(runs, github, tmp_path, monkeypatch):
    monkeypatch.setattr("slipway.github.jobs.mlflow_store.LARGEST", 1000)
    with pytest.raises(GitHubError, match="more than 1,000 bytes"):
        pull_store(github, tmp_path)
    assert list((tmp_path / ".slipway/mlflow").iterdir()) == []


@pytest.mark.parametrize(
    ("artifacts", "said"),
    [([], "is not there"), ([{"id": 6, "expired": True}], "no longer kept")],
)
def test_an_artifact_that_is_not_there_is_said(runs, github, tmp_path, artifacts, said):
    runs.answers[f"GET {ACTIONS}/runs/77/artifacts?per_page=100&name=mlflow"] = {"artifacts": artifacts}
    with pytest.raises(GitHubError, match=said):
        pull_store(github, tmp_path, 77)


def test_no_successful_run_is_said(runs, github, tmp_path):
    runs.answers[f"GET {ACTIONS}/workflows/cd.yml/runs"] = {"workflow_runs": []}
    del runs.answers[f"GET {ACTIONS}/workflows/cd.yml/runs?branch=main&status=success&per_page=1"]
    with pytest.raises(GitHubError, match=r"No run of cd\.yml on main"):
        pull_store(github, tmp_path)


def test_a_refusal_of_storage_does_not_show_the_signed_address(runs, github, storage, tmp_path):
    storage.answers = {"GET /blob": (403, None, {})}
    with pytest.raises(GitHubError, match="cannot be downloaded") as caught:
        pull_store(github, tmp_path)
    assert "signature" not in str(caught.value)


def test_the_command_says_what_to_type_next(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in {"API_URL": runs.url, "REPOSITORY": "acme/model", "TOKEN": "secret"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    done = CliRunner().invoke(main, ["mlflow", "pull"])
    assert done.exit_code == 0, done.output
    assert done.output.endswith("next: make ui STORE=.slipway/mlflow/77\n")
