"""Files in, files out: the bundle's scores in the order of the rows, whatever the format, and none for invalid rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.batch.plan import make_plan
from slipway.batch.score import score_file
from slipway.batch.tables import ROWS
from slipway.bundle import load_bundle
from slipway.columns import frame_to_columns
from slipway.errors import DataError, ScoringError

MONTHS = "expected an integer from 0 to 600, found a number out of range"
JOINED = "expected a timestamp with a time zone, such as 2024-05-01T13:30:00Z, or null"


def answers(toy, frame):
    """Return the expected content of OUT: the bundle's own scores, and labels where there are classes."""
    scores = toy.bundle.score(frame_to_columns(toy.bundle.fields, frame))
    names = [f"score_{each}" for each in toy.bundle.manifest.classes] if scores.ndim == 2 else ["score"]
    columns = dict(zip(names, scores.T if scores.ndim == 2 else [scores], strict=True))
    labels = {"label": toy.bundle.label(scores)} if toy.bundle.manifest.classes else {}
    return pd.DataFrame({**columns, **labels})


def repeated(frame, rows):
    return frame.iloc[np.resize(np.arange(len(frame)), rows)].reset_index(drop=True)


@pytest.mark.parametrize("out", ["out.parquet", "out.csv"])
@pytest.mark.parametrize("source", ["rows.parquet", "rows.csv"])
def test_out_holds_the_bundles_scores_and_labels_in_the_order_of_in(toy, write, score, source, out):
    found, summary = score(toy.bundle, write(source, toy.holdout), out, keep=[])
    pd.testing.assert_frame_equal(found, answers(toy, toy.holdout), check_dtype=False, check_exact=True)
    assert (summary.rows, summary.invalid, summary.reasons) == (len(toy.holdout), 0, ())
    assert summary.digest == toy.bundle.digest


def test_more_rows_than_a_batch_come_out_as_they_went_in(churn, write, score):
    frame = repeated(churn.holdout, 150_000).assign(key=np.arange(150_000))
    found, summary = score(churn.bundle, write("rows.parquet", frame))
    assert found["key"].tolist() == list(range(150_000))
    np.testing.assert_array_equal(found["score"], answers(churn, frame)["score"])
    assert summary.rows == 150_000


def test_a_long_csv_file_comes_out_as_it_went_in(churn, write, score):
    frame = repeated(churn.holdout, 80_000).assign(key=np.arange(80_000))
    found, _ = score(churn.bundle, write("rows.csv", frame), "out.csv")
    assert found["key"].tolist() == list(range(80_000))
    np.testing.assert_allclose(found["score"], answers(churn, frame)["score"])


def test_a_text_of_many_lines_in_a_csv_file_is_one_cell(churn, write, score):
    """So many that a block of the file ends within one."""
    frame = repeated(churn.holdout, 2000).assign(key="one\n" + "line\n" * 500)
    found, _ = score(churn.bundle, write("rows.csv", frame))
    assert found["key"].tolist() == frame["key"].tolist()
    np.testing.assert_array_equal(found["score"], answers(churn, frame)["score"])


def test_progress_counts_up_to_all_rows(churn, write, tmp_path):
    path = write("rows.parquet", repeated(churn.holdout, 150_000))
    seen = []
    score_file(make_plan(churn.bundle, path, tmp_path / "out.parquet"), seen.append)
    assert seen == [*range(ROWS, 150_000, ROWS), 150_000]


def test_a_folder_is_its_tables_in_the_order_of_their_names(churn, write, score):
    late, early = churn.holdout[300:], churn.holdout[:300]
    path = write("months/2024-02.parquet", late)
    path.rename(path.with_suffix(".PARQUET"))
    path = write("months/2024-01.parquet", early).parent
    (path / "notes.txt").write_text("not a row")
    found, _ = score(churn.bundle, path)
    assert found["key"].tolist() == churn.holdout["key"].tolist()
    np.testing.assert_array_equal(found["score"], answers(churn, churn.holdout)["score"])


def test_the_column_key_is_kept_unless_others_are_asked_for(churn, toys, write, score):
    path = write("rows.parquet", churn.holdout)
    assert list(score(churn.bundle, path)[0]) == ["key", "score", "label"]
    found, summary = score(churn.bundle, path, keep=["town", "time", "town"])
    assert list(found) == ["town", "time", "score", "label"]
    pd.testing.assert_frame_equal(found[["town", "time"]], churn.holdout[["town", "time"]].reset_index(drop=True))
    assert summary.kept == ("town", "time")
    rents = toys["rents"]
    assert list(score(rents.bundle, write("rents.parquet", rents.holdout))[0]) == ["score"]


