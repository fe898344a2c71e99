"""Seal a bundle: export, certify, choose golden rows, hash every file, and move the folder into place."""

import hashlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.bundle.code import CONTRACT, FEATURES, check_imports
from slipway.bundle.inputs import encode_inputs
from slipway.bundle.manifest import MANIFEST, Certificate, GoldenRow, Manifest, manifest_digest
from slipway.bundle.model import Bundle
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import load_bundle
from slipway.columns import Columns, frame_to_columns, rows_to_columns
from slipway.contract import Field, read_contract
from slipway.errors import ProblemError
from slipway.files.writing import encode_json, new_folder
from slipway.problem import Problem, Task
from slipway.training.export import certify_parity, export_onnx, find_batch_floor
from slipway.training.fit import Fitted, derive_features, predict_scores
from slipway.training.golden import choose_golden_rows
from slipway.training.profile import make_profile

if TYPE_CHECKING:
    import pandas as pd


def seal_bundle(
    problem: Problem, fitted: Fitted, threshold: float, train: "pd.DataFrame", holdout: "pd.DataFrame", folder: Path
) -> tuple[Bundle, Certificate]:
    """Seal the bundle of `fitted` in `folder`, certified over the whole holdout, and load it.

    `train` gives the inputs' profile, `holdout` the golden rows and the scores' profile. `folder` is replaced only by
    a bundle that is verified.
    """
    fields = read_contract(problem.contract)
    code = _code(problem)
    model = export_onnx(fitted)
    columns = frame_to_columns(fields, holdout)
    tensor = encode_inputs(fitted.inputs, derive_features(problem, columns))
    expected = predict_scores(fitted, tensor)
    floor = find_batch_floor(model, problem.task, tensor)
    scores = Scorer(model, problem.task, floor).run(tensor)
    limit = threshold if problem.task is Task.BINARY else None
    certificate = certify_parity(scores, expected, limit)
    contents = {
        **code,
        "model.onnx": model,
        "golden.jsonl": _golden(problem, fitted, fields, columns),
        "certificate.json": encode_json(certificate),
        "profile.json": encode_json(make_profile(fields, frame_to_columns(fields, train), scores)),
    }
    manifest = Manifest(
        problem=problem.name,
        task=problem.task,
        contract=problem.contract.__name__,
        features=problem.features.__name__ if problem.features else None,
        inputs=fitted.inputs,
        classes=fitted.classes,
        threshold=limit,
        batch_floor=floor,
        files={name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())},
    )
    return _write_bundle(manifest, contents, folder), certificate


def _write_bundle(manifest: Manifest, contents: dict[str, bytes], folder: Path) -> Bundle:
    """Write the bundle's files into `folder`, once they are verified beside it."""
    sealed = encode_json(manifest)
    with new_folder(folder) as temporary:
        for name, content in {**contents, MANIFEST: sealed}.items():
            (temporary / name).write_bytes(content)
        load_bundle(temporary, manifest_digest(sealed))
    return load_bundle(folder)


def _code(problem: Problem) -> dict[str, bytes]:
    sources = {CONTRACT: problem.contract, FEATURES: problem.features}
    contents = {}
    for name, found in sources.items():
        if found is None:
            continue
        path = Path(inspect.getfile(found))
        if path.name != name:
            raise ProblemError(
                f"{found.__name__}: expected in {name}, the file that travels with the model, found in {path.name}. "
                "Move it there."
            )
        check_imports(path)
        contents[name] = path.read_bytes()
    return contents


def _golden(problem: Problem, fitted: Fitted, fields: Sequence[Field], columns: Columns) -> bytes:
    rows = choose_golden_rows(fields, columns)
    typed = rows_to_columns(fields, [msgspec.convert(row, problem.contract) for row in rows])
    scores = predict_scores(fitted, encode_inputs(fitted.inputs, derive_features(problem, typed))).tolist()
    lines = [msgspec.json.encode(GoldenRow(row, score)) for row, score in zip(rows, scores, strict=True)]
    return b"\n".join(lines) + b"\n"
