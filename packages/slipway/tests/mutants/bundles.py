"""Bundles that were damaged or edited after they were sealed."""

import json

from catalogue import mutant, nothing, replace_package, retrained
from projectbox import Project
from toybox import make_toy, reseal

from slipway.bundle import load_bundle


@mutant("integrity", nothing)
def flipped_byte(project: Project) -> None:
    """One bit of the model is flipped."""
    path = project.bundle / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@mutant("integrity", nothing)
def extra_file(project: Project) -> None:
    """The bundle has a file that the manifest does not name."""
    (project.bundle / "sitecustomize.py").write_text("")


@mutant("integrity", retrained)
def model_of_another_problem(project: Project) -> None:
    """The bundle is valid, but belongs to another problem."""
    make_toy("rents", project.bundle)


@mutant("golden_rows", retrained)
def swapped_model(project: Project) -> None:
    """The model is another one of this problem, with its hash in the manifest replaced."""
    golden = (project.bundle / "golden.jsonl").read_bytes()
    project.retrain(trees=5)
    reseal(project.bundle, "golden.jsonl", golden)


@mutant("golden_rows", retrained)
def golden_rows_edited(project: Project) -> None:
    """A golden row has another score, with its hash in the manifest replaced."""
    lines = (project.bundle / "golden.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps(first | {"score": 1 - first["score"]})
    reseal(project.bundle, "golden.jsonl", ("\n".join(lines) + "\n").encode())


@mutant("certificate", retrained)
def certificate_edited(project: Project) -> None:
    """The certificate says that labels changed, with its hash in the manifest replaced."""
    path = project.bundle / "certificate.json"
    content = json.dumps(json.loads(path.read_text()) | {"label_flips": 3}).encode()
    reseal(project.bundle, "certificate.json", content)


@mutant("golden_rows", retrained)
def features_changed(project: Project) -> None:
    """The bundle's features compute other values, with their hash in the manifest replaced."""
    text = (project.bundle / "features.py").read_text()
    assert "1970" in text
    changed = text.replace("+ 1970", "+ 1971")
    changed = changed.replace("return {**kept", 'kept["usage"] = kept["usage"] * 10\n    return {**kept')
    reseal(project.bundle, "features.py", changed.encode())


@mutant("certificate", retrained)
def certificate_over_one_row(project: Project) -> None:
    """The certificate compares a single row."""
    _recertified(project, rows=1, training=1, thresholds=0, extremes=0)


@mutant("certificate", retrained)
def certificate_without_training_rows(project: Project) -> None:
    """The certificate compares extreme rows alone."""
    _recertified(project, rows=64, training=0, thresholds=0, extremes=64)


@mutant("certificate", retrained)
def certificate_over_a_part(project: Project) -> None:
    """The certificate compares one training row in ten."""
    _recertified(project, training=len(project.train) // 10)


def _recertified(project: Project, **changed: int) -> None:
    path = project.bundle / "certificate.json"
    reseal(project.bundle, "certificate.json", json.dumps(json.loads(path.read_text()) | changed).encode())


@mutant("golden_rows", retrained)
def one_golden_row(project: Project) -> None:
    """A single golden row is left."""
    first, *_ = (project.bundle / "golden.jsonl").read_bytes().splitlines()
    reseal(project.bundle, "golden.jsonl", first + b"\n")


@mutant("golden_rows", retrained)
def one_golden_row_repeated(project: Project) -> None:
    """A single golden row stands there twenty times."""
    first, *_ = (project.bundle / "golden.jsonl").read_bytes().splitlines()
    reseal(project.bundle, "golden.jsonl", (first + b"\n") * 20)


@mutant("golden_rows", retrained)
def few_golden_rows(project: Project) -> None:
    """The golden rows that the model still scores alike are left: four of them."""
    lines = (project.bundle / "golden.jsonl").read_bytes().splitlines()
    reseal(project.bundle, "golden.jsonl", b"\n".join(lines[:4]) + b"\n")


def _extended(project: Project, name: str, line: str) -> None:
    """Put a line in front of a file of the bundle, with its hash in the manifest replaced."""
    content = (project.bundle / name).read_bytes()
    reseal(project.bundle, name, line.encode() + b"\n" + content)


def _imports_more(project: Project) -> None:
    """The features import one more module of the standard library, and nothing else happens."""
    _extended(project, "features.py", "import math")
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


@mutant("integrity", _imports_more)
def contract_exits(project: Project) -> None:
    """The contract ends the process that imports it, as if all were well."""
    _extended(project, "contract.py", "import sys; sys.exit(0)")


@mutant("integrity", _imports_more)
def features_exit_at_once(project: Project) -> None:
    """The features end the process that imports them, without any clean-up."""
    _extended(project, "features.py", "import os; os._exit(0)")


@mutant("integrity", _imports_more)
def features_take_all_memory(project: Project) -> None:
    """The features allocate a hundred GB."""
    _extended(project, "features.py", "_rows = bytearray(10**11)")


@mutant("golden_rows", _imports_more)
def features_ask_the_network(project: Project) -> None:
    """The features open a connection for each batch."""
    content = (project.bundle / "features.py").read_text()
    ask = "    __import__('socket').create_connection(('127.0.0.1', 9), 1)\n"
    reseal(project.bundle, "features.py", content.replace("    joined =", f"{ask}    joined =").encode())


@mutant("inputs", nothing)
def problem_exits(project: Project) -> None:
    """The package's own contract ends the process that imports it, as if all were well."""
    replace_package(project, "contract.py", lambda text: f"import os\n\nos._exit(0)\n{text}")


@mutant("integrity", retrained)
def older_format(project: Project) -> None:
    """The bundle has a format that this version does not read."""
    path = project.bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
