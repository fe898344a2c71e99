"""NannyML: drift of each column, the metric of known outcomes, and its estimate, by week. Reads Parquet files."""

import sys
from pathlib import Path

import nannyml
import pandas as pd

folder = Path(sys.argv[1])
reference, window = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "window"))
inputs = [name for name in window if name not in ("day", "target", "label")]
by_week = {"timestamp_column_name": "day", "chunk_period": "W"}
scored = {"y_true": "target", "y_pred": "label", "y_pred_proba": "score", "metrics": ["roc_auc"]}
kind = {"problem_type": "classification_binary"}
for calculator in (
    nannyml.UnivariateDriftCalculator(column_names=inputs, **by_week),
    nannyml.PerformanceCalculator(**scored, **kind, **by_week),
    nannyml.CBPE(**scored, **kind, **by_week),
):
    calculator.fit(reference)
    run = calculator.estimate if isinstance(calculator, nannyml.CBPE) else calculator.calculate
    run(window).to_df().to_parquet(folder / "nannyml.parquet")
