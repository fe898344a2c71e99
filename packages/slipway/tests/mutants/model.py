"""Models that went wrong, sealed and evaluated as honest ones are."""

import json
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from catalogue import mutant, retrained
from ledgerbox import deploy
from onnx import ModelProto
from onnx.helper import make_node
from onnx.numpy_helper import from_array
from projectbox import Project
from toybox import reseal

from slipway.bundle import Bundle, load_bundle
from slipway.bundle.verify import read_sealed


def _fewer_trees(project: Project) -> None:
    """A few trees less, within what is not significant."""
    project.retrain(trees=27)


@mutant("not_worse", _fewer_trees)
def undertrained(project: Project) -> None:
    """Two trees instead of thirty."""
    project.retrain(trees=2)


@mutant("not_worse", _fewer_trees)
def trained_on_a_tenth(project: Project) -> None:
    """A tenth of the days was trained on."""
    groups = sorted(project.train["group"].unique())
    train = project.train[project.train["group"].isin(groups[: len(groups) // 10])]
    project.retrain(train.reset_index(drop=True), None)


def after_a_weak_release(project: Project, train: pd.DataFrame) -> None:
    """Production serves a model of four trees; the candidate has thirty, fitted on `train`."""
    deploy(project.root, project.retrain(trees=4))
    project.retrain(train, None)


def better_everywhere(project: Project) -> None:
    """More trees, for every slice."""
    after_a_weak_release(project, project.train)


@mutant("no_slice_worse", better_everywhere)
def one_slice_ruined(project: Project) -> None:
    """The labels of one plan are shuffled, while more trees make the mean better."""
    train = project.train.copy()
    rows = np.flatnonzero(train["plan"] == "plus")
    train.loc[rows, "target"] = train["target"].iloc[np.random.default_rng(5).permutation(rows)].to_numpy()
    after_a_weak_release(project, train)


def _edited(project: Project, change: Any) -> None:
    """Change the model's graph, and seal, certify and evaluate as someone would who knows every format."""
    path = project.bundle / "model.onnx"
    model = ModelProto.FromString(path.read_bytes())
    change(model)
    reseal(project.bundle, "model.onnx", model.SerializeToString())
    _golden_again(project)
    bundle = load_bundle(project.bundle)
    project.evaluate(bundle, project.train, project.holdout)


def _golden_again(project: Project) -> None:
    """Let the golden rows have the scores that the changed model gives."""
    bundle = Bundle(*read_sealed(project.bundle))
    columns, _ = bundle.golden()
    scores = bundle.score(columns).tolist()
    lines = [json.loads(line) for line in (project.bundle / "golden.jsonl").read_text().splitlines()]
    changed = [json.dumps({**line, "score": score}) for line, score in zip(lines, scores, strict=True)]
    reseal(project.bundle, "golden.jsonl", ("\n".join(changed) + "\n").encode())


def _logits(times: float, plus: float) -> Any:
    """Change the log odds, which are the sum of the trees' leaves and a start."""

    def change(model: ModelProto) -> None:
        (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsembleClassifier")
        for attribute in trees.attribute:
            if attribute.name in ("class_weights", "base_values"):
                more = plus if attribute.name == "base_values" else 0.0
                attribute.floats[:] = [value * times + more for value in attribute.floats]

    return change


def _same_odds(project: Project) -> None:
    """Log odds a little closer to zero, within what is not significant."""
    _edited(project, _logits(0.98, 0.0))


@mutant("not_worse", _same_odds)
def inverted(project: Project) -> None:
    """The scores are inverted."""
    _edited(project, _logits(-1.0, 0.0))


@mutant("predictions_sane", _same_odds)
def constant(project: Project) -> None:
    """Every row gets the same score."""
    _edited(project, _logits(0.0, -0.2))


@mutant("calibrated", _same_odds)
def overconfident(project: Project) -> None:
    """The log odds are two and a half times as large."""
    _edited(project, _logits(2.5, 0.0))


def _pushed(where: str, limit: float, to: float) -> Any:
    """Replace the scores beyond a limit (`where` is Greater or Less) by one value."""

    def change(model: ModelProto) -> None:
        graph = model.graph
        name = graph.output[-1].name
        for node in graph.node:
            node.output[:] = ["before" if each == name else each for each in node.output]
        constants = {"last": [[0.0], [1.0]], "limit": [[limit]], "pair": [[1 - to, to]]}
        graph.initializer.extend(from_array(np.array(value, np.float32), key) for key, value in constants.items())
        graph.node.extend(
            [
                make_node("MatMul", ["before", "last"], ["score"]),
                make_node(where, ["score", "limit"], ["beyond"]),
                make_node("Where", ["beyond", "pair", "before"], [name]),
            ]
        )

    return change


@mutant("calibrated", _same_odds)
def sure_at_the_top(project: Project) -> None:
    """The highest scores become .995."""
    _edited(project, _pushed("Greater", 0.62, 0.995))


@mutant("calibrated", _same_odds)
def sure_at_the_bottom(project: Project) -> None:
    """The lowest scores become nearly zero."""
    _edited(project, _pushed("Less", 0.18, 0.002))


def _sharpened_above(limit: float, times: float) -> Any:
    """Multiply the distance of scores above a limit from 1 by a number below one."""

    def change(model: ModelProto) -> None:
        graph = model.graph
        name = graph.output[-1].name
        for node in graph.node:
            node.output[:] = ["before" if each == name else each for each in node.output]
        constants = {"last": [[0.0], [1.0]], "first": [[1.0], [0.0]], "limit": [[limit]], "times": [[times]]}
        constants |= {"one": [[1.0]]}
        graph.initializer.extend(from_array(np.array(value, np.float32), key) for key, value in constants.items())
        graph.node.extend(
            [
                make_node("MatMul", ["before", "last"], ["score"]),
                make_node("MatMul", ["before", "first"], ["rest"]),
                make_node("Mul", ["rest", "times"], ["less"]),
                make_node("Sub", ["one", "less"], ["more"]),
                make_node("Concat", ["less", "more"], ["sure"], axis=1),
                make_node("Greater", ["score", "limit"], ["beyond"]),
                make_node("Where", ["beyond", "sure", "before"], [name]),
            ]
        )

    return change


@mutant("calibrated", _same_odds)
def sharpened_above(project: Project) -> None:
    """The scores above .55 are surer than they should be, each by a third of its distance from 1."""
    _edited(project, _sharpened_above(0.55, 0.33))


def _better_than_a_weak_release(project: Project) -> None:
    """More trees, with log odds a little closer to zero."""
    better_everywhere(project)
    _same_odds(project)


@mutant("calibrated", _better_than_a_weak_release)
def better_and_sure_at_the_top(project: Project) -> None:
    """The model is better than production's all in all, and too sure where its scores are high."""
    better_everywhere(project)
    _edited(project, _pushed("Greater", 0.6, 0.97))


@mutant("calibrated", _same_odds)
def ceiling_on_scores(project: Project) -> None:
    """No score is above a ceiling."""
    _edited(project, _pushed("Greater", 0.36, 0.36))


@mutant("mean_prediction_in_range", _same_odds)
def shifted(project: Project) -> None:
    """Every score is a little too high."""
    _edited(project, _logits(1.0, 0.25))


@mutant("production", retrained)
def wrong_class_order(project: Project) -> None:
    """The manifest names the classes in reverse order."""
    path = project.bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["classes"].reverse()
    path.write_text(json.dumps(manifest))
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


@mutant("predictions_sane", _same_odds)
def random_at_each_call(project: Project) -> None:
    """The features add random noise, too little for the golden rows to show."""
    text = (project.bundle / "features.py").read_text()
    noise = 'kept["usage"] = kept["usage"] + np.random.normal(0, 3e-4, len(kept["usage"]))'
    changed = text.replace("    return {**kept", f"    {noise}\n    return {{**kept")
    assert noise in changed
    reseal(project.bundle, "features.py", changed.encode())
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


def with_features(project: Project, line: str, above: str = "") -> None:
    """Put a line more into the bundle's features and `above` before them; seal and evaluate it like a trained one."""
    text = (project.bundle / "features.py").read_text()
    changed = text.replace("def derive", f"{above}def derive").replace(_KEEP, f"{_KEEP}    {line}\n")
    assert line in changed
    reseal(project.bundle, "features.py", changed.encode())
    _golden_again(project)
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


_KEEP = '    kept = {name: columns[name] for name in ("plan", "town", "months", "usage", "paperless")}\n'


def _honest_ratio(project: Project) -> None:
    """A feature more, computed from a row's own columns."""
    with_features(project, 'kept["pace"] = columns["usage"] / (1.0 + columns["months"])')


@mutant("served_as_evaluated", _honest_ratio)
def centred_on_the_batch(project: Project) -> None:
    """A number is centred on the mean of whatever rows are scored together."""
    with_features(project, 'kept["usage"] = kept["usage"] - np.nanmean(kept["usage"], axis=0)')


@mutant("served_as_evaluated", _honest_ratio)
def ranked_in_the_batch(project: Project) -> None:
    """A number becomes its rank among the rows that are scored together."""
    with_features(project, 'kept["usage"] = kept["usage"].argsort().argsort() / 1.0')


@mutant("served_as_evaluated", _honest_ratio)
def previous_row_seen(project: Project) -> None:
    """A feature holds the value of the row before, which in the dataset is the hour before."""
    with_features(project, 'kept["usage"] = np.roll(kept["usage"], 1)')


@mutant("predictions_sane", _honest_ratio)
def last_rows_remembered(project: Project) -> None:
    """A number is compared with that of the request before."""
    line = 'kept["usage"] = kept["usage"] - np.nan_to_num(_seen.pop()); _seen.append(columns["usage"][-1:])'
    with_features(project, line, "_seen = [np.zeros(1)]\n\n\n")


@mutant("served_as_evaluated", _honest_ratio)
def aged_by_the_clock(project: Project) -> None:
    """A number grows with the days since the model was written."""
    days = f"datetime.date.today().toordinal() - {datetime.now().toordinal()}"
    with_features(project, f'kept["usage"] = kept["usage"] + {days}', "import datetime\n\n\n")


@mutant("source_allowed", _honest_ratio)
def clock_of_numpy(project: Project) -> None:
    """The features read numpy's clock, of which Python knows nothing."""
    with_features(
        project, 'kept["paperless"] = kept["paperless"] * (np.datetime64("now") > np.datetime64("2024-01-01"))'
    )


@mutant("source_allowed", _honest_ratio)
def file_beside_the_code(project: Project) -> None:
    """The features look for a table, and do without where there is none."""
    line = 'kept["usage"] = kept["usage"] + float(os.path.exists("/data/table.csv"))'
    with_features(project, line, "import os\n\n\n")


@mutant("source_allowed", _honest_ratio)
def random_ties(project: Project) -> None:
    """Ties are broken at random, by less than a score shows."""
    with_features(project, 'kept["usage"] = kept["usage"] + np.random.random() * 1e-12')


@mutant("latency_and_size", _honest_ratio)
def eighty_times_slower(project: Project) -> None:
    """Each row takes a millisecond more, which the absolute budget allows."""
    with_features(project, 'kept["usage"] = [np.sqrt(kept["usage"]) ** 2 for _ in range(600)][0]')


@mutant("latency_and_size", _honest_ratio)
def slow_for_few_rows(project: Project) -> None:
    """One row in twenty takes a hundred times as long."""
    few = "len(kept['usage']) == 1 and kept['months'][0] % 20 == 7"
    with_features(project, f"[np.sqrt(kept['usage']) for _ in range(3000 * ({few}))]")


@mutant("metrics_reproduced", retrained)
def wrong_threshold(project: Project) -> None:
    """The threshold in the manifest differs from the evaluated one."""
    path = project.bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"threshold": 0.9}))


@mutant("metrics_reproduced", retrained)
def wrong_threshold_evaluated(project: Project) -> None:
    """The threshold in the manifest differs from params.yaml, and metrics.json agrees with the manifest."""
    wrong_threshold(project)
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)
