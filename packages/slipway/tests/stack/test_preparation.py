"""What `make up` says before it starts anything: images that cannot be pulled, and how far a build is."""

import sys
from pathlib import Path

import pytest

from slipway.errors import StackError
from slipway.stack import preparation
from slipway.stack.preparation import build_images, list_images, pull_images

POSTGRES, PROMETHEUS = "postgres:17@sha256:aa", "prom/prometheus:v3@sha256:bb"
# A client of an engine that has some images, and can pull others.
CLIENT = """#!{python}
import os, pathlib, sys
had, there = (os.environ[name].split() for name in ("HAD", "THERE"))
match sys.argv[1:]:
    case ["image", "inspect", image]:
        sys.exit(image not in had)
    case ["pull", "--quiet", image]:
        with pathlib.Path("pulled").open("a") as file:
            print(image, file=file)
        sys.exit(image not in there)
sys.exit("unexpected: " + " ".join(sys.argv))
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    client = tmp_path / "docker"
    client.write_text(CLIENT.format(python=sys.executable))
    client.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_DOCKER", str(client))
    monkeypatch.setenv("HAD", "")
    monkeypatch.setenv("THERE", "")
    return monkeypatch


def pulled():
    file = Path("pulled")
    return file.read_text().split() if file.exists() else []


def test_an_image_that_cannot_be_pulled_is_named_with_its_service(engine):
    said = []
    with pytest.raises(
        StackError, match=r"Cannot pull postgres:17@sha256:aa \(postgres\).*Nothing was built or started"
    ):
        pull_images({"front": "slipway", "mlflow": "localhost/slipway-mlflow", "postgres": POSTGRES}, said.append)
    assert said == [f"Pulling {POSTGRES} (postgres)"]
    assert pulled() == [POSTGRES]


def test_what_is_there_is_not_pulled_and_the_rest_once(engine):
    engine.setenv("HAD", POSTGRES)
    engine.setenv("THERE", PROMETHEUS)
    services = {"postgres": POSTGRES, "prometheus": PROMETHEUS, "other": PROMETHEUS, "service": "slipway"}
    said = []
    pull_images(services, said.append)
    assert pulled() == [PROMETHEUS]
    assert said == [f"Pulling {PROMETHEUS} (prometheus, other)"]


def test_what_compose_builds_for_a_team_is_neither_pulled_nor_built_here():
    own = {"sidecar": {"build": {"context": "."}}, "other": {"build": {"context": "."}, "image": "acme/other"}}
    assert list_images({"postgres": {"image": POSTGRES}} | own) == {"postgres": POSTGRES}


MAKE = """
mlflow-image:
\t@echo '#1 [internal] load build definition'
\t@echo '#7 [mlflow-packages 2/3] RUN uv pip install'
\t@sleep 1
\t@exit $(ENDS)
"""


def test_a_build_says_at_which_step_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preparation, "_PROGRESS_SECONDS", 0.3)
    Path("Makefile").write_text(MAKE)
    said = []
    monkeypatch.setenv("ENDS", "0")
    build_images({"localhost/slipway-mlflow"}, None, said.append)
    assert said[0].startswith("Image of MLflow's server")
    assert said[-1].endswith(" s: [mlflow-packages 2/3] RUN uv pip install")
    monkeypatch.setenv("ENDS", "1")
    with pytest.raises(StackError, match=r"(?s)mlflow-packages 2/3.*was not built: make ended with 2"):
        build_images({"localhost/slipway-mlflow"}, None, said.append)
