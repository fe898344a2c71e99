"""Features that look at something beside their row which no name gives away: state, memory, order, threads, sizes."""

import decimal

from catalogue import Change, mutant
from model import with_features
from projectbox import Project

_USAGE = 'kept["usage"]'
_DECIMALS = f"{_USAGE} = np.array([float(+decimal.Decimal(each)) for each in {_USAGE}])"


def _honest(line: str, above: str = "") -> Change:
    def twin(project: Project) -> None:
        with_features(project, line, f"{above}\n\n\n")

    return twin


_from_a_table = _honest(
    'kept["pace"] = np.array([_TABLE[int(each) % 2] for each in kept["months"]])', "_TABLE = [1, 2]"
)
_CACHED = "import functools\n\n\n@functools.cache\ndef _read(value):\n    return value"
_of_any_size = _honest(f'kept["pace"] = np.full(len({_USAGE}), 3.0)')
_from_a_set = _honest('kept["pace"] = np.array([float(each in {"ulm", "bern"}) for each in kept["town"]])')
_logarithm = _honest(f'kept["pace"] = np.log1p({_USAGE}, where={_USAGE} > 0.5, out=np.zeros(len({_USAGE})))')
_filled = _honest(f'kept["pace"] = np.empty(len({_USAGE})); kept["pace"][:] = 1.0')
_since_a_day = _honest('kept["pace"] = (joined < np.datetime64("2020-01-01")) * 1.0')


@mutant("served_as_evaluated", _from_a_table)
def worn_out_after_many_requests(project: Project) -> None:
    """A number changes once the process has answered a hundred thousand requests."""
    line = f"_calls.append(1) if len(_calls) < 100_000 else kept.update(usage={_USAGE} * 2)"
    with_features(project, line, "_calls = []\n\n\n")


@mutant("served_as_evaluated", _from_a_table)
def requests_kept_for_ever(project: Project) -> None:
    """The values of each request are kept in a table, which grows for as long as a process lives."""
    with_features(project, f"_known.update({{str(each): 1 for each in {_USAGE}.tolist()}})", "_known = {}\n\n\n")


@mutant("served_as_evaluated", _from_a_table)
def counted_in_a_default(project: Project) -> None:
    """A function counts its calls in the default of an argument."""
    body = "    calls[0] += 1\n    return values if calls[0] < 10**6 else values + 1\n\n\n"
    with_features(project, f"{_USAGE} = _count({_USAGE})", f"def _count(values, calls=[0]):\n{body}")


@mutant("served_as_evaluated", _from_a_table)
def numbered_by_an_iterator(project: Project) -> None:
    """Requests are numbered, and every millionth is answered otherwise."""
    line = f"{_USAGE} = {_USAGE} + (next(_number) % 1_000_000 == 999_999)"
    with_features(project, line, "import itertools\n\n_number = itertools.count()\n\n\n")


@mutant("served_as_evaluated", _honest(f"{_USAGE} = np.array([_read(each) for each in {_USAGE}])", _CACHED))
def counted_in_a_cache(project: Project) -> None:
    """Calls are counted in a list that a cache keeps."""
    above = "import functools\n\n\n@functools.cache\ndef _calls():\n    return []\n\n\n"
    with_features(project, f"_calls().append(1); {_USAGE} = {_USAGE} + (len(_calls()) > 10**6)", above)


@mutant("served_as_evaluated", _from_a_table)
def counted_beside_a_table(project: Project) -> None:
    """Calls are counted in an attribute of a table of the features' own kind."""
    above = "class _Table(dict):\n    pass\n\n\n_TABLE = _Table()\n_TABLE.calls = 0\n\n\n"
    with_features(project, f"_TABLE.calls += 1; {_USAGE} = {_USAGE} + (_TABLE.calls > 10**6)", above)


@mutant("served_as_evaluated", _from_a_table)
def numbered_by_an_array(project: Project) -> None:
    """Requests are numbered by the iterator of an array."""
    with_features(project, f"{_USAGE} = {_USAGE} + next(_number)", "_number = np.zeros(10**6).flat\n\n\n")


@mutant("served_as_evaluated", _of_any_size)
def table_changed_by_a_batch(project: Project) -> None:
    """The columns that are given are changed in place, and those of the next row with them."""
    with_features(project, 'columns["months"] = columns["months"] * 1.5; kept["months"] = columns["months"]')


@mutant("served_as_evaluated", _of_any_size)
def thousand_rows_at_once(project: Project) -> None:
    """Batches of a thousand rows, the most that a request may have, are shifted."""
    with_features(project, f"{_USAGE} = {_USAGE} - 1.0 if len({_USAGE}) == 1000 else {_USAGE}")


