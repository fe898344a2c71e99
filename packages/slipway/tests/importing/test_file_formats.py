"""The estimator of a model file is found, whichever of the known formats it has and whatever it lies in."""

import pickle

import cloudpickle
import numpy as np
import pytest
import skops.io
from modelfiles import ROWS, TARGET, dump_joblib, fit_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from slipway.errors import ModelError
from slipway.importing.inputs import find_input_names
from slipway.importing.model_file import read_model_file
from slipway.importing.parts import read_model

WRITERS = {
    **{f"pickle {number}": lambda found, number=number: pickle.dumps(found, protocol=number) for number in range(6)},
    "cloudpickle": cloudpickle.dumps,
    "joblib": dump_joblib,
    "skops": skops.io.dumps,
    **{
        f"joblib {name}": lambda found, name=name: dump_joblib(found, compress=(name, 3))
        for name in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_pipeline_is_read_from_every_format(tmp_path, writer):
    path = tmp_path / "model.bin"
    path.write_bytes(WRITERS[writer](fit_pipeline()))
    found = read_model_file(path)
    assert found.foreign == ()
    assert found.written_by.split(",")[0] == writer.split()[0].removeprefix("cloud")
    part = read_model(found).part
    assert (part.module, part.name, part.parameters["steps"][1][0]) == (
        "sklearn.pipeline",
        "Pipeline",
        "logisticregression",
    )
    given = part.parameters["steps"][1][1].parameters
    assert (given["C"], given["class_weight"]) == (0.5, {"no": 1, "yes": 3})
    assert find_input_names(part) == ["price", "town"]


def test_a_search_gives_its_best_estimator(tmp_path):
    path = tmp_path / "search.pkl"
    search = GridSearchCV(LogisticRegression(), {"C": np.logspace(-2, 2, 3)}, scoring="roc_auc")
    path.write_bytes(pickle.dumps(search.fit(ROWS[["price"]], TARGET == "yes")))
    found = read_model(read_model_file(path))
    assert found.part.name == "LogisticRegression" and "best estimator" in found.notes[0]


def test_the_one_estimator_of_a_container_is_found(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"model": LogisticRegression(C=2.0), "columns": ["price"]}))
    assert read_model(read_model_file(path)).part.parameters["C"] == 2.0
    path.write_bytes(pickle.dumps([LogisticRegression(), LogisticRegression()]))
    with pytest.raises(ModelError, match="with 2 estimators"):
        read_model(read_model_file(path))
