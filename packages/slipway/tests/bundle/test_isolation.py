"""Code of a bundle runs in a child without rights; whatever it does, the verdict is that of the parent."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toybox import reseal

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.isolation.landlock import landlock_version
from slipway.bundle.isolation.wire import PackedArray, pack_array, unpack_array
from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.errors import BundleError

# What code does, and a part of the reason that is given for it.
HARMFUL = {
    "import sys; sys.exit(0)": "SystemExit",
    "import os; os._exit(0)": "ended the process",
    "import ctypes; ctypes.string_at(0)": "ended the process",
    "_ = bytearray(10**11)": "MemoryError",
    "raise ValueError('x' * 10**7)": "xxx",
    "while True: pass": "no answer within",
    "import time; time.sleep(1000)": "no answer within",
    "import socket; socket.create_connection(('127.0.0.1', 9))": "not permitted",
    "import subprocess; subprocess.run(['true'])": "not permitted",
    "import os; os.fork()": "not permitted",
    "import os; os.kill(os.getppid(), 9)": "not permitted",
    "raise KeyError(open(f'/proc/{__import__(\"os\").getppid()}/environ').read())": "denied",
}


def planted(folder, line):
    reseal(folder, "features.py", line.encode() + b"\n" + (folder / "features.py").read_bytes())
    return read_sealed(folder)


def test_a_bundle_in_a_child_scores_exactly_as_one_that_is_loaded(toy):
    isolated = isolate_bundle(read_sealed(toy.bundle.path))
    columns = frame_to_columns(isolated.fields, toy.holdout)
    expected = toy.bundle.score(columns)
    assert isolated.fields == toy.bundle.fields and isolated.golden_rows >= 16
    np.testing.assert_array_equal(isolated.score(columns), expected)
    alone, seconds = isolated.score_alone(columns)
    np.testing.assert_array_equal(alone, expected)
    assert (seconds > 0).all()
    for name, values in toy.bundle.derive(columns).items():
        np.testing.assert_array_equal(isolated.derive(columns)[name], values)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own limits are those of Linux")
@pytest.mark.parametrize("code", HARMFUL)
def test_code_that_ends_hangs_grows_or_reaches_out_is_refused(loose_bundle, code):
    with pytest.raises(BundleError, match=HARMFUL[code]):
        isolate_bundle(planted(loose_bundle, code), patience=3)


def test_the_child_has_nothing_of_the_environment(loose_bundle, monkeypatch):
    monkeypatch.setenv("A_SECRET", "hunter2")
    with pytest.raises(BundleError) as refused:
        isolate_bundle(planted(loose_bundle, "import os; raise ValueError(sorted(os.environ.items()))"))
    assert "hunter2" not in str(refused.value) and "PATH" not in str(refused.value)


@pytest.mark.skipif(landlock_version() == 0, reason="the kernel has no Landlock")
@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError(open({secret!r}).read())",
        "raise ValueError(os.listdir({folder!r}))",
        "raise ValueError(os.listdir({home!r}))",
        "os.unlink({secret!r})",
        "os.rename({secret!r}, {secret!r} + '2')",
        "os.mkdir({folder!r} + '/made')",
        "open({folder!r} + '/made', 'w')",
        "os.symlink('/', {folder!r} + '/made')",
        "os.truncate({secret!r}, 0)",
    ],
)
def test_the_child_reads_no_file_but_pythons_own_and_changes_none(loose_bundle, tmp_path, code):
    secret = tmp_path / "key.pem"
    secret.write_text("hunter2")
    line = "import os; " + code.format(secret=str(secret), folder=str(tmp_path), home=str(Path.home()))
    with pytest.raises(BundleError, match="Permission denied") as refused:
        isolate_bundle(planted(loose_bundle, line))
    assert "hunter2" not in str(refused.value)
    assert secret.read_text() == "hunter2" and sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "key.pem"]


def test_libraries_that_problems_import_find_what_they_need(loose_bundle):
    libraries = "import pathlib, matplotlib.pyplot, pandas, scipy.stats, zoneinfo"
    planted(loose_bundle, f"{libraries}; zoneinfo.ZoneInfo('Europe/Berlin'); pathlib.Path.home()")
    isolate_bundle(read_sealed(loose_bundle)).close()


def test_a_child_that_is_closed_is_gone(churn):
    isolated = isolate_bundle(read_sealed(churn.bundle.path))
    isolated.close()
    with pytest.raises(BundleError):
        isolated.score(frame_to_columns(isolated.fields, churn.holdout))


@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "import os; os._exit(0)"])
def test_verify_ends_with_an_error_where_the_code_ends_with_none(loose_bundle, code):
    planted(loose_bundle, code)
    command = [Path(sys.executable).with_name("slipway"), "verify", "--bundle", str(loose_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"A_SECRET": "hunter2"})
    assert done.returncode == 1
    assert "features.py" in done.stderr and "verified" not in done.stdout


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, np.nan, -np.inf]),
        np.array([3, -1], dtype=np.int32),
        np.array([True, False]),
        np.array(["2024-01-01", "NaT"], dtype="datetime64[us]"),
        np.array(["a", None, "b", "a"], dtype=object),
        np.arange(6, dtype=np.float64).reshape(3, 2),
        np.array([], dtype=np.float64),
    ],
)
def test_arrays_arrive_as_they_were(values):
    found = unpack_array(pack_array(values))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == values.dtype


@pytest.mark.parametrize(
    "packed",
    [
        PackedArray("O", (1,), b"\x80\x04N."),
        PackedArray("<f8", (2,), b"\0" * 8),
        PackedArray("<i4", (1,), b"\x05\0\0\0", ("a",)),
        PackedArray("no dtype", (1,), b""),
    ],
)
def test_a_malformed_array_is_refused(packed):
    with pytest.raises(BundleError, match="Cannot read an array"):
        unpack_array(packed)
