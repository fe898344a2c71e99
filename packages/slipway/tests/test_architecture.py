"""The rules of the house: data flows one way, serving stays small, stage scripts are short."""

import ast
import graphlib
import re
import subprocess
import sys

import pytest
import yaml
from places import PACKAGE, ROOT, TOYS

import slipway

SOURCE = PACKAGE / "src" / "slipway"
# A package imports only from those before it.
ORDER = [
    "data",
    "bundle",
    "batch",
    "serving",
    "training",
    "importing",
    "evaluation",
    "ledger",
    "gate",
    "tracking",
    "search",
    "delivery",
    "monitoring",
    "github",
    "stack",
    "testing",
    "demo",
    "template",
    "updating",
    "cli",
    "docs",
]
HEAVY = [
    "pandas",
    "sklearn",
    "scipy",
    "onnx",
    "skl2onnx",
    "mlflow",
    "dvc",
    "great_expectations",
    "pyarrow",
    "yaml",
    "requests",
    "rich",
]


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_from_those_before_it(package):
    later = {f"slipway.{name}" for name in ORDER[ORDER.index(package) + 1 :]}
    files = [*(SOURCE / package).rglob("*.py")]
    assert files
    for path in files:
        for module in imports_of(path):
            assert ".".join(module.split(".")[:2]) not in later, f"{path.relative_to(ROOT)} imports {module}"


def test_the_table_of_packages_names_each_in_its_order():
    table = (PACKAGE / "CONTRIBUTING.md").read_text().partition("| package | does |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == ORDER


def test_files_at_the_root_of_the_machinery_import_no_package():
    for path in SOURCE.glob("*.py"):
        for module in imports_of(path):
            assert not set(module.split(".")[1:2]) & set(ORDER), f"{path.name} imports {module}"


def test_no_modules_import_each_other_in_a_circle():
    """An import inside of a function counts like any other: made late, a circle is only hidden."""
    names = {}
    for path in SOURCE.rglob("*.py"):
        names[".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")] = path
    graph = {
        name: {found if found in names else found.rpartition(".")[0] for found in imports_of(path)} & names.keys()
        for name, path in names.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_loading_a_bundle_needs_nothing_but_what_the_service_installs(toys):
    """Run in a process in which everything beyond numpy, msgspec and ONNX Runtime cannot be imported."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
from pathlib import Path
from slipway.bundle import load_bundle
bundle = load_bundle(Path({str(toys["churn"].bundle.path)!r}))
print(len(bundle.score(bundle.golden()[0])))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 16


def test_public_names_need_nothing_but_msgspec():
    code = f"""
import sys
sys.modules.update(dict.fromkeys({[*HEAVY, "numpy", "click", "onnxruntime", "flask"]!r}))
import slipway
print([name for name in sys.modules if name.startswith("slipway")])
for name in slipway.__all__:
    try:
        getattr(slipway, name)
    except ImportError:
        print(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['slipway']", "read_folder"]


def test_every_public_name_is_there():
    assert all(getattr(slipway, name) for name in slipway.__all__)
    with pytest.raises(AttributeError, match="no attribute 'reader'"):
        slipway.reader  # noqa: B018 - asking for it is the test


@pytest.mark.parametrize("folder", [ROOT / "src", TOYS])
def test_a_problem_package_uses_public_names_alone(folder):
    modules = {module for path in folder.rglob("*.py") for module in imports_of(path) if module.startswith("slipway")}
    assert modules
    assert {module.removeprefix("slipway.") for module in modules} <= set(slipway.__all__)


def test_the_service_stands_on_the_bundle_alone():
    others = {f"slipway.{name}" for name in ORDER if name not in ("bundle", "serving")}
    for path in (SOURCE / "serving").rglob("*.py"):
        for module in imports_of(path):
            assert ".".join(module.split(".")[:2]) not in others, f"{path.relative_to(ROOT)} imports {module}"


def test_the_service_needs_nothing_but_what_its_image_installs(toys):
    """Everything of it is imported, Flask's part too, where nothing of the pipeline can be."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
import importlib
from pathlib import Path
import slipway.cli
root = Path(slipway.cli.__file__).parent.parent / "serving"
for path in sorted(root.rglob("*.py")):
    parts = ["slipway.serving", *path.relative_to(root).with_suffix("").parts]
    importlib.import_module(".".join(parts).removesuffix(".__init__"))
print(slipway.cli.main.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "main"


def test_one_module_starts_git():
    """The others ask it, so that every command runs in one environment and no failure is ignored."""
    for path in SOURCE.rglob("*.py"):
        words = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        assert ("git" in words) == (path == SOURCE / "git.py"), path.relative_to(ROOT)


def test_every_stage_script_is_short():
    for path in (ROOT / "pipeline").glob("*.py"):
        assert len(path.read_text().splitlines()) < 40, path.name


def test_every_plot_template_of_our_own_is_there_and_used():
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    named = {options["template"] for plot in plots for options in plot.values()}
    ours = {path.stem for path in (ROOT / ".dvc" / "plots").glob("*.json")}
    assert ours <= named
    assert named - ours <= {"simple", "linear", "bar_horizontal_sorted"}, "a template that DVC brings along"


def rooms():
    """Return every folder of the machinery that holds modules."""
    return sorted({path.parent for path in SOURCE.rglob("*.py")})


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(SOURCE)))
def test_a_room_has_at_most_fifteen_files(room):
    assert len([*room.glob("*.py")]) <= 15


@pytest.mark.parametrize("package", ORDER)
def test_no_two_public_functions_of_a_package_have_one_name(package):
    # Commands are named by what is typed: `slipway verify` and `slipway ledger verify` are two.
    places = {}
    for path in (SOURCE / package).rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert twice == {} or package == "cli"


def test_no_function_or_class_is_renamed_at_import():
    usual = {"np", "pd", "pa", "pc", "pq", "gx"}
    renamed = [
        f"{path.relative_to(SOURCE)}: {alias.name} as {alias.asname}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if alias.asname and alias.asname not in usual
    ]
    assert renamed == []
