"""Newer months come when they are over, and an outcome is known when the flight has arrived."""

from datetime import date

import pandas as pd
import pytest

from flights.dataset import load
from flights.ingest import ingest
from flights.production import refresh, settled


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
