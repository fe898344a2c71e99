"""The evaluation of a sealed bundle: metrics with intervals, slices, plots, the model card."""

from slipway.evaluation.card import check_card, describe_part, render
from slipway.evaluation.curves import plot_tables
from slipway.evaluation.holdout import evaluate
from slipway.evaluation.importance import permutation_importance
from slipway.evaluation.losses import group_sums, row_losses
from slipway.evaluation.metrics import METRICS, check_primary
from slipway.evaluation.plots import write_plots
from slipway.evaluation.result import (
    Evaluation,
    Figure,
    Metric,
    SliceResult,
    decode,
    encode,
    flatten,
    headline,
    metric,
    read,
)
from slipway.evaluation.scored import Scored, check_bundle, constant, encode_target, score_frame
from slipway.evaluation.slices import cut

__all__ = [
    "METRICS",
    "Evaluation",
    "Figure",
    "Metric",
    "Scored",
    "SliceResult",
    "check_bundle",
    "check_card",
    "check_primary",
    "constant",
    "cut",
    "decode",
    "describe_part",
    "encode",
    "encode_target",
    "evaluate",
    "flatten",
    "group_sums",
    "headline",
    "metric",
    "permutation_importance",
    "plot_tables",
    "read",
    "render",
    "row_losses",
    "score_frame",
    "write_plots",
]
