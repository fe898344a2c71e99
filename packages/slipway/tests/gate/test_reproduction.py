"""Production's model gets its recorded figures again on sound rows, and only there."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from gatebox import with_production_scores

from slipway.data.group_names import Naming
from slipway.data.splitting import is_held_out, split_frame
from slipway.evaluation.record import make_record
from slipway.evaluation.scored import score_frame
from slipway.gate.checks.reproduction import production_reproduced, record_reproduced
from slipway.gate.inputs import ScoredBundle
from slipway.gate.statistics.reproduction import add_absent_columns
from slipway.params import SplitParams


@pytest.fixture(scope="module")
def recorded(toys, productions, inputs_by_toy):
    """The inputs of churn, whose production has an evaluation record on the same rows."""
    return with_record(toys["churn"], inputs_by_toy["churn"], productions["churn"])


def with_record(toy, inputs, production, params=None):
    scored = score_frame(production, toy.holdout)
    record = make_record(production, toy.problem, params or toy.params, scored, toy.holdout)
    return msgspec.structs.replace(inputs, evaluation_record=record)


def on(inputs, holdout, train=None):
    """The same production and record on other rows."""
    bundle = inputs.production.bundle
    train = inputs.train if train is None else train
    scored = score_frame(bundle, add_absent_columns(bundle.fields, holdout))
    return msgspec.structs.replace(inputs, holdout=holdout, train=train, production=ScoredBundle(bundle, scored))


def moved(column, by=1):
    def change(frame):
        frame[column] = frame.groupby("group")[column].shift(by).where(lambda values: values.notna(), frame[column])
        return frame

    return change


def put(column, make):
    return lambda frame: frame.assign(**{column: make(frame)})


def shuffled(values):
    return values.iloc[np.random.default_rng(1).permutation(len(values))].to_numpy()


def joined_by_another_key(frame):
    """Every row gets the use of the row with the next key, whatever its day."""
    order = np.argsort(frame["key"].to_numpy())
    found = frame.copy()
    found.iloc[order, frame.columns.get_loc("usage")] = np.roll(frame["usage"].to_numpy()[order], 1)
    return found


def swapped_for_some(frame):
    rows = frame["usage"].notna() & (frame["group"] > "2024-02")
    found = frame.copy()
    found.loc[rows, "usage"] = frame["months"][rows].astype(float)
    found.loc[rows, "months"] = frame["usage"][rows].round().astype(int)
    return found


DAMAGES = {
    "joined to random rows": put("usage", lambda frame: shuffled(frame["usage"])),
    "another unit": put("usage", lambda frame: (frame["usage"] - 32) / 1.8 + 20),
    "minutes for hours": put("usage", lambda frame: frame["usage"] * 60),
    "moved by one row within a group": moved("usage"),
    "moved the other way": moved("months", -1),
    "joined by another key": joined_by_another_key,
    "swapped columns": swapped_for_some,
    "another time zone": put("joined", lambda frame: frame["joined"] + pd.Timedelta(days=365)),
    "rounded": put("usage", lambda frame: frame["usage"].round()),
    "clipped": put("usage", lambda frame: frame["usage"].clip(upper=1.5)),
    "missing values filled by the mean": put("usage", lambda frame: frame["usage"].fillna(frame["usage"].mean())),
    "missing values filled by zero": put("usage", lambda frame: frame["usage"].fillna(0)),
    "values lost": put("usage", lambda frame: frame["usage"].mask(np.arange(len(frame)) % 5 == 0)),
    "categories merged": put("plan", lambda frame: frame["plan"].replace("plus", "basic")),
    "categories exchanged": put("plan", lambda frame: frame["plan"].replace({"plus": "basic", "basic": "plus"})),
    "rows with missing values dropped": lambda frame: frame.dropna(subset=["usage"]),
    "duplicates by another key dropped": lambda frame: frame.drop_duplicates(["group", "plan", "months"]),
    "hard days dropped": lambda frame: frame[~frame["group"].isin(sorted(frame["group"].unique())[3:5])],
    "one day dropped": lambda frame: frame[frame["group"] != sorted(frame["group"].unique())[-1]],
    "easy rows doubled": lambda frame: pd.concat([frame, frame[frame["usage"] > 3]]),
    "borderline rows dropped": lambda frame: frame[~frame["usage"].between(1.2, 1.5)],
    "another target": put("target", lambda frame: frame["target"] & (frame["usage"].fillna(0) < 2)),
    "some targets turned": put("target", lambda frame: frame["target"] ^ (frame["key"] % 50 == 0)),
    "the days of two rows exchanged": put(
        "group", lambda frame: frame["group"].where(frame["key"] % 9 > 0, "2024-01-14")
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_rows_are_refused_whatever_damaged_them(recorded, name):
    holdout = DAMAGES[name](recorded.holdout.copy()).reset_index(drop=True)
    found = production_reproduced(on(recorded, holdout))
    assert not found.passed
    assert found.observed.startswith("the rows changed, not the model: ")


def test_the_same_rows_give_the_same_in_any_order(recorded):
    turned = recorded.holdout.sample(frac=1, random_state=2).reset_index(drop=True)
    found = on(recorded, turned).reproduction
    assert (found.changed, found.columns) == ((), {})
    assert found.total == pytest.approx(0, abs=1e-12)
    assert found.compared == recorded.candidate.scored.groups


@pytest.mark.parametrize("name", ["churn", "crops", "rents"])
def test_every_task_is_reproduced_and_refused(toys, productions, inputs_by_toy, name):
    inputs = with_record(toys[name], inputs_by_toy[name], productions[name])
    found = production_reproduced(inputs)
    assert found.passed
    assert "the recorded loss again" in found.observed
    target = inputs.holdout["target"]
    harmed = inputs.holdout.assign(target=target[::-1].to_numpy())
    assert not production_reproduced(on(inputs, harmed)).passed


def test_new_days_and_a_new_column_change_nothing(recorded):
    later = recorded.holdout.assign(group=recorded.holdout["group"].str.replace("2024", "2025"))
    split = recorded.evaluation_record.split
    new = later[later["group"].map(lambda name: is_held_out(name, split))]
    assert len(new)
    more = pd.concat([new, recorded.holdout], ignore_index=True).assign(extra=1.0)
    found = on(recorded, more).reproduction
    assert (found.changed, found.total, found.columns) == ((), 0.0, {})


def test_the_groups_and_columns_that_differ_are_named(recorded):
    first, last = sorted(recorded.holdout["group"].unique())[:: recorded.candidate.scored.groups - 1]
    rows = recorded.holdout["group"] == last
    harmed = recorded.holdout.assign(usage=recorded.holdout["usage"].mask(rows, 9.0))
    found = production_reproduced(on(recorded, harmed))
    groups = recorded.candidate.scored.groups
    assert f"1 of {groups} groups differ; production's loss there +" in found.observed
    assert f"({last} +" in found.observed
    assert found.observed.endswith("columns: usage (1 groups)")
    assert first not in found.observed


def test_a_column_that_production_does_not_look_at_is_named_and_passes(recorded):
    same_year = recorded.holdout["joined"].dt.floor("D").where(recorded.holdout["joined"].dt.dayofyear > 1)
    harmed = recorded.holdout.assign(
        joined=recorded.holdout["joined"].where(same_year.isna(), same_year + pd.Timedelta(hours=3))
    )
    found = production_reproduced(on(recorded, harmed))
    assert found.passed
    assert "no effect on its loss: other values in joined (" in found.observed


def test_the_days_before_the_oldest_that_is_left_may_go(recorded):
    days = sorted(recorded.holdout["group"].unique())
    train = recorded.train[recorded.train["group"] > days[1]]
    found = production_reproduced(on(recorded, recorded.holdout[recorded.holdout["group"] > days[1]], train))
    assert found.passed
    assert "2 older groups left the data" in found.observed


def test_a_champion_without_record_or_without_common_groups_is_reported(recorded):
    found = production_reproduced(msgspec.structs.replace(recorded, evaluation_record=None))
    assert (found.passed, found.observed) == (True, "not compared: production's model has no evaluation record")
    renamed = recorded.holdout.assign(group=recorded.holdout["group"].str.replace("-", "/"))
    found = production_reproduced(on(recorded, renamed))
    assert found.passed
    assert found.observed.startswith("not compared: no group of the evaluation record is held out now")
    assert (
        "no release to compare with"
        in production_reproduced(msgspec.structs.replace(recorded, production=None)).observed
    )


def test_another_share_compares_the_groups_that_both_hold_out(churn, recorded):
    both = pd.concat([churn.train, churn.holdout], ignore_index=True)
    for share in (0.4, 0.15):
        train, holdout = split_frame(both, SplitParams(salt="toys", holdout=share))
        found = on(recorded, holdout, train).reproduction
        assert not found.changed
        assert found.compared == min(recorded.candidate.scored.groups, holdout["group"].nunique())


def test_hashed_groups_are_compared_too(toys, productions, inputs_by_toy):
    evaluate = msgspec.structs.replace(toys["churn"].params.evaluate, hash_groups=True)
    params = msgspec.structs.replace(toys["churn"].params, evaluate=evaluate)
    inputs = with_record(toys["churn"], inputs_by_toy["churn"], productions["churn"], params)
    assert inputs.evaluation_record.naming is Naming.HASHED
    assert production_reproduced(inputs).passed
    assert not production_reproduced(on(inputs, inputs.holdout.assign(usage=1.0))).passed


def test_blocks_of_single_rows_are_compared_where_they_did_not_grow(toys, productions, inputs_by_toy):
    inputs = with_record(toys["rents"], inputs_by_toy["rents"], productions["rents"])
    assert inputs.evaluation_record.naming is Naming.BLOCKS
    assert production_reproduced(inputs).passed
    fewer = inputs.holdout.iloc[3:].reset_index(drop=True)
    assert not production_reproduced(on(inputs, fewer)).passed
    new = inputs.holdout.iloc[:1].assign(group="new")
    grown = on(inputs, pd.concat([inputs.holdout, new], ignore_index=True)).reproduction
    assert not grown.changed


def test_blocks_with_groups_that_are_trained_on_now_are_not_compared(toys, productions, inputs_by_toy):
    toy = toys["rents"]
    inputs = with_record(toy, inputs_by_toy["rents"], productions["rents"])
    both = pd.concat([toy.train, toy.holdout], ignore_index=True)
    train, holdout = split_frame(both, SplitParams(salt="toys", holdout=0.24))
    found = on(inputs, holdout, train).reproduction
    assert not found.changed
    assert found.compared < len(inputs.evaluation_record.groups)


def test_a_small_change_of_every_group_is_seen_in_the_sum(recorded):
    losses = tuple(loss * (1 + 0.5 * recorded.rules.tolerance) for loss in recorded.evaluation_record.losses)
    record = msgspec.structs.replace(recorded.evaluation_record, losses=losses)
    found = production_reproduced(msgspec.structs.replace(recorded, evaluation_record=record))
    assert not found.passed
    assert f"{len(losses)} of {len(losses)} groups differ" in found.observed


def test_other_scores_of_the_same_loss_are_refused(recorded):
    scored = recorded.production.scored
    scores = scored.scores.copy()
    for group in range(scored.groups):
        inside = scored.group == group
        (sure, *_), (unsure, *_) = (np.flatnonzero(inside & (scored.target == outcome)) for outcome in (1, 0))
        # The product of both likelihoods, and so the loss, stays.
        likely = min(1.2, 0.99 / scores[sure])
        scores[sure], scores[unsure] = scores[sure] * likely, 1 - (1 - scores[unsure]) / likely
    found = production_reproduced(with_production_scores(recorded, scores))
    assert not found.passed
    assert f"{scored.groups} with other scores of the same loss; production's loss there +0.00%" in found.observed
    record = recorded.committed_record
    lower = tuple(tuple(0.99 * each for each in part) for part in record.scores)
    odd = msgspec.structs.replace(record, scores=lower)
    assert not record_reproduced(msgspec.structs.replace(recorded, committed_record=odd)).passed


def test_the_candidates_own_record_must_be_what_it_gets(recorded):
    assert record_reproduced(recorded).passed
    said = recorded.committed_record
    other = msgspec.structs.replace(said, bundle="0" * 64)
    assert not record_reproduced(msgspec.structs.replace(recorded, committed_record=other)).passed
    better = msgspec.structs.replace(said, losses=tuple(0.9 * each for each in said.losses))
    found = record_reproduced(msgspec.structs.replace(recorded, committed_record=better))
    assert (found.passed, found.observed) == (False, f"0 of {len(said.groups)} groups are as in the record")
    for other in ("accuracy", "mean_error", "brier"):
        odd = msgspec.structs.replace(said, loss=other)
        found = record_reproduced(msgspec.structs.replace(recorded, committed_record=odd))
        assert (found.passed, found.observed) == (False, "another loss in the record")
