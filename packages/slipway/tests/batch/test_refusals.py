"""A file that cannot be read or written is refused in one paragraph that names it, and OUT stays as it was."""

import os
import signal
import subprocess
import sys
import textwrap

import pyarrow as pa
import pytest

from slipway.errors import DataError


@pytest.fixture
def refusal(churn, tmp_path, score):
    """Score and give the message of the refusal; OUT must be as it was."""

    def of(path, out="out.parquet", **options):
        before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
        with pytest.raises(DataError) as refused:
            score(churn.bundle, path, out, **options)
        assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before
        return str(refused.value)

    return of


@pytest.fixture
def rows(churn, write):
    return write("rows.parquet", churn.holdout)


def test_a_file_that_is_not_there(refusal, tmp_path):
    assert "No file" in refusal(tmp_path / "rows.parquet")


def test_scores_alone_in_a_csv_file_with_empty_lines(toys, write, score):
    path = write("rents.parquet", toys["rents"].holdout)
    with pytest.raises(DataError, match="with the score alone would have an empty line"):
        score(toys["rents"].bundle, path, "out.csv", keep=[], skip=True)
    assert len(score(toys["rents"].bundle, path, "out.csv", keep=[])[0]) == len(toys["rents"].holdout)


@pytest.mark.parametrize("name", ["rows.xlsx", "rows", "rows.csv.gz"])
def test_a_file_of_another_kind(refusal, tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert "expected a .parquet or .csv file" in refusal(tmp_path / name)


def test_a_folder_without_parquet_files(refusal, tmp_path):
    (tmp_path / "months").mkdir()
    assert "has no parquet or CSV file" in refusal(tmp_path / "months")


@pytest.mark.parametrize(("name", "content"), [("rows.parquet", b""), ("rows.csv", b""), ("rows.csv", b"\n\n")])
def test_an_empty_file(refusal, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert f"Cannot read {tmp_path / name} as" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_file_without_rows(refusal, churn, write, name):
    assert f"{name} has no rows" in refusal(write(name, churn.holdout.head(0)))


@pytest.mark.parametrize("kept", [100, -1])
def test_a_truncated_parquet_file(refusal, rows, kept):
    rows.write_bytes(rows.read_bytes()[:kept])
    assert f"Cannot read {rows} as parquet" in refusal(rows)


def test_a_flipped_bit_in_a_parquet_file(refusal, rows):
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    assert f"Cannot read {rows} as parquet" in refusal(rows)


def test_a_row_of_a_csv_file_that_has_a_cell_less(refusal, churn, write):
    path = write("rows.csv", churn.holdout)
    path.write_text(path.read_text() + "basic,ulm\n")
    message = refusal(path)
    assert f"Cannot read {path} as CSV" in message
    assert "Expected 10 columns, got 2. If" in message


def test_a_cell_that_is_not_utf_8(refusal, tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"plan,months,town\nbasic,3,z\xfcrich\n")
    assert "rows.csv as CSV" in refusal(tmp_path / "rows.csv")


def test_a_text_of_a_parquet_file_that_is_not_utf_8(refusal, churn, write):
    table = pa.Table.from_pandas(churn.holdout.head(1), preserve_index=False)
    odd = pa.array([b"z\xfcrich"]).view(pa.string())
    path = write("rows.parquet", table.set_column(table.schema.get_field_index("town"), "town", odd))
    assert "rows.parquet holds text that is not UTF-8" in refusal(path)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_two_columns_of_one_name(refusal, tmp_path, write, name):
    if name == "rows.csv":
        (tmp_path / name).write_text("plan,months,months\nbasic,3,4\n")
    else:
        write(name, pa.table([["basic"], [3], [4]], names=["plan", "months", "months"]))
    assert "more than one column 'months'" in refusal(tmp_path / name)


def test_a_column_of_another_type(refusal, churn, write):
    message = refusal(write("rows.parquet", churn.holdout.assign(months="3")))
    assert "column months: expected an integer from 0 to 600, found a column of type" in message


@pytest.mark.parametrize("name", ["2024-03.csv.gz", "2024-03.parquet.crc"])
def test_a_folder_with_a_table_in_a_form_that_is_not_read(refusal, churn, write, name):
    path = write("months/2024-02.parquet", churn.holdout)
    (path.parent / name).write_bytes(b"packed")
    assert f"has what is not read: {name}" in refusal(path.parent)


@pytest.mark.parametrize(("toy", "field", "zone"), [("churn", "joined", "with"), ("rents", "offered", "without")])
def test_a_time_zone_that_is_missing_or_too_many(toys, write, score, toy, field, zone):
    toy = toys[toy]
    times = toy.holdout[field]
    times = times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_localize(None)
    with pytest.raises(
        DataError,
        match=f"column {field}: expected a timestamp {zone} a time zone, .*, found a column of type timestamp",
    ):
        score(toy.bundle, write("rows.parquet", toy.holdout.assign(**{field: times})))


def test_a_column_to_keep_that_is_not_there(refusal, rows):
    assert "rows.parquet: expected a column 'order' to keep, found plan, town" in refusal(rows, keep=["order"])


def test_a_column_to_keep_that_out_has_itself(refusal, churn, write):
    path = write("rows.parquet", churn.holdout.assign(score=1))
    assert "OUT has a column 'score' of its own" in refusal(path, keep=["score"])


def test_a_column_to_keep_that_a_csv_file_cannot_hold(refusal, churn, write):
    path = write("rows.parquet", churn.holdout.assign(tags=[["a", "b"]] * len(churn.holdout)))
    assert "cannot store the column 'tags' of type list" in refusal(path, "out.csv", keep=["tags"])


def test_a_column_to_keep_of_another_type_in_the_next_file(refusal, churn, write):
    write("months/a.parquet", churn.holdout)
    path = write("months/b.parquet", churn.holdout.astype({"key": "str"}))
    assert "b.parquet, column key: expected int64 as in" in refusal(path.parent)


def test_out_of_another_kind(refusal, rows):
    assert "expected a .parquet or .csv file, found the suffix .xlsx" in refusal(rows, "out.xlsx")


def test_out_in_a_folder_that_is_not_there(refusal, rows):
    message = refusal(rows, "new/out.parquet")
    assert ": no folder " in message
    assert not (rows.parent / "new").exists()


def test_out_that_is_a_folder(refusal, rows):
    (rows.parent / "out.parquet").mkdir()
    assert "out.parquet: expected a file, found a folder" in refusal(rows)


def test_out_that_is_in_under_any_name(refusal, rows):
    os.link(rows, rows.parent / "link.parquet")
    (rows.parent / "symlink.parquet").symlink_to(rows)
    for name in ("rows.parquet", "link.parquet", "symlink.parquet"):
        assert "it belongs to the input" in refusal(rows, name)


def test_out_among_the_files_of_the_folder_that_is_read(refusal, churn, write):
    path = write("months/a.parquet", churn.holdout)
    assert "it belongs to the input" in refusal(path.parent, "months/b.parquet")


def run(code, churn, rows):
    prelude = f"""
        import resource, signal, sys, time
        # A shell that starts the tests in the background lets them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from pathlib import Path
        from slipway.batch.plan import make_plan
        from slipway.batch.score import score_file
        from slipway.bundle import load_bundle
        bundle, rows = load_bundle(Path({str(churn.bundle.path)!r})), Path({str(rows)!r})
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("out", ["out.parquet", "out.csv"])
def test_a_full_disk(churn, rows, out):
    """A limit on the size of files stands for the disk: the system refuses to write more in the same way."""
    code = f"""
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        score_file(make_plan(bundle, rows, rows.with_name({out!r}), skip=True))
    """
    error = run(code, churn, rows).communicate()[1].splitlines()[-1]
    assert "slipway.errors.DataError" in error
    assert f"{out}: " in error
    assert [each.name for each in rows.parent.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_out_as_it_was(churn, rows, end):
    (rows.parent / "out.parquet").write_text("old")
    code = """
        def wait(done):
            print(done, flush=True)
            time.sleep(60)
        score_file(make_plan(bundle, rows, rows.with_name("out.parquet")), wait)
    """
    process = run(code, churn, rows)
    assert process.stdout.readline().strip() == str(len(churn.holdout))
    process.send_signal(end)
    process.communicate()
    assert (rows.parent / "out.parquet").read_text() == "old"
    left = {each.name for each in rows.parent.iterdir()} - {"rows.parquet", "out.parquet"}
    assert all(name.endswith(".part") for name in left)
    assert end is signal.SIGKILL or not left
