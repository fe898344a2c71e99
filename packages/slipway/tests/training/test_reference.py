"""The reference counts rows the same in any order of chunks, tells no small block apart, and stays small."""

import numpy as np
import pandas as pd
import pytest
from streams import FIELDS, cut, make_reference, make_stream, summarize

from slipway.bundle.profile import Order, Shape, decode_profile, pack_table, unpack_table
from slipway.columns import take_rows
from slipway.errors import BundleError
from slipway.files.writing import encode_json
from slipway.training.reference.bins import describe_category, describe_number, describe_timestamp
from slipway.training.reference.blocks import make_series, open_blocks
from slipway.training.reference.cells import UNSEEN, category_cells, count_cells, factorize_texts
from slipway.training.reference.cut_blocks import FEWEST_ROWS, MOST_BLOCKS, block_rows
from slipway.training.reference.histograms import summarize_days
from slipway.training.reference.sketch import KEPT, hash_columns, repeated_share, sketch_rows


@pytest.fixture(scope="module")
def stream():
    return make_stream(seed=4, days=300)


@pytest.fixture(scope="module")
def reference(stream):
    return make_reference(stream)


def assert_equal(one, other):
    assert one.days.tolist() == other.days.tolist()
    assert one.rows.tolist() == other.rows.tolist()
    for name in one.counts:
        np.testing.assert_array_equal(one.counts[name], other.counts[name], name)
    for part in ("sums", "lows", "highs"):
        for name, values in getattr(one, part).items():
            np.testing.assert_array_equal(values, getattr(other, part)[name], name)
    for part in ("rows_seen", "readings"):
        for mine, theirs in zip(getattr(one, part), getattr(other, part), strict=True):
            assert mine.hashes.tolist() == theirs.hashes.tolist()
            assert mine.counts.tolist() == theirs.counts.tolist()


def test_rows_in_any_order_count_alike(stream, reference):
    rows = cut(stream, 10, 40)
    order = np.random.default_rng(1).permutation(len(rows.days))
    shuffled = rows._replace(columns=take_rows(rows.columns, order), days=rows.days[order])
    assert_equal(summarize(reference, shuffled), summarize(reference, rows))


def test_the_sealed_blocks_are_what_a_monitor_counts_of_the_same_rows(stream, reference):
    sealed = open_blocks(decode_profile(encode_json(reference.profile)))
    kept = np.isin(stream.days, sealed.days)
    rows = stream._replace(columns=take_rows(stream.columns, kept), days=stream.days[kept])
    counted = make_series(summarize(reference, rows))
    assert sealed.order is Order.DAYS
    assert sealed.rows.tolist() == counted.rows.tolist()
    for name, counts in counted.counts.items():
        np.testing.assert_array_equal(sealed.counts[name], counts, name)
    np.testing.assert_allclose(sealed.repeated, counted.repeated)
    assert sealed.means["warmth"] == pytest.approx(counted.means["warmth"].clip(0, 1), abs=1e-4)


def test_a_profile_of_256_days_stays_below_60_kilobytes():
    found = make_reference(make_stream(seed=1, days=364), held_out=0.3)
    assert len(found.profile.blocks.rows) > 240
    assert len(encode_json(found.profile)) < 60_000


def test_a_common_value_has_a_bin_of_its_own_and_the_others_share_the_rest():
    random = np.random.default_rng(0)
    rain = np.where(random.random(5000) < 0.9, 0.0, random.gamma(1, 3, 5000).round(2))
    found = describe_number(rain)
    assert found.edges[0] == 0
    assert found.shares[0] == pytest.approx((rain == 0).mean(), abs=1e-6)
    assert len(found.shares) >= 8
    assert max(found.shares[1:]) < 0.03
    assert sum(found.shares) + found.below + found.above + found.missing == pytest.approx(1, abs=1e-5)
    sight = describe_number(np.where(random.random(5000) < 0.85, 10.0, random.uniform(0, 10, 5000).round(1)))
    assert sight.edges[-1] == 10
    assert len(sight.shares) >= 8


@pytest.mark.parametrize(
    "values", [np.full(40, np.nan), np.full(40, 3.0), np.array([1.0, np.nan] * 20)], ids=["none", "one", "one and none"]
)
def test_numbers_with_one_value_or_none_are_described_and_counted(values):
    found = describe_number(values)
    assert found.cells is Shape.NUMBER
    assert found.missing == pytest.approx(np.isnan(values).mean())
    assert count_cells(found) == (4 if found.edges else 2)


def test_timestamps_are_counted_by_hour_and_weekday():
    times = np.array(["2024-01-01T07:30", "2024-01-07T23:59", "NaT"], dtype="datetime64[us]")
    found = describe_timestamp("sent", times)
    assert set(found) == {"sent:hour", "sent:weekday"}
    assert found["sent:hour"].shares[7] == pytest.approx(1 / 3, abs=1e-5)
    assert found["sent:weekday"].shares[6] == pytest.approx(1 / 3, abs=1e-5)
    assert found["sent:weekday"].missing == pytest.approx(1 / 3, abs=1e-5)


