"""Changes of the contract that clients of production would feel, and changes that none of them would."""

from collections.abc import Callable

import pandas as pd
from catalogue import Change, mutant, replace_package
from projectbox import Project
from toybox import reseal

from slipway.bundle import load_bundle

PAPERLESS = '    paperless: Annotated[bool, Meta(description="Bills by mail only")] | None = None\n'
_DEVICE = '    device: Annotated[str, Meta(description="Used most")]'
_PLANS = '"basic", "plus", "family"'


def with_contract(
    project: Project, before: str, after: str, rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda part: part
) -> None:
    """Train with a contract in which one text is replaced, on `rows` that fit it."""

    def change(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    name = replace_package(project, "contract.py", change)
    package = project.root / "src" / name
    features = package / "features.py"
    if "paperless" not in (package / "contract.py").read_text():
        features.write_text(features.read_text().replace(', "paperless"', ""))
    train, holdout = (rows(part).reset_index(drop=True) for part in (project.train, project.holdout))
    project._replace(package=name).retrain(train, holdout)


def _honest(before: str, after: str, rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda part: part) -> Change:
    def twin(project: Project) -> None:
        with_contract(project, before, after, rows)

    return twin


def _with_device(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(device="phone")


_new_optional_field = _honest(PAPERLESS, f"{PAPERLESS}{_DEVICE} | None = None\n", _with_device)


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=-1, le=900"))
def range_narrowed(project: Project) -> None:
    """The maximum of a number is smaller."""
    with_contract(project, "ge=0, le=600", "ge=0, le=119")


@mutant("contract_compatible", _honest(_PLANS, f'{_PLANS}, "team"'))
def category_removed(project: Project) -> None:
    """A category is no longer accepted."""
    with_contract(project, _PLANS, '"basic", "plus"', lambda part: part[part["plan"] != "family"])


@mutant("contract_compatible", _honest('pattern="^[a-z]+$", ', ""))
def pattern_changed(project: Project) -> None:
    """The pattern of a text is another."""
    with_contract(project, "^[a-z]+$", "^[a-z]{1,9}$")


@mutant("contract_compatible", _honest("Bills so far", "Bills since the first one"))
def type_changed(project: Project) -> None:
    """A field has another type."""
    with_contract(project, "months: Annotated[int", "months: Annotated[float")


@mutant("contract_compatible", _new_optional_field)
def field_removed(project: Project) -> None:
    """A field that clients send was removed."""
    with_contract(project, PAPERLESS, "", lambda part: part.drop(columns="paperless"))


@mutant("contract_compatible", _new_optional_field)
def new_required_field(project: Project) -> None:
    """A new field is required."""
    with_contract(project, PAPERLESS, f"{_DEVICE}\n{PAPERLESS}", _with_device)


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=0"))
def field_required_now(project: Project) -> None:
    """An optional field is required."""
    before = '"unit": "h/day"})] | None = None'
    with_contract(project, before, '"unit": "h/day"})]', lambda part: part[part["usage"].notna()])


_UNIT = '"unit": "h/day"'


def hook(condition: str, then: str) -> str:
    return f"{PAPERLESS}\n    def __post_init__(self):\n        if {condition}:\n            {then}\n"


@mutant("contract_compatible", _honest("Mean use", "Mean use of the last week"))
def unit_changed(project: Project) -> None:
    """A number is expected in another unit, which no range shows."""
    with_contract(project, _UNIT, '"unit": "min/day"')


@mutant("contract_compatible", _honest('pattern="^[a-z]+$", ', 'min_length=0, pattern="^[a-z]+$", '))
def text_shortened(project: Project) -> None:
    """A text may have no more than as many characters as the longest so far."""
    with_contract(project, 'pattern="^[a-z]+$", ', 'pattern="^[a-z]+$", max_length=12, ')


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=0, le=600, multiple_of=1"))
def only_whole_years(project: Project) -> None:
    """A number must be a multiple of twelve."""
    with_contract(project, "ge=0, le=600", "ge=0, le=600, multiple_of=12", lambda part: part[part["months"] % 12 == 0])


@mutant("contract_compatible", _honest("One subscriber on one day", "A subscriber, on a day"))
def combination_refused(project: Project) -> None:
    """A hook of the contract refuses one combination of values, which the rows of today do not have."""
    with_contract(project, PAPERLESS, hook("self.months > 599", "raise ValueError()"))


@mutant("contract_compatible", _honest(PAPERLESS, f"{PAPERLESS}\n    def __repr__(self):\n        return self.plan\n"))
def value_replaced_when_read(project: Project) -> None:
    """A method of the contract gives another value than the client sent, for rows that today are not there."""
    read = "value = object.__getattribute__(self, name)\n        return 1 if value == 599 else value"
    method = f"{PAPERLESS}\n    def __getattribute__(self, name):\n        {read}\n"
    with_contract(project, PAPERLESS, method)


@mutant("contract_compatible", _new_optional_field)
def field_renamed(project: Project) -> None:
    """A field has another name, and the old one is not accepted any more."""
    new = {"paperless": "without_paper"}
    with_contract(project, "    paperless:", "    without_paper:", lambda part: part.rename(columns=new))


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=0, le=900"))
def default_replaced(project: Project) -> None:
    """An optional field that a client leaves out has another value than before."""
    with_contract(project, 'Bills by mail only")] | None = None', 'Bills by mail only")] | None = True')


def _resealed(project: Project, before: str, after: str) -> None:
    """Replace a text of the bundle's contract alone, as if it had been trained with it."""
    text = (project.bundle / "contract.py").read_text()
    assert before in text
    reseal(project.bundle, "contract.py", text.replace(before, after).encode())


def _described(project: Project) -> None:
    """Another description of a field."""
    _resealed(project, "Bills so far", "Bills since the first one")
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)


@mutant("contract_reads_holdout", _described)
def some_rows_refused(project: Project) -> None:
    """A hook of the contract refuses rows that were evaluated."""
    _resealed(project, PAPERLESS, hook("self.months == 17", "raise ValueError('17')"))


@mutant("contract_reads_holdout", _described)
def values_changed_on_arrival(project: Project) -> None:
    """A hook of the contract replaces a value by another."""
    force = "msgspec.structs.force_setattr(self, 'months', 18)"
    _resealed(project, PAPERLESS, hook("self.months == 17", force))


@mutant("contract_reads_holdout", _described)
def refused_from_a_day_on(project: Project) -> None:
    """A hook of the contract refuses rows from a day on, which the holdout has."""
    day = "self.joined is not None and self.joined.year >= 2021 and self.joined.month == 5"
    _resealed(project, PAPERLESS, hook(day, "raise ValueError('late')"))