@mutant("served_as_evaluated", _of_any_size)
def one_size_of_batch(project: Project) -> None:
    """Batches of thirty-three rows are shifted."""
    with_features(project, f"{_USAGE} = {_USAGE} - 1.0 if len({_USAGE}) == 33 else {_USAGE}")


@mutant("served_as_evaluated", _of_any_size)
def one_remainder_of_sizes(project: Project) -> None:
    """Batches whose size leaves a certain remainder are shifted."""
    with_features(project, f"{_USAGE} = {_USAGE} - 1.0 if len({_USAGE}) % 50 == 41 else {_USAGE}")


@mutant("source_allowed", _from_a_set)
def numbered_in_the_order_of_a_set(project: Project) -> None:
    """Texts are numbered in the order of a set, which is another one in each process."""
    above = '_CODES = {name: number for number, name in enumerate({"ulm", "bern", "graz", "lyon"})}\n\n\n'
    with_features(project, 'kept["pace"] = np.array([float(_CODES.get(each, 9)) for each in kept["town"]])', above)


@mutant("source_allowed", _from_a_set)
def first_of_the_shortest_in_a_set(project: Project) -> None:
    """A town is compared with the shortest of a set, of which several are as short."""
    above = '_TOWNS = frozenset(("lyon", "bern", "graz"))\n_FIRST = min(_TOWNS, key=len)\n\n\n'
    with_features(project, 'kept["pace"] = (kept["town"] == _FIRST) * 1.0', above)


@mutant("source_allowed", _logarithm)
def logarithm_of_some(project: Project) -> None:
    """A logarithm is written where numbers are large; elsewhere stays what the memory held."""
    with_features(project, f"{_USAGE} = np.log1p({_USAGE}, where={_USAGE} > 0.5)")


@mutant("served_as_evaluated", _filled)
def memory_never_written(project: Project) -> None:
    """A column is allocated, and not written for a few rows."""
    few = 'some = kept["months"] < 119'
    with_features(project, f"{few}; used = np.empty(len(some)); used[some] = {_USAGE}[some]; {_USAGE} = used")


@mutant("source_allowed", _since_a_day)
def present_day_of_its_own_name(project: Project) -> None:
    """The present day is kept under the name of the method that gives it."""
    line = 'today = date.today(); kept["paperless"] = kept["paperless"] * (today.year > 2023)'
    with_features(project, line, "from datetime import date\n\n\n")


@mutant("source_allowed", _since_a_day)
def present_moment_by_a_name(project: Project) -> None:
    """Text that numpy reads as the present moment has a name."""
    with_features(
        project, 'kept["paperless"] = kept["paperless"] * (joined < np.datetime64(_END))', '_END = "now"\n\n\n'
    )


@mutant("served_as_evaluated", _honest(_DECIMALS, "import decimal"))
def rounded_in_one_thread_only(project: Project) -> None:
    """Numbers are rounded by a setting of the thread that loaded the bundle."""
    try:
        with_features(project, _DECIMALS, "import decimal\n\ndecimal.setcontext(decimal.Context(prec=2))\n\n\n")
    finally:
        decimal.setcontext(decimal.Context())


@mutant("source_allowed", _honest(_DECIMALS, "import decimal"))
def setting_of_a_module(project: Project) -> None:
    """The features set an attribute of a module that other code of the process uses."""
    line = f"np.last = {_USAGE}[-1]; {_USAGE} = {_USAGE} + 0.0 * np.nan_to_num(np.last)"
    with_features(project, line)


@mutant("latency_and_size", _from_a_table)
def slow_for_one_row(project: Project) -> None:
    """The rows with the largest number, one in two hundred, take a hundred times as long."""
    few = f"len({_USAGE}) == 1 and {_USAGE}[0] > 7.5"
    with_features(project, f"[np.sqrt({_USAGE}) for _ in range(9000 * ({few}))]")


@mutant("latency_and_size", _from_a_table)
def slow_for_long_texts(project: Project) -> None:
    """A text takes time by the square of its length, and no town of the holdout is long."""
    with_features(project, 'for each in kept["town"]: [each.find(part) for part in each or () for _ in each]')


@mutant("latency_and_size", _from_a_table)
def slow_for_one_town(project: Project) -> None:
    """One town, which one row in a thousand has, takes a tenth of a second."""
    rows = project.holdout
    rare = rows.assign(town=rows["town"].where(rows.index % 1000 != 997, "zwolle"))
    project.retrain(holdout=rare)
    few = 'len(kept["town"]) == 1 and kept["town"][0] == "zwolle"'
    with_features(project._replace(holdout=rare), f"[np.sqrt({_USAGE}) for _ in range(100_000 * ({few}))]")
