"""`slipway log` counts and passes by what the service did not write, and its memory is bounded."""

import json
import os
import resource
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import pytest
from click.testing import CliRunner
from running import SLIPWAY

from slipway.cli import main
from slipway.serving.identifiers import format_identifier, new_identifier
from slipway.serving.log import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.join import join_outcomes
from slipway.serving.log.outcomes import count_outcomes
from slipway.serving.log.reader import Damage, read_log

NOW = datetime(2024, 5, 1, tzinfo=UTC)
BASE = "01920000-0000-7000-8000-000000000000"
GOOD = {"kind": "prediction", "id": BASE, "time": "2024-05-01T00:00:00Z", "model": "m", "latency_us": 1, "score": 0.5}
BATCH = {"kind": "batch", "id": BASE, "time": "2024-05-01T00:00:00Z", "model": "m", "latency_us": 1, "scores": [0.5]}


def changed(record, **fields):
    return json.dumps(record | fields).encode()


LINES = {
    "torn": changed(GOOD)[:40],
    "binary": bytes(range(256)).replace(b"\n", b""),
    "empty object": b"{}",
    "list": b"[1, 2]",
    "another kind": changed(GOOD, kind="access"),
    "deep": b"[" * 200_000,
    "deep inputs": changed(GOOD)[:-1] + b', "inputs": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "time without a zone": changed(GOOD, time="2024-05-01T00:00:00"),
    "time out of range": changed(GOOD, time="99999-05-01T00:00:00Z"),
    "score of text": changed(GOOD, score="high"),
    "score of objects": changed(GOOD, score=[{"a": 1}]),
    "batch of unequal lengths": changed(BATCH, labels=[True, False]),
    "batch with another identifier": changed(BATCH, id="7"),
    "shadow of text": changed(BATCH, kind="shadow", scores=["a"]),
    "huge number": changed(GOOD)[:-4] + b"1" * 5000 + b"}",
    "latin-1": changed(GOOD, model="m").replace(b'"m"', b'"\xe9"'),
}


def run_log(folder, *options, **more):
    return subprocess.run(
        [str(SLIPWAY), "log", "--folder", str(folder), *options], capture_output=True, text=True, timeout=60, **more
    )


@pytest.mark.parametrize("options", [(), ("--json",), ("--outcomes",)], ids=["lines", "json", "outcomes"])
def test_every_kind_of_damaged_line_is_counted_and_passed_by(tmp_path, options):
    good = changed(GOOD)
    for number, damaged in enumerate(LINES.values()):
        (tmp_path / f"{number:02}.jsonl").write_bytes(good + b"\n" + damaged + b"\n" + good + b"\n")
    done = run_log(tmp_path, "--all", *options)
    assert done.returncode == 0, done.stderr
    if options == ("--outcomes",):
        # Scores and the lengths of a batch are not looked at there.
        assert "1 predictions without" in done.stdout
        assert "line(s) skipped" in done.stderr
    else:
        assert len(done.stdout.splitlines()) == 2 * len(LINES)
        assert f"{len(LINES)} line(s) skipped" in done.stderr


