"""Newer months come when they are over, outcomes when a flight has arrived; a simulated world changes one part."""

from datetime import date

import pandas as pd
import pytest

from flights.dataset import load
from flights.ingest import ingest
from flights.production import refresh, settled
from flights.simulated import CARRIER, SHARE, refresh_later_carrier


def months(folder):
    return sorted(path.stem for path in (folder / "flights").iterdir())


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newer")
    ingest("2013-10", "2013-10", folder)
    return folder


@pytest.mark.parametrize("until", ["2013-10-31", "2013-11-29"])
def test_a_month_that_is_not_over_does_not_come(newer, until):
    refresh(newer, date.fromisoformat(until))
    assert months(newer) == ["2013-10"]


def test_the_months_that_are_over_come_and_the_source_ends_with_the_year(newer, tmp_path):
    ingest("2013-11", "2013-11", tmp_path)
    refresh(tmp_path, date(2024, 6, 1))
    assert months(tmp_path) == ["2013-11", "2013-12"]


def test_a_flight_arrives_after_it_has_left_and_flown(newer):
    frame, arrived = load(newer), settled(newer)
    assert arrived.index.is_unique
    hours = (frame["key"].map(arrived) - frame["time"]) / pd.Timedelta(hours=1)
    assert hours.notna().all()
    # Half an hour to Boston; eleven to Honolulu, and a delay of up to a day on top.
    assert hours.between(0.3, 36).all()
    assert hours[frame["destination"] == "HNL"].median() == pytest.approx(10.5, abs=1)
    assert hours[frame["destination"] == "BOS"].median() == pytest.approx(1.2, abs=0.3)


def test_in_the_simulated_world_one_carrier_is_later_and_nothing_else_is_different(newer, tmp_path):
    ingest("2013-09", "2013-09", tmp_path)
    refresh_later_carrier(tmp_path, date(2013, 10, 31))
    frame, real = load(tmp_path), load(newer)
    frame = frame[frame["group"] >= "2013-10-01"].reset_index(drop=True)
    assert frame["key"].tolist() == real["key"].tolist()
    part, outcome = frame["carrier"] == CARRIER, frame["target"]
    assert outcome[~part].equals(real["target"][~part])
    assert outcome[part].mean() == pytest.approx(1 - (1 - SHARE) * (1 - real["target"][part].mean()), abs=0.01)
    # The first hours have the weather of the month before, which `newer` does not hold.
    inputs = [name for name in frame if name != "target"]
    pd.testing.assert_frame_equal(frame[inputs].iloc[200:], real[inputs].iloc[200:])