def test_what_is_kept_of_a_csv_file_is_kept_as_it_is_written(churn, tmp_path, score):
    path = tmp_path / "rows.csv"
    path.write_text('key,plan,months,usage\n007,basic,3,1.50\n"1e3, or so",plus,4,\n,family,5,0\n')
    found, _ = score(churn.bundle, path, keep=["key", "usage"])
    assert found["key"].tolist()[:2] == ["007", "1e3, or so"]
    assert found["usage"].tolist()[::2] == ["1.50", "0"]
    assert found.isna().sum().tolist() == [1, 1, 0, 0]


def test_further_columns_are_ignored_and_counted(churn, write, score):
    frame = churn.holdout.assign(note="x")
    found, summary = score(churn.bundle, write("rows.parquet", frame))
    assert summary.ignored == ("target", "group", "time", "note")
    np.testing.assert_array_equal(found["score"], answers(churn, frame)["score"])


@pytest.mark.parametrize("source", ["rows.parquet", "rows.csv"])
def test_an_optional_column_that_is_not_there_is_missing_everywhere(churn, write, score, source):
    found, summary = score(churn.bundle, write(source, churn.holdout.drop(columns=["town", "usage"])))
    expected = answers(
        churn, churn.holdout.assign(town=pd.Series([None] * len(churn.holdout), dtype="str"), usage=np.nan)
    )
    np.testing.assert_array_equal(found["score"], expected["score"])
    assert summary.absent == ("town", "usage")


def test_a_required_column_that_is_not_there_is_named(churn, write, score):
    with pytest.raises(
        DataError, match=r"rows\.parquet: expected a column 'months' \(integer\), which .* requires, found pl"
    ):
        score(churn.bundle, write("rows.parquet", churn.holdout.drop(columns="months")))


@pytest.mark.parametrize("source", ["rows.parquet", "rows.csv"])
def test_a_row_that_breaks_the_contract_stops_the_run_with_its_number_column_and_rule(churn, write, score, source):
    frame = repeated(churn.holdout, 70_000).assign(key=0)
    frame.loc[[66_000, 66_005, 66_010, 66_015], "months"] = 601
    frame.loc[68_000, "plan"] = "secret"
    path = write(source, frame)
    with pytest.raises(DataError) as stopped:
        score(churn.bundle, path)
    assert str(stopped.value).startswith(
        f"{path}, row 66,001, column months: {MONTHS}; also row 66,006 and row 66,011. Fix"
    )
    assert [each.name for each in path.parent.iterdir()] == [source], "nothing is left"


def test_a_row_is_counted_in_its_own_file(churn, write, score):
    write("months/a.parquet", churn.holdout)
    path = write("months/b.parquet", churn.holdout.assign(months=-1))
    with pytest.raises(DataError, match=rf"b\.parquet, row 1, column months: {MONTHS}; also row 2 and row 3"):
        score(churn.bundle, path.parent)


@pytest.mark.parametrize("out", ["out.parquet", "out.csv"])
def test_skipped_rows_have_neither_score_nor_label_and_the_others_theirs(toy, write, score, out):
    names = [field.name for field in toy.bundle.fields if field.ge is not None]
    frame = repeated(toy.holdout, 66_000)
    frame.loc[frame.index % 7 == 3, names[0]] = -1
    frame.loc[65_999, names[0]] = -1
    # A table of scores alone would have empty lines as CSV.
    kept = [] if toy.bundle.manifest.classes or out.endswith("parquet") else [names[0]]
    found, summary = score(toy.bundle, write("rows.parquet", frame), out, keep=kept, skip=True)
    found = found.drop(columns=kept)
    bad = frame[names[0]] == -1
    assert found[bad].isna().all().all()
    expected = answers(toy, toy.holdout.iloc[np.resize(np.arange(len(toy.holdout)), 66_000)[~bad]])
    pd.testing.assert_frame_equal(found[~bad].reset_index(drop=True), expected, check_dtype=False, check_exact=True)
    (reason,) = summary.reasons
    assert summary.invalid == reason.rows == bad.sum()
    assert (reason.column, reason.examples) == (names[0], (4, 11, 18))


