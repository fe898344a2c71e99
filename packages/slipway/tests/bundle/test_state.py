"""Whatever code keeps between two calls changes the digest of its state, and calls that keep nothing do not."""

import pytest

from slipway.bundle.code import run_source
from slipway.bundle.isolation.state import digest_state, is_same_state

KEEPING = {
    "a list": "kept = []\ndef call(): kept.append(1)",
    "a table in a table": "kept = {'a': {}}\ndef call(): kept['a']['b'] = 2",
    "an array": "import numpy as np\nkept = np.zeros(3)\ndef call(): kept[1] += 1",
    "an array of objects": "import numpy as np\nkept = np.array([0, []], object)\ndef call(): kept[1].append(3)",
    "a global": "kept = 0\ndef call():\n    global kept\n    kept += 1",
    "a default": "def call(kept=[0]): kept[0] += 1",
    "a closure": "def make(kept):\n    def call():\n        nonlocal kept\n        kept += 1\n    return call\n"
    "call = make(0)",
    "a class": "class Row:\n    kept = 0\ndef call(): Row.kept += 1",
    "an instance": "class Row:\n    pass\nrow = Row()\ndef call(): row.kept = 1",
    "a struct": "import msgspec\nclass Row(msgspec.Struct):\n    n: int = 0\nrow = Row()\ndef call(): row.n += 1",
    "an iterator": "import itertools\nkept = itertools.count()\ndef call(): next(kept)",
    "a generator": "def numbers():\n    yield 1\n    yield 2\nkept = numbers()\ndef call(): next(kept)",
    "a list in a cache": "import functools\n@functools.cache\ndef kept(): return []\ndef call(): kept().append(1)",
    "a list in a cache with a largest size": "import functools\n@functools.lru_cache(maxsize=2)\n"
    "def kept(): return []\ndef call(): kept().append(1)",
    "an iterator that tells nothing": "import numpy as np\nkept = np.zeros(9).flat\ndef call(): next(kept)",
    "an attribute of a table": "class Table(dict): pass\nkept = Table()\nkept.n = 0\ndef call(): kept.n += 1",
    "an attribute of a number": "class Number(float): pass\nkept = Number(1)\nkept.n = 0\ndef call(): kept.n += 1",
    "an attribute of an array": "import numpy as np\nclass Some(np.ndarray): pass\nkept = np.zeros(1).view(Some)\n"
    "kept.n = 0\ndef call(): kept.n += 1",
    "a set": "kept = set()\ndef call(): kept.add('a')",
    "bytes": "kept = bytearray(2)\ndef call(): kept[0] = 1",
    "a function": "def call(): call.kept = 1",
    "what a decorator wraps": "import functools\n@functools.cache\ndef helper(n, kept=[]): kept.append(n)\n"
    "def call(): helper(1)",
}
KEEPING_NOTHING = {
    "a cache of lists": "import functools\n@functools.cache\ndef helper(n): return [n]\ndef call(): return helper(1)",
    "values": "table = {'a': [1, 2]}\ndef call(): return table['a'][0]",
    "a cache": "import functools\n@functools.lru_cache(maxsize=8)\ndef helper(n): return n\ndef call(): helper(1)",
    "a loop through itself": "table = []\ntable.append(table)\ndef call(): return [*map(len, table)]",
    "its own values": "def call():\n    kept = []\n    kept.append(1)\n    return kept",
}


def is_same_after_a_call(source):
    module = run_source("features.py", source.encode(), "0" * 64)
    before = digest_state([module])
    module.call()
    first = digest_state([module])
    module.call()
    return is_same_state(before, first) and is_same_state(first, digest_state([module]))


@pytest.mark.parametrize("source", KEEPING.values(), ids=KEEPING)
def test_a_call_that_leaves_something_is_noticed(source):
    assert not is_same_after_a_call(source)


@pytest.mark.parametrize("source", [*KEEPING_NOTHING.values(), KEEPING["an attribute of an array"]])
def test_the_same_state_has_the_same_digest(source):
    module = run_source("features.py", source.encode(), "0" * 64)
    assert digest_state([module]) == digest_state([module])


@pytest.mark.parametrize("source", KEEPING_NOTHING.values(), ids=KEEPING_NOTHING)
def test_a_call_that_leaves_nothing_is_not(source):
    assert is_same_after_a_call(source)