@pytest.mark.parametrize("options", [(), ("--outcomes",)], ids=["lines", "outcomes"])
def test_folders_pipes_and_unreadable_files_are_counted_and_passed_by(tmp_path, options):
    (tmp_path / "a.jsonl").write_bytes(changed(GOOD) + b"\n")
    (tmp_path / "b.jsonl").mkdir()
    os.mkfifo(tmp_path / "c.jsonl")
    (tmp_path / "d.jsonl").symlink_to(tmp_path / "nothing")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "e.jsonl"))
    (tmp_path / "f.jsonl").symlink_to("/proc/self/mem")
    done = run_log(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    assert BASE in done.stdout or "1 predictions without" in done.stdout
    assert "5 file(s) skipped" in done.stderr


@pytest.mark.parametrize("options", [(), ("--outcomes",)], ids=["lines", "outcomes"])
def test_a_folder_that_cannot_be_read_is_no_empty_log(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl").write_bytes(changed(GOOD) + b"\n")
    tmp_path.chmod(0o755)
    (tmp_path / "log").chmod(0o000 if os.geteuid() else 0o700)
    arguments = ["log", "--folder", "log", *options]
    assert CliRunner().invoke(main, arguments).exit_code == (0 if os.geteuid() == 0 else 1)
    user = os.geteuid()
    os.seteuid(user or 65_534)
    try:
        done = CliRunner().invoke(main, arguments)
    finally:
        os.seteuid(user)
        (tmp_path / "log").chmod(0o700)
    assert (done.exit_code, done.output) == (1, "Error: The system reports an error on log: Permission denied.\n")


def test_what_a_client_sent_does_not_control_the_terminal(tmp_path):
    record = Feedback(BASE, NOW, BASE, "\x1b[2J", source="\x1b]0;x\x07")
    (tmp_path / "a.jsonl").write_bytes(msgspec.json.encode(record) + b"\n")
    assert "\x1b" not in run_log(tmp_path).stdout


def test_counts_are_those_of_the_join(tmp_path):
    entries, first = [], new_identifier()
    for number in range(300):
        name = format_identifier(first + 1000 * number)
        match number % 3:
            case 0:
                entries.append(Prediction(name, NOW, "m", 1, 0.5, True, probe=number % 9 == 0))
            case 1:
                entries.append(Batch(name, NOW, "m", 1, [0.5] * 5, [True] * 5))
            case 2:
                entries.append(Shadow(name, NOW, "other", [0.5]))
        for repeat in range(number % 4):
            outcome = Feedback(f"f{number}-{repeat}", NOW + timedelta(seconds=1), name, number % 5 != repeat)
            entries.insert(number // 2, outcome)
    (tmp_path / "a.jsonl").write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
    expected = join_outcomes(read_log(tmp_path)).summary()
    assert all(count > 0 for count in expected.values() if count) and expected["predictions with one outcome"] > 0
    assert count_outcomes(tmp_path, Damage()) == expected


def test_outcomes_are_counted_without_temporary_files_as_far_as_memory_may_be_used(tmp_path):
    def limit_files(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    record = Feedback("f", NOW, BASE, True, source="s" * 100)
    # The last file ends within its buffer, which is written when it is read or closed.
    for number, size, found in ((1, 0, "1 predictions with one outcome"), (2000, 0, ""), (2000, 300_000, "")):
        (tmp_path / "a.jsonl").write_bytes(changed(GOOD) + b"\n" + (msgspec.json.encode(record) + b"\n") * number)
        done = run_log(tmp_path, "--outcomes", preexec_fn=partial(limit_files, size))
        assert found in done.stdout
        assert done.returncode == (0 if found else 1)
        assert found or ("Traceback" not in done.stderr and "Set TMPDIR to a folder with space" in done.stderr)


@pytest.mark.slow
def test_outcomes_of_a_large_log_are_counted_in_bounded_memory(tmp_path):
    """Half a million predictions with their inputs, in 180 MB."""
    inputs = {f"field_{number}": number for number in range(20)}
    with (tmp_path / "a.jsonl").open("wb") as log:
        for start in range(0, 500_000, 1000):
            name = format_identifier((0x0192 << 112 | 0x7 << 76 | 2 << 62) + start)
            log.write(msgspec.json.encode(Batch(name, NOW, "m", 1, [0.5] * 1000, [True] * 1000, [inputs] * 1000)))
            log.write(b"\n")
    code = (
        "import sys; sys.argv = ['slipway', 'log', '--outcomes', '--folder', sys.argv[1]]\n"
        "from slipway.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        # The highest size since this program was started: ru_maxrss begins with that of the process that forked it.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert "500000 predictions without" in done.stdout
    assert int(done.stdout.splitlines()[-1]) < 400_000
