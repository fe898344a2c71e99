"""Changes of the contract that clients of production would feel, and changes that none of them would."""

from collections.abc import Callable

import pandas as pd
from catalogue import Change, mutant, replace_package
from projectbox import Project

_PAPERLESS = '    paperless: Annotated[bool, Meta(description="Bills by mail only")] | None = None\n'
_DEVICE = '    device: Annotated[str, Meta(description="Used most")]'
_PLANS = '"basic", "plus", "family"'


def _contract(
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
        _contract(project, before, after, rows)

    return twin


def _with_device(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(device="phone")


_new_optional_field = _honest(_PAPERLESS, f"{_PAPERLESS}{_DEVICE} | None = None\n", _with_device)


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=-1, le=900"))
def range_narrowed(project: Project) -> None:
    """The maximum of a number is smaller."""
    _contract(project, "ge=0, le=600", "ge=0, le=119")


@mutant("contract_compatible", _honest(_PLANS, f'{_PLANS}, "team"'))
def category_removed(project: Project) -> None:
    """A category is no longer accepted."""
    _contract(project, _PLANS, '"basic", "plus"', lambda part: part[part["plan"] != "family"])


@mutant("contract_compatible", _honest('pattern="^[a-z]+$", ', ""))
def pattern_changed(project: Project) -> None:
    """The pattern of a text is another."""
    _contract(project, "^[a-z]+$", "^[a-z]{1,9}$")


@mutant("contract_compatible", _honest("Bills so far", "Bills since the first one"))
def type_changed(project: Project) -> None:
    """A field has another type."""
    _contract(project, "months: Annotated[int", "months: Annotated[float")


@mutant("contract_compatible", _new_optional_field)
def field_removed(project: Project) -> None:
    """A field that clients send was removed."""
    _contract(project, _PAPERLESS, "", lambda part: part.drop(columns="paperless"))


@mutant("contract_compatible", _new_optional_field)
def new_required_field(project: Project) -> None:
    """A new field is required."""
    _contract(project, _PAPERLESS, f"{_DEVICE}\n{_PAPERLESS}", _with_device)


@mutant("contract_compatible", _honest("ge=0, le=600", "ge=0"))
def field_required_now(project: Project) -> None:
    """An optional field is required."""
    before = '"unit": "h/day"})] | None = None'
    _contract(project, before, '"unit": "h/day"})]', lambda part: part[part["usage"].notna()])
