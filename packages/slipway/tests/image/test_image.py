"""What an image is made of."""

import json
import shutil
import tomllib

import pytest
from places import ROOT
from toybox import make_toy

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def config(engine, image):
    return engine.inspect(image.name)["Config"]


def test_it_says_which_source_and_which_model_it_is(config, image, shipyard):
    expected = {
        "org.opencontainers.image.title": "slipway",
        "org.opencontainers.image.source": shipyard.source,
        "org.opencontainers.image.revision": shipyard.revision,
        "slipway.bundle.digest": image.bundle.digest,
    }
    assert {name: config["Labels"].get(name) for name in expected} == expected


def test_it_runs_as_nobody_in_particular_and_starts_the_service(config):
    assert config["User"] == "10001:0"
    assert config["Entrypoint"] == ["env", "--block-signal=TERM", "slipway"]
    assert config["Cmd"] == ["serve"]
    assert config["Healthcheck"]["Test"] == ["CMD", "slipway", "health"]
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert list(config["Volumes"]) == ["/var/log/slipway"]


def test_no_program_takes_the_rights_of_another_user_and_there_is_no_perl(engine, image):
    found = engine.python(
        image.name,
        "import pathlib, shutil, stat\n"
        "print([str(path) for path in pathlib.Path('/usr').rglob('*') if path.is_file() and not path.is_symlink()"
        " and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)], shutil.which('perl'))",
    )
    assert found.strip() == "[] None"


def test_it_leaves_the_choice_of_who_checks_callers_to_who_runs_it(config):
    assert not [value for value in config["Env"] if value.startswith(("SLIPWAY_AUTH", "SLIPWAY_API_KEYS"))]


def test_it_adds_less_than_250_mb_to_its_base(engine, image):
    base = engine.base or engine.run("history", "--quiet", image.name).splitlines()[-1]
    if base == "<missing>":
        pytest.skip("the base was pulled by the builder, which keeps no image of it to compare with")
    added = engine.inspect(image.name)["Size"] - engine.inspect(base)["Size"]
    assert added < 250e6, f"{added / 1e6:.0f} MB"


def test_what_is_installed_is_what_the_lock_says(engine, image):
    found = json.loads(
        engine.python(
            image.name,
            "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))",
        )
    )
    locked = {
        package["name"]: package["version"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    installed = {name.lower().replace("_", "-"): version for name, version in found.items()}
    # The base may bring an installer of its own.
    installed = {name: version for name, version in installed.items() if name not in ("pip", "setuptools", "wheel")}
    assert installed == {name: locked[name] for name in installed}
    assert {"flask", "granian", "msgspec", "numpy", "onnxruntime", "prometheus-client", "slipway"} <= set(installed)
    assert not {"pandas", "scikit-learn", "scipy", "mlflow", "dvc", "great-expectations", "pyarrow"} & set(installed)
    assert not {"protobuf", "flatbuffers", "pytest"} & set(installed)


def test_it_holds_the_machinery_and_the_code_of_no_problem(engine, image):
    folders = json.loads(engine.python(image.name, "import json, os; print(json.dumps(os.listdir('/app/code')))"))
    assert sorted(name.partition("-")[0] for name in folders) == ["bin", "slipway", "slipway"], "the package's metadata"


def test_it_can_import_the_whole_service_with_a_read_only_root(engine, image):
    engine.run(
        *("run", "--rm", "--read-only", "--network", "none", "--user", "12345:0", "--entrypoint", "python", image.name),
        "-c",
        "import importlib, pkgutil, slipway.bundle, slipway.serving\n"
        "for room in (slipway.bundle, slipway.serving):\n"
        "    for m in pkgutil.walk_packages(room.__path__, room.__name__ + '.'): importlib.import_module(m.name)",
    )


def test_a_command_that_needs_more_than_the_service_says_what_is_missing(engine, image):
    done = engine.try_run("run", "--rm", "--network", "none", image.name, "gate")
    assert done.returncode == 1
    assert "slipway[pipeline]" in done.stderr and "Traceback" not in done.stderr


def test_nobody_but_root_can_write_anything_but_the_log(engine, image):
    found = engine.python(
        image.name,
        "import os\n"
        "for top, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if os.path.join(top, f) not in ('/proc', '/sys', '/dev')]\n"
        "    for path in [top, *(os.path.join(top, f) for f in files)]:\n"
        "        if os.access(path, os.W_OK) and not os.path.islink(path): print(path)",
    ).split()
    ordinary = {"/tmp", "/var/tmp", "/run/lock", "/var/log/slipway"}
    assert set(found) <= ordinary


def test_another_model_makes_another_last_layer_and_nothing_else(engine, image, shipyard, tmp_path):
    context = tmp_path / "context"
    shutil.copytree(image.context, context)
    other = make_toy("churn", context / "bundle", rows=2400).bundle
    assert other.digest != image.bundle.digest
    name = f"{image.name}-other"
    shipyard.make_image(context, name)
    try:
        before, after = (engine.inspect(found)["RootFS"]["Layers"] for found in (image.name, name))
        assert len(before) == len(after)
        assert [was == now for was, now in zip(before, after, strict=True)] == [True] * (len(before) - 1) + [False]
        assert engine.inspect(name)["Config"]["Labels"]["slipway.bundle.digest"] == other.digest
    finally:
        engine.run("image", "rm", "--force", name)


def test_a_bundle_that_only_its_owner_could_read_is_readable_in_the_image(engine, image, shipyard, tmp_path):
    """Git and umask decide about modes on the machine that builds; any user may be the one that serves."""
    context = tmp_path / "context"
    shutil.copytree(image.context, context)
    for path in (context / "bundle").iterdir():
        path.chmod(0o600)
    (context / "bundle").chmod(0o700)
    name = f"{image.name}-private"
    shipyard.make_image(context, name)
    try:
        verified = engine.run("run", "--rm", "--user", "54321:54321", name, "verify", "--bundle", "/bundle")
        assert image.bundle.digest in verified
    finally:
        engine.run("image", "rm", "--force", name)


def test_no_image_is_made_of_a_damaged_bundle(image, shipyard, tmp_path):
    context = tmp_path / "context"
    shutil.copytree(image.context, context)
    (context / "bundle" / "note.txt").write_text("mine")
    with pytest.raises(AssertionError, match=r"/bundle/note\.txt is not named in the manifest"):
        shipyard.make_image(context, f"{image.name}-damaged")


def test_without_a_bundle_or_an_engine_make_says_what_to_do(image, shipyard, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    with pytest.raises(AssertionError, match="No bundle yet: run make repro first"):
        shipyard.make_image(tmp_path, "never")
    nowhere = shipyard._replace(engine=type(shipyard.engine)("no-such-docker", None))
    with pytest.raises(AssertionError, match="a container engine: no-such-docker info fails"):
        nowhere.make_image(tmp_path, "never")
