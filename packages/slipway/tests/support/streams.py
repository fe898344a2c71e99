"""A stream of rows whose truth is known: seasons, weather that lasts for days, shares that wander, and no change."""

from typing import NamedTuple

import numpy as np

from slipway.bundle.manifest import Input
from slipway.bundle.profile import Order
from slipway.columns import take_rows
from slipway.contract import Field, Kind
from slipway.monitoring.drift.reference import DriftReference
from slipway.training.profile import complete_profile, known_categories, make_profile
from slipway.training.reference.blocks import open_blocks
from slipway.training.reference.cut_blocks import BlockedRows
from slipway.training.reference.histograms import summarize_days

FIELDS = (
    Field(name="ordered", kind=Kind.TIMESTAMP),
    Field(name="warmth", kind=Kind.NUMBER, nullable=True),
    Field(name="wind", kind=Kind.NUMBER, nullable=True),
    Field(name="pressure", kind=Kind.NUMBER, nullable=True),
    Field(name="rain", kind=Kind.NUMBER, nullable=True),
    Field(name="amount", kind=Kind.NUMBER),
    Field(name="pieces", kind=Kind.INTEGER),
    Field(name="shop", kind=Kind.CATEGORY),
    Field(name="town", kind=Kind.CATEGORY),
    Field(name="member", kind=Kind.BOOLEAN, nullable=True),
    Field(name="damp", kind=Kind.NUMBER, nullable=True),
    Field(name="dew", kind=Kind.NUMBER, nullable=True),
    Field(name="gust", kind=Kind.NUMBER, nullable=True),
)
SHOPS = tuple(f"shop-{number:02}" for number in range(14))
TOWNS = ("bern", "graz", "lyon", "ulm")
INPUTS = (Input("shop", SHOPS), Input("town", TOWNS))
HOUR = np.timedelta64(1, "h")


class Stream(NamedTuple):
    columns: dict
    days: np.ndarray


def make_stream(seed, days=364, rows=150):
    """Rows of `days` days; the weather is one reading per hour, the same for all rows of the hour."""
    random = np.random.default_rng(seed)
    volume = random.poisson(rows * np.exp(0.15 * walk(random, days, 0.7)) * np.where(np.arange(days) % 7 > 4, 0.7, 1.0))
    day = np.repeat(np.arange(days), np.maximum(volume, 40))
    hour = np.clip(random.normal(14, 3.5, len(day)), 0, 23.99)
    hours = np.arange(days * 24)
    season = 10 * np.sin(2 * np.pi * (hours / 24 - 100) / 365)
    warmth = 12 + season + 4 * np.repeat(walk(random, days, 0.75), 24) + 3 * np.sin(2 * np.pi * (hours % 24 - 9) / 24)
    wind = np.exp(2 + 0.4 * walk(random, days * 24, 0.95))
    pressure = 1015 + 7 * walk(random, days * 24, 0.99)
    wet = np.repeat(walk(random, days, 0.5) > 1.0, 24)
    rain = np.where(wet & (random.random(days * 24) < 0.5), random.gamma(1, 2, days * 24), 0.0)
    place = day * 24 + hour.astype(int)
    gaps = np.clip(0.03 * np.exp(0.5 * walk(random, days, 0.5)), 0, 1)[day]
    leaning = 0.3 * walk(random, days, 0.97)[day][:, None] * np.linspace(-1, 1, 14) - 0.15 * np.arange(14)
    columns = {
        "ordered": np.datetime64("2024-01-01", "us") + (day * 24 + hour) * 3600 * np.timedelta64(1_000_000, "us"),
        "warmth": warmth[place].round(2),
        "wind": wind[place].round(2),
        "pressure": np.where(random.random(len(day)) < gaps, np.nan, pressure[place].round(2)),
        "rain": rain[place].round(2),
        "amount": random.gamma(2, 20, len(day)).round(2),
        "pieces": random.integers(1, 7, len(day)).astype(float),
        "shop": choose(random, np.array(SHOPS, dtype=object), leaning),
        "town": choose(random, np.array(TOWNS, dtype=object), np.zeros((len(day), 4))),
        "member": np.where(random.random(len(day)) < 0.05, np.nan, (random.random(len(day)) < 0.4).astype(float)),
    }
    return Stream(columns, day)


def relate(stream, seed):
    """The stream with three more readings that go with the weather: dew by warmth and damp, gusts by wind."""
    random = np.random.default_rng([seed, 1])
    hours = (stream.columns["ordered"] - np.datetime64("2024-01-01")) // HOUR
    length = int(stream.days.max() + 1) * 24
    damp = np.clip(60 + 13 * walk(random, length, 0.97), 15, 100)[hours.astype(int)]
    gust = (1.4 * stream.columns["wind"] + random.normal(0, 1, length)[hours.astype(int)]).round(2)
    related = {
        "damp": damp.round(2),
        "dew": (stream.columns["warmth"] - (100 - damp) / 5).round(2),
        "gust": np.where(stream.columns["wind"] < 6, np.nan, gust),
    }
    return Stream(stream.columns | related, stream.days)


def walk(random, length, memory):
    """An autoregressive series of variance 1."""
    found, noise = np.zeros(length), random.normal(0, np.sqrt(1 - memory**2), length)
    found[0] = random.normal()
    for place in range(1, length):
        found[place] = memory * found[place - 1] + noise[place]
    return found


def choose(random, names, odds):
    return names[(odds + random.gumbel(size=odds.shape)).argmax(axis=1)]


def score_stream(columns):
    """A model that leans on warmth most, then amount, wind and shop."""
    codes = np.array([SHOPS.index(each) if each in SHOPS else 7 for each in columns["shop"].tolist()])
    odds = 0.09 * (np.nan_to_num(columns["warmth"], nan=12.0) - 12) + 0.015 * (columns["amount"] - 40) + 0.05 * codes
    return 1 / (1 + np.exp(-(odds + 0.03 * np.nan_to_num(columns["wind"], nan=7.0) - 1.2)))


def cut(stream, first, last):
    inside = (stream.days >= first) & (stream.days < last)
    return Stream(take_rows(stream.columns, inside), stream.days[inside])


def make_reference(stream, held_out=0.25, order=None):
    """The reference of a model trained on these rows, some days of which were held out."""
    days = np.unique(stream.days)
    kept = days[np.random.default_rng(5).random(len(days)) >= held_out]
    inside = np.isin(stream.days, kept)
    columns, blocks = take_rows(stream.columns, inside), np.searchsorted(kept, stream.days[inside])
    blocked = order or BlockedRows(Order.DAYS, blocks, kept)
    fields = [field for field in FIELDS if field.name in columns]
    profile = complete_profile(
        make_profile(fields, columns), columns, score_stream(columns), blocked, INPUTS, score_stream
    )
    leaned = sorted(profile.leaning, key=lambda name: -profile.leaning[name])
    return DriftReference(
        profile=profile,
        vocabularies=known_categories(INPUTS),
        series=open_blocks(profile),
        ranks={name: rank for rank, name in enumerate(leaned)},
    )


def summarize(reference, stream, scores=None):
    found = score_stream(stream.columns) if scores is None else scores
    return summarize_days(stream.columns, found, stream.days, reference.profile, reference.vocabularies)
