"""One real stack for a session; where nothing can be pulled, images of Debian's packages stand in for official ones."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from enginebox import engine_settings, require_base_image
from requirements import missing
from stackbox import Stack
from toybox import make_toy

IMAGES = Path(__file__).with_name("images")
STAND_INS = ("postgres", "registry", "prometheus")


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Its client and the base for images; without either these tests are skipped."""
    found = engine_settings()
    for words in (("info",), ("compose", "version")):
        try:
            done = subprocess.run([found["SLIPWAY_DOCKER"], *words], capture_output=True)
        except FileNotFoundError:
            done = None
        if done is None or done.returncode:
            missing(
                "docker",
                f"`{found['SLIPWAY_DOCKER']} {' '.join(words)}` fails; packages/slipway/ci/engine installs and starts "
                "an engine",
            )
    require_base_image(found)
    return found


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The toy whose model the stack serves; its bundle lies where a clone has it."""
    folder = tmp_path_factory.mktemp("stack") / "a clone"
    folder.mkdir()
    return make_toy("churn", folder / "bundle", rows=2000)


@pytest.fixture(scope="session")
def stack(engine, toy, session_folder) -> Iterator[Stack]:
    """The stack without Grafana, up; gone with everything it kept when the session ends."""
    folder = toy.bundle.path.parent
    mark = uuid4().hex[:8]
    client, image = engine["SLIPWAY_DOCKER"], f"slipway-test:stack-{mark}"
    settings = {"SLIPWAY_IMAGE": image} | _stand_ins(client, engine.get("SLIPWAY_BASE_IMAGE"), session_folder)
    found = Stack(folder, client, f"slipway-test-{mark}", settings)
    base = f"SLIPWAY_BASE_IMAGE={engine.get('SLIPWAY_BASE_IMAGE', '')}"
    (folder / ".slipway").mkdir()
    (folder / ".slipway" / "engine.env").write_text(base + "\n")
    found.make("image", f"IMAGE={image}")
    try:
        found.up()
        yield found
    finally:
        found.remove()
        subprocess.run([client, "image", "rm", "--force", image], capture_output=True)


def _stand_ins(client: str, base: str | None, session_folder: Path) -> dict[str, str]:
    """The variables that name them, none where official images can be pulled."""
    if not base:
        return {}
    with (session_folder / "stand-ins.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in STAND_INS:
            command = [client, "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", f"slipway-test-{name}"]
            done = subprocess.run(
                [*command, IMAGES / name], env=os.environ | {"DOCKER_BUILDKIT": "1"}, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr[-4000:]
    return {f"SLIPWAY_{name.upper()}_IMAGE": f"slipway-test-{name}" for name in STAND_INS}
