"""An environment with slipway[serve] alone has every command's help; a command that needs more names its extra."""

import subprocess
import sys

import pytest

from slipway.cli.root import SECTIONS

BEYOND_SERVE = ["dvc", "mlflow", "onnx", "pandas", "psutil", "pyarrow", "requests", "rich", "scipy", "sklearn", "yaml"]
NAMES = [name for section in SECTIONS.values() for name in section]


def slipway(folder, *words):
    code = f"import sys; sys.modules.update(dict.fromkeys({BEYOND_SERVE!r})); from slipway.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_its_help_there(tmp_path, name):
    done = slipway(tmp_path, name, "--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("gate",), "pipeline"),
        (("score", "rows.csv", "scores.csv"), "pipeline"),
        (("deploy", "staging"), "pipeline"),
        (("reconcile", "staging"), "deliver"),
        (("status",), "deliver"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else given,
)
def test_a_command_that_needs_more_names_its_extra_in_one_line(tmp_path, words, extra):
    done = slipway(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: `slipway {words[0]}` needs slipway[{extra}]: ")
    assert done.stderr.endswith(f" Install it: `uv sync --group {extra}`.\n")
    assert len(done.stderr.splitlines()) == 1


def test_what_needs_no_more_works_there(tmp_path, toys):
    bundle = str(toys["churn"].bundle.path)
    for words in (
        ("verify", "--bundle", bundle),
        ("key", "new", "prometheus", "--metrics"),
        ("key", "list", "--json"),
        ("log", "--folder", str(tmp_path)),
    ):
        done = slipway(tmp_path, *words)
        assert done.returncode == 0, done.stderr


def test_a_missing_package_of_the_problem_is_named_with_its_importer(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\nproblem = "example"\nresults = 3\n')
    (tmp_path / "src/example").mkdir(parents=True)
    (tmp_path / "src/example/problem.py").write_text("import a_package_of_theirs\n")
    code = "import sys; sys.path.insert(0, 'src'); from slipway.cli import main; main(['gate', '--power'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: `slipway gate`: example.problem fails: No module named 'a_package_of_theirs'. Name it in "
        "pyproject.toml, then run `uv sync`.\n",
    )
