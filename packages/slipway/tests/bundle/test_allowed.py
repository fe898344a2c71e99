"""The source of a bundle's code shows what it may use: each name, and what no name gives away."""

import pytest

from slipway.bundle.allowed import find_forbidden

FORBIDDEN = {
    "import os": "import os",
    "from datetime import datetime\nx = datetime.now()": "datetime.now",
    "x = np.random.random(3)": "np.random",
    "x = np.mean(y)": "np.mean without axis=",
    'x = np.datetime64("now")': '"now" as a time',
    'x = np.array(["2024-01-01", "today"], dtype="M8[D]")': '"today" as a time',
    'y[0] = " Now "': '" Now " as a time',
    'END = "now"': '"now" as a time',
    'y.fill("today")': '"today" as a time',
    'codes = {name: n for n, name in enumerate({"a", "b"})}': "the order of a set, {'a', 'b'}",
    'names = frozenset(("a", "b"))\nfirst = list(names)[0]': "the order of a set, names",
    'names = {"a"} | {"b"}\nfor name in names: x = name': "the order of a set, names",
    'names = {"a", "b"}\nfirst = [name for name in names.union(y)]': "the order of a set, names.union(y)",
    'x = {"a", "b"}.pop()': "the order of a set",
    'def names():\n    return {"a", "b"}\nx = list(names())': "the order of a set, names()",
    'class Row:\n    NAMES = {"a", "b"}\nx = list(Row.NAMES)': "the order of a set, Row.NAMES",
    'import typing\nx = typing.sys.modules["os"]': "typing.sys",
    "import dataclasses\nx = dataclasses.inspect.os": "dataclasses.inspect",
    "from enum import sys": "import sys of enum",
    "import msgspec\nx = msgspec._core": "msgspec._core",
    'x = [*{"a", "b"}]': "the order of a set",
    "x = np.log(y, where=y > 0)": "log with where= and without out=",
    "np.last = 3": "setting np.last",
    "import decimal\nx = decimal.getcontext().prec": "decimal.getcontext",
    "from decimal import localcontext": "import localcontext of decimal",
    "from datetime import datetime\nnow = datetime.now()": "datetime.now",
    "from datetime import date\ntoday = date.today()": "date.today",
    "def f(g, random=0):\n    return g.random()": "g.random",
    "import operator\nx = operator.methodcaller('tofile', y)(z)": "methodcaller('tofile')",
    "import operator\nx = operator.attrgetter(y)(z)": "attrgetter(y)",
    'x = str({"a", "b"})': "the order of a set",
    'NAMES = {"a", "b"}\nx = f"{NAMES}"': "the order of a set, NAMES",
    'x = sorted({"a", "b"}, key=len)': "the order of a set",
    'x = min({"a", "b"}, key=len)': "the order of a set",
    'first, *others = {"a", "b"}': "the order of a set",
    "x = [*(y.keys() & z.keys())]": "the order of a set",
    'x = [*(y or {"a", "b"})]': "the order of a set",
    'NAMES = {"a", "b"} if y else set()\nx = list(NAMES)': "the order of a set, NAMES",
    'TOWNS = {"x": {"a", "b"}}\nx = list(TOWNS["x"])': "the order of a set, TOWNS['x']",
    'from collections import deque\nx = deque({"a", "b"})': "the order of a set",
    'import itertools\nx = list(itertools.islice({"a", "b"}, 1))': "the order of a set",
    "from collections import Counter\nCounter.seen = 0": "setting Counter.seen",
    "clip = np.clip\nclip.seen = 0": "setting clip.seen",
}
ALLOWED = (
    'x = np.where(y == "now", 1.0, 0.0)',
    'x = {"now": 1, "later": 2}.get(y, 0)',
    'KINDS = ("now", "later")',
    'from typing import Literal\nKind = Literal["now", "later"]',
    'def f(when: Literal["now"] = None):\n    """now"""\n    return columns["now"]',
    'names = {"a", "b"}\nx = [name in names for name in y]',
    'x = sorted({"a", "b"})',
    'x = sorted(name for name in {"a", "b"})',
    'x = len({name for name in {"a", "b"}} - {"c"})',
    "x = np.log(y, where=y > 0, out=np.zeros(3))",
    "x = np.sum(y, where=y > 0, axis=1)",
    "x = np.searchsorted(np.array([1, 2, 3]), y)",
    "import decimal\nx = decimal.Decimal(y)",
    "import msgspec\nx = msgspec.structs.asdict(y), msgspec.json.decode(y)",
    "import collections.abc\nx = collections.abc.Mapping",
    "import math\nx = math.pi.real",
    "import re\nx = re.compile('a').search(y)",
    "from collections import abc",
    "class Row:\n    def f(self):\n        self.value = 3",
    "class Row:\n    pace: float\n    def slow(self):\n        return self.pace\nx = Row().slow()",
    "import operator\nx = operator.methodcaller('lower')(y), operator.itemgetter('lowest')(y)",
    'x = sorted(y, key=len), max(y, key=len), f"{y:.2f}"',
    'TOWNS = {"x": {"a", "b"}}\nx = y in TOWNS["x"], y in TOWNS.get("z", ())',
    "first, second = y\nx = y.keys() == z.keys()",
)


@pytest.mark.parametrize("source", FORBIDDEN)
def test_what_looks_beside_the_row_is_named_with_its_line(source):
    found = find_forbidden("features.py", f"import numpy as np\n{source}\n".encode())
    assert any(FORBIDDEN[source] in each for each in found), found
    assert all("(features.py, line " in each for each in found)


@pytest.mark.parametrize("source", ALLOWED)
def test_what_looks_at_a_row_alone_is_allowed(source):
    assert find_forbidden("features.py", f"import numpy as np\n{source}\n".encode()) == ()
