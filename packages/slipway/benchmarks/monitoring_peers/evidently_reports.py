"""Evidently: a report by week on drift and on the classification, as its presets have it. Reads Parquet files."""

import sys
from pathlib import Path

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset, DataDriftPreset

folder = Path(sys.argv[1])
reference, window = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "window"))
inputs = [name for name in window if name not in ("day", "target", "label", "score")]
texts = [name for name in inputs if not pd.api.types.is_numeric_dtype(window[name])]
definition = DataDefinition(
    numerical_columns=[*(name for name in inputs if name not in texts), "score"],
    categorical_columns=[*texts, "target", "label"],
    classification=[BinaryClassification(target="target", prediction_labels="label", prediction_probas="score")],
)
report = Report([DataDriftPreset(columns=[*inputs, "score"]), ClassificationPreset()])
before = Dataset.from_pandas(reference.drop(columns="day"), data_definition=definition)
first = window["day"].min()
for _, week in window.groupby((window["day"] - first).dt.days // 7):
    known = Dataset.from_pandas(week.drop(columns="day"), data_definition=definition)
    report.run(known, before).save_html(str(folder / "evidently.html"))
