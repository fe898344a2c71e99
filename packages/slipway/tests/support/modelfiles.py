"""Model files for tests: a fitted pipeline, written by joblib and skops."""

import io
import zipfile

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = pd.DataFrame({"price": np.arange(40.0), "town": list("ulm ") * 10})
TARGET = np.array(["no", "yes"] * 20)


def fit_pipeline():
    inputs = make_column_transformer((OneHotEncoder(), ["town"]), remainder=StandardScaler())
    return make_pipeline(inputs, LogisticRegression(C=np.float64(0.5), class_weight={"no": 1, "yes": 3})).fit(
        ROWS, TARGET
    )


def dump_joblib(found, **options):
    file = io.BytesIO()
    joblib.dump(found, file, **options)
    return file.getvalue()


def change_skops(path, change):
    """Write a skops file of the pipeline, with each file in it as `change` returns it."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(fit_pipeline()))) as read, zipfile.ZipFile(path, "w") as write:
        for name in read.namelist():
            write.writestr(name, change(name, read.read(name)))
