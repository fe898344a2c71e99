"""Seal a bundle: export, certify, choose golden rows, hash every file, and move the folder into place."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import encode_inputs
from slipway.bundle.manifest import MANIFEST, Certificate, Manifest, manifest_digest
from slipway.bundle.model import Bundle
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import load_bundle
from slipway.columns import Columns, frame_to_columns, rows_to_columns
from slipway.contract import Field, read_contract
from slipway.files.writing import encode_json, new_folder
from slipway.problem import Problem, Task
from slipway.training.certify import certify_parity, collect_rows, find_batch_floor, name_runtime_errors
from slipway.training.export import export_onnx
from slipway.training.fit import Fitted, derive_features, predict_scores
from slipway.training.golden import answer_rows, choose_golden_rows, encode_golden_rows
from slipway.training.made_rows import Made, make_rows
from slipway.training.profile import complete_profile, make_profile
from slipway.training.reference.cut_blocks import block_rows
from slipway.training.sources import read_sources

if TYPE_CHECKING:
    import pandas as pd


def seal_bundle(
    problem: Problem, fitted: Fitted, threshold: float, train: "pd.DataFrame", folder: Path
) -> tuple[Bundle, Certificate]:
    """Seal the bundle of `fitted` in `folder`, certified on the training set and on made rows, and load it.

    `train` gives the profile, and what golden rows look like. `folder` is replaced only by a bundle that is verified.
    """
    fields = read_contract(problem.contract)
    code = read_sources(problem)
    model = export_onnx(fitted)
    columns = frame_to_columns(fields, train)
    tensor = encode_inputs(fitted.inputs, derive_features(problem, columns))
    profile = make_profile(fields, columns)
    made = make_rows(problem.contract, fields, columns, profile)
    encode = partial(_encode_made, problem, fitted, fields)
    answers = answer_rows(lambda some: predict_scores(fitted, encode(some)), made.all)
    limit = threshold if problem.task is Task.BINARY else None
    scale = _scale(problem.task, train["target"])
    with name_runtime_errors(fitted, tensor):
        floor = find_batch_floor(model, problem.task, tensor)
        scorer = Scorer(model, problem.task, floor)
        certified = collect_rows(fitted, tensor, encode(made.all), scale)
        certificate = certify_parity(scorer, fitted, certified, limit, scale)
        score = partial(_score, problem, fitted, scorer)
        profile = complete_profile(profile, columns, scorer.run(tensor), block_rows(train), fitted.inputs, score)
    contents = {
        **code,
        "model.onnx": model,
        "golden.jsonl": encode_golden_rows(choose_golden_rows(made, answers)),
        "certificate.json": encode_json(certificate),
        "profile.json": encode_json(profile),
    }
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
    manifest = _describe(problem, fitted, threshold=limit, scale=scale, batch_floor=floor, files=files)
    return _write_bundle(manifest, contents, folder), certificate


def _describe(problem: Problem, fitted: Fitted, **found: Any) -> Manifest:
    return Manifest(
        problem=problem.name,
        task=problem.task,
        contract=problem.contract.__name__,
        features=problem.features.__name__ if problem.features else None,
        inputs=fitted.inputs,
        classes=fitted.classes,
        outcome=problem.outcome,
        **found,
    )


def _write_bundle(manifest: Manifest, contents: dict[str, bytes], folder: Path) -> Bundle:
    """Write the bundle's files into `folder`, once they are verified beside it."""
    sealed = encode_json(manifest)
    with new_folder(folder) as temporary:
        for name, content in {**contents, MANIFEST: sealed}.items():
            (temporary / name).write_bytes(content)
        load_bundle(temporary, manifest_digest(sealed))
    return load_bundle(folder)


def _encode_made(
    problem: Problem, fitted: Fitted, fields: Sequence[Field], rows: Sequence[Made]
) -> NDArray[np.float32]:
    columns = rows_to_columns(fields, [made.struct for made in rows])
    return encode_inputs(fitted.inputs, derive_features(problem, columns))


def _score(problem: Problem, fitted: Fitted, scorer: Scorer, columns: Columns) -> NDArray[np.float64]:
    return scorer.run(encode_inputs(fitted.inputs, derive_features(problem, columns)))


def _scale(task: Task, target: "pd.Series") -> float:
    """Return the spread of a regression's target, to two digits, and 1 for probabilities."""
    spread = float(f"{np.std(target.to_numpy(dtype=np.float64)):.1e}") if task is Task.REGRESSION else 1.0
    return spread if 0 < spread < np.inf else 1.0
