"""Each call of git fails once, in every way: nothing is lost, and nothing false is reported; `make faults` tries all.

Here are all operations of the ledger, and of the deliveries, which take longest, three.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from operations import OPERATIONS

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow
# Each group is tried in a process of its own.
GROUPS = {
    "beginning": ("init", "init without a remote", "init of a third environment"),
    "appending": ("append", "append of a kept bundle"),
    "appending elsewhere": ("append without a remote", "append, signed"),
    "correcting": ("distrust", "unblock", "gate rebase"),
    "reading": ("read", "read what is known", "read in a shallow clone", "read, signed", "read without a remote"),
    "looking back": ("history", "history, signed", "fetch of a bundle"),
    "looking at all": ("verify", "verify, signed", "status", "show"),
    "promoting": ("promote",),
    "rolling back": ("rollback",),
    "reconciling": ("reconcile",),
}


@pytest.mark.parametrize("names", GROUPS.values(), ids=GROUPS)
def test_a_call_of_git_that_fails_loses_nothing_and_makes_nothing_up(names):
    done = subprocess.run([sys.executable, str(HERE), "--json", "--only", *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["operation"] for each in found] == [*names]
    for each in found:
        assert each["faults"] >= 4 * each["calls"] > 40
        assert (each["lost"], each["false"]) == ([], [])


def test_every_operation_of_the_ledger_is_tried_here():
    here = {name for names in GROUPS.values() for name in names}
    assert {name for name, operation in OPERATIONS.items() if not operation.delivers} < here < OPERATIONS.keys()


# A reader for which an error of git means that nothing exists.
BROKEN = """
import runpy, sys
from slipway.errors import LedgerError
from slipway.ledger.objects import Objects
read = Objects._objects
def read_or_nothing(self, names):
    try:
        return iter(list(read(self, names)))
    except LedgerError:
        return iter([None] * len(names))
Objects._objects = read_or_nothing
here = sys.argv[1]
sys.argv = ["faults", "--only", "read"]
runpy.run_path(here, run_name="__main__")
"""


def test_a_reader_that_takes_an_error_for_an_answer_is_found():
    done = subprocess.run([sys.executable, "-c", BROKEN, str(HERE)], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(
        r"git cat-file --batch\), error: false: Expected the \w+ of .* found that it is missing", done.stderr
    )
