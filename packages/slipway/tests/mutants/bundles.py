"""Bundles that were damaged or edited after they were sealed."""

import json

from catalogue import mutant, nothing, retrained
from projectbox import Project
from toybox import make_toy, reseal


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


@mutant("integrity", retrained)
def older_format(project: Project) -> None:
    """The bundle has a format that this version does not read."""
    path = project.bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