def test_a_category_is_unseen_only_where_the_model_does_not_know_it():
    described = describe_category([f"code-{number}" for number in range(60) for _ in range(2)])
    texts = factorize_texts(np.array(["code-0", "code-59", "new", None], dtype=object))
    cells = count_cells(described)
    known = {f"code-{number}" for number in range(60)}
    assert category_cells(described, texts, known).tolist()[2:] == [cells + UNSEEN, cells - 1]
    assert (category_cells(described, texts, known) == cells + UNSEEN).sum() == 1
    # Without the model's categories, one that the profile does not list may be rare.
    assert (category_cells(described, texts) == cells + UNSEEN).sum() == 0


def frame(rows, **columns):
    return pd.DataFrame({"value": np.arange(rows), **columns})


def test_days_with_few_rows_are_one_block_and_the_newest_year_is_kept():
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat(np.arange(100), 30), unit="D")
    found = block_rows(frame(3000, time=days))
    assert found.order is Order.DAYS
    assert np.bincount(found.blocks).min() >= FEWEST_ROWS
    assert found.days[:2].tolist() == [19723, 19727]
    many = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.repeat(np.arange(400), 120), unit="D")
    newest = block_rows(frame(48_000, time=many))
    assert len(newest.days) == MOST_BLOCKS
    assert (newest.blocks == -1).sum() == (400 - MOST_BLOCKS) * 120
    assert newest.blocks.max() == MOST_BLOCKS - 1


def test_a_group_that_goes_past_midnight_in_utc_stays_in_its_day():
    local = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.tile(np.arange(24), 50).repeat(5), unit="h")
    group = pd.Series(np.repeat(np.arange(50), 120)).map("day-{:02}".format)
    time = local + pd.to_timedelta(np.repeat(np.arange(50), 120) * 24 + 7, unit="h")
    found = block_rows(frame(6000, group=group, time=pd.Series(time).dt.tz_localize("UTC")))
    assert all(found.blocks[group == name].min() == found.blocks[group == name].max() for name in group.unique())
    assert np.bincount(found.blocks).tolist() == [120] * 50


def test_groups_without_time_are_merged_until_no_block_is_one_person():
    people = pd.Series(np.random.default_rng(2).integers(0, 900, 5000)).map("person-{:03}".format)
    found = block_rows(frame(5000, group=people))
    assert found.order is Order.GROUPS
    assert np.bincount(found.blocks).min() >= FEWEST_ROWS
    assert not len(found.days)
    assert all(found.blocks[people == name].min() == found.blocks[people == name].max() for name in people[:50])


def test_rows_without_time_and_groups_are_spread():
    found = block_rows(frame(1000))
    assert found.order is Order.ROWS
    assert np.bincount(found.blocks).tolist() == [100] * 10
    assert block_rows(frame(1000, group=[f"{number:04}" for number in range(1000)])).order is Order.ROWS
    assert block_rows(frame(60)).blocks.max() == 0


def test_sketches_count_repeated_rows_exactly_while_they_hold_them_all():
    random = np.random.default_rng(3)
    once = [random.normal(size=700), random.integers(0, 5, 700).astype(float)]
    sketch = sketch_rows(hash_columns([np.concatenate([column, column[:70]]) for column in once]))
    assert (sketch.rows, sketch.repeated) == (770, 70)


def test_sketches_of_many_rows_estimate_the_share():
    random = np.random.default_rng(4)
    values = random.integers(0, 200_000, 300_000)
    hashes = hash_columns([values])
    whole = sketch_rows(hashes)
    assert len(whole.hashes) == KEPT
    assert whole.repeated / whole.rows == pytest.approx(1 - len(np.unique(values)) / len(values), abs=0.05)
    other = sketch_rows(hash_columns([np.arange(100_000, 300_000)]))
    assert repeated_share(whole, other) == pytest.approx(0.5, abs=0.06)


def test_equal_rows_hash_alike_whatever_their_zero_or_nan():
    first, second = (hash_columns([np.array([value, np.nan])]) for value in (0.0, -0.0))
    assert first.tolist() == second.tolist()


def test_a_table_of_counts_comes_back_and_a_broken_one_is_refused():
    table = np.random.default_rng(0).integers(0, 70_000, (50, 9))
    np.testing.assert_array_equal(unpack_table(pack_table(table), 50), table)
    with pytest.raises(BundleError, match=r"the counts of 49 blocks cannot be read"):
        unpack_table(pack_table(table), 49)
    with pytest.raises(BundleError, match="Train the model again"):
        unpack_table(b"no table", 50)


def test_hours_and_scores_are_counted_without_columns_that_are_not_there(reference, stream):
    rows = cut(stream, 0, 3)
    columns = {name: values for name, values in rows.columns.items() if name in ("ordered", "town")}
    found = summarize_days(columns, None, rows.days, reference.profile, reference.vocabularies)
    assert set(found.counts) == {"ordered:hour", "ordered:weekday", "town"}
    assert {field.name for field in FIELDS} > {"ordered", "town"}
