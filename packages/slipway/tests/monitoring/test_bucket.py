"""A log in a bucket with the S3 protocol: each byte is fetched once, and an error is one paragraph."""

import subprocess
import sys

import boto3
import msgspec
import pytest
from bucket import OWNER, bucket, credentials
from click.testing import CliRunner
from monitorbox import START, figures, make_traffic, run, write_log
from running import free_port

from slipway.cli import main
from slipway.errors import DataError, SettingsError
from slipway.monitoring.intake.bucket import list_bucket
from slipway.monitoring.intake.segments import find_segments, take_in_segments


@pytest.fixture(scope="module")
def served():
    with bucket() as found:
        yield found


@pytest.fixture
def log(served, request, monkeypatch):
    """The address of an empty log in the bucket, for a session that may read and write it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with credentials(OWNER):
        yield f"s3://{served.name}/{request.node.name}/log"


@pytest.fixture(scope="module")
def made(toys):
    return make_traffic(toys["churn"], rows=20)


def put(address, name, content):
    name_of_bucket, _, prefix = address.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=name_of_bucket, Key=f"{prefix}/{name}", Body=content)


def remove(address, name):
    name_of_bucket, _, prefix = address.removeprefix("s3://").partition("/")
    boto3.client("s3").delete_object(Bucket=name_of_bucket, Key=f"{prefix}/{name}")


def encode(entries):
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)


def fetched(served, action):
    """Return the ranges that were read while something was done."""
    before = len(served.ranges)
    action()
    return served.ranges[before:]


def test_a_log_in_a_bucket_gives_the_figures_of_one_in_folders(root, log, made):
    write_log(root / "log", made.entries)
    expected = figures(run(root))
    (root / ".slipway").rename(root / "before")
    put(log, "replica-a/20240501T000000.000000Z-0000000a.jsonl", encode(made.predictions))
    put(log, "replica-b/20240501T000000.000000Z-0000000b.jsonl", encode(made.feedback))
    put(log, "notes.txt", b"mine")
    assert figures(run(root, log)) == expected


def test_what_was_read_is_not_fetched_again(root, served, log, made):
    lines = encode(made.entries)
    half = lines.index(b"\n", len(lines) // 2) + 1
    put(log, "a.jsonl", lines[:half])
    assert fetched(served, lambda: run(root, log)) == [(0, half - 1)]
    assert fetched(served, lambda: run(root, log)) == []
    put(log, "a.jsonl", lines)
    # The end of what was read shows that the segment was continued.
    assert fetched(served, lambda: run(root, log)) == [(half - 64, half - 1), (half, len(lines) - 1)]
    assert run(root, log).counts.predictions == len(made.predictions)


def test_another_content_under_the_same_name_is_read_from_its_start(root, served, log, made):
    first, second = (encode(part) for part in (made.entries[:400], made.entries[400:]))
    put(log, "a.jsonl", first)
    run(root, log)
    put(log, "a.jsonl", second[: second.index(b"\n", len(first)) + 1])
    assert [start for start, _ in fetched(served, lambda: run(root, log))] == [len(first) - 64, 0]


def test_an_incomplete_line_is_counted_and_read_when_it_is_whole(root, log, made):
    lines = encode(made.entries)
    put(log, "a.jsonl", lines[:-20])
    assert run(root, log).counts.damaged == 1
    put(log, "a.jsonl", lines)
    assert run(root, log).counts.damaged == 0


def test_every_page_of_a_long_list_is_read(log, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    names = [f"{number}.jsonl" for number in range(5)]
    for name in names:
        put(log, name, b"{}\n")
    assert [each.name for each in list_bucket(log)] == names


@pytest.mark.parametrize("change", [remove, lambda log, name: put(log, name, b"{}\n" * 99)])
def test_a_segment_that_is_deleted_or_replaced_after_it_was_listed_is_left_out(tmp_path, log, made, change):
    put(log, "a.jsonl", encode(made.entries[:10]))
    put(log, "b.jsonl", encode(made.entries[10:30]))
    segments = find_segments([log])
    change(log, "a.jsonl")
    assert take_in_segments(tmp_path / "chunks", segments) == 0
    assert {path.name.partition(".jsonl")[0] for path in (tmp_path / "chunks").iterdir()} == {"b"}


def test_an_address_without_a_segment_is_an_error(root, log, made):
    put(log, "a.jsonl", encode(made.entries))
    run(root, log)
    with pytest.raises(DataError, match="No segment of a log below s3://"):
        run(root, f"{log}s")
    # The name of a folder is not a beginning of names.
    with pytest.raises(DataError, match="No segment of a log below s3://"):
        run(root, log[:-1])


def test_an_address_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="Expected a log in a bucket as s3://BUCKET/PREFIX, found 's3:///x'"):
        list_bucket("s3:///x")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "Unable to locate credentials. Set AWS_ACCESS"),
        ({"AWS_ACCESS_KEY_ID": "another"}, "(AccessDenied)"),
        ({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "AWS_MAX_ATTEMPTS": "1"}, "Could not connect"),
        ({"AWS_ENDPOINT_URL": "nowhere"}, "Invalid endpoint: nowhere."),
    ],
)
def test_a_bucket_that_cannot_be_read_is_one_paragraph_and_exits_with_2(
    root, log, tmp_path, monkeypatch, variables, said
):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    monkeypatch.chdir(root)
    done = CliRunner().invoke(main, ["monitor", "run", "production", "--log", log])
    assert done.exit_code == 2
    assert f"Error: Cannot read the log in {log}: " in done.output
    assert said in done.output
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_boto3_the_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from slipway.monitoring.intake.bucket import list_bucket\n"
        "from slipway.errors import SettingsError\n"
        "try:\n    list_bucket('s3://logs/flights')\nexcept SettingsError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith("A log in a bucket needs slipway[aws]: ")


def test_the_command_reads_a_bucket(root, log, made, monkeypatch):
    put(log, "a.jsonl", encode(made.entries))
    monkeypatch.chdir(root)
    until = f"{START:%Y}-05-29"
    done = CliRunner().invoke(main, ["monitor", "run", "production", "--log", log, "--until", until])
    assert "560 predictions: 560 with an outcome" in done.output, done.output