def test_invalid_rows_are_counted_by_reason(churn, write, score):
    frame = churn.holdout.reset_index(drop=True)
    frame.loc[[0, 1, 2, 3, 9], "months"] = -1
    frame.loc[[3, 5], "plan"] = "gold"
    _, summary = score(churn.bundle, write("rows.parquet", frame), skip=True)
    assert [(reason.column, reason.rule, reason.rows, reason.examples) for reason in summary.reasons] == [
        ("months", MONTHS, 4, (1, 2, 3)),
        ("plan", "expected one of basic, family, plus, found other text", 2, (4, 6)),
    ]
    assert summary.invalid == 6


def test_a_file_of_invalid_rows_only_has_no_scores(toy, write, score):
    field = next(field for field in toy.bundle.fields if field.ge is not None)
    found, summary = score(
        toy.bundle, write("rows.parquet", toy.holdout.assign(**{field.name: -1})), keep=[], skip=True
    )
    assert found.isna().all().all()
    assert summary.invalid == summary.rows == len(found)


def test_cells_of_a_csv_file_that_cannot_be_read_are_invalid_rows(churn, tmp_path, score):
    path = tmp_path / "rows.csv"
    path.write_text(
        "plan,months,usage,paperless,joined\n"
        "basic,3,0.5,True,2020-01-01T00:00:00Z\n"
        "basic, 3 ,n/a,true,2020-01-01 00:00:00+00:00\n"
        "basic,3.0,0.5,1,2020-01-01T02:00:00+02:00\n"
        "basic,3.5,0.5,1,\n"
        "basic,3,0.5,yes,\n"
        "basic,3,0.5,,2020-01-01T00:00:00\n"
        "basic,,0.5,,\n"
    )
    found, summary = score(churn.bundle, path, skip=True)
    assert {(reason.column, reason.rule, reason.examples) for reason in summary.reasons} == {
        ("usage", "expected a number at least 0 (h/day), or null, found text", (2,)),
        ("months", "expected an integer from 0 to 600, found a number", (4,)),
        ("paperless", "expected true or false, or null, found text", (5,)),
        ("joined", f"{JOINED}, found a timestamp without a time zone", (6,)),
        ("months", "expected an integer from 0 to 600, found null", (7,)),
    }
    assert found["score"].notna().tolist() == [True, False, True] + [False] * 4


def test_a_valid_row_without_a_score_is_found_among_the_others(toys, tmp_path, write, score, reseal):
    crops = toys["crops"]
    folder = reseal(crops.bundle.path, "contract.py", lambda text: text.replace(", le=5000", ""))
    frame = repeated(crops.holdout, 1000)
    frame.loc[[77, 500], "rain"] = 1e300
    path = write("rows.parquet", frame)
    with pytest.raises(ScoringError, match=r"rows\.parquet, row 78: expected a finite score.*; also row 501\."):
        score(load_bundle(folder), path)
    found, summary = score(load_bundle(folder), path, skip=True)
    assert np.flatnonzero(found["label"].isna()).tolist() == [77, 500]
    (reason,) = summary.reasons
    assert (summary.invalid, reason.rows, reason.examples) == (2, 2, (78, 501))
    expected = answers(crops, crops.holdout.iloc[np.resize(np.arange(len(crops.holdout)), 1000)])
    pd.testing.assert_frame_equal(found.drop([77, 500]), expected.drop([77, 500]), check_dtype=False)


def test_a_category_of_pandas_is_text(churn, write, score):
    frame = churn.holdout.astype({"plan": "category", "town": "category"})
    found, _ = score(churn.bundle, write("rows.parquet", frame), keep=["plan"])
    np.testing.assert_array_equal(found["score"], answers(churn, churn.holdout)["score"])
    assert found["plan"].tolist() == churn.holdout["plan"].tolist()


def test_nan_is_missing_as_in_training(churn, write, score):
    table = pa.Table.from_pandas(churn.holdout, preserve_index=False)
    usage = pa.array(churn.holdout["usage"].to_numpy(), from_pandas=False)
    assert usage.null_count == 0
    table = table.set_column(table.schema.get_field_index("usage"), "usage", usage)
    found, _ = score(churn.bundle, write("rows.parquet", table))
    np.testing.assert_array_equal(found["score"], answers(churn, churn.holdout)["score"])


def test_out_replaces_what_was_there_and_can_be_read_by_anyone(churn, write, score, tmp_path):
    (tmp_path / "out.parquet").write_text("old")
    score(churn.bundle, write("rows.parquet", churn.holdout))
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == len(churn.holdout)
    assert (tmp_path / "out.parquet").stat().st_mode & 0o444 == 0o444
