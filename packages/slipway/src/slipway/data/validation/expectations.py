"""Build Great Expectations' objects from plain rules."""

import difflib
from typing import Any

from slipway.errors import ProblemError
from slipway.problem import Expectation, View


def build_expectations(view: View) -> list[Any]:
    """Build one expectation per rule of `view`, numbered in order under `meta["number"]`.

    Raises `ProblemError` for an unknown type and for arguments that it does not accept.
    """
    return [_build(view, number, rule) for number, rule in enumerate(view.expectations)]


def _build(view: View, number: int, rule: Expectation) -> Any:
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import registry

    import slipway.data.validation.kinds  # noqa: F401

    try:
        kind = registry.get_expectation_impl(rule.type)
        # Results come in another order; the number tells which rule a result belongs to.
        return kind(**{**rule.kwargs, "notes": rule.why, "meta": {"number": number}})
    except ExpectationNotFoundError as error:
        known = registry.list_registered_expectation_implementations()
        near = difflib.get_close_matches(rule.type, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ProblemError(
            f"The view {view.name!r} has a rule of the type {rule.type!r}, which Great Expectations does not "
            f"have.{hint}"
        ) from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ProblemError(
            f"The view {view.name!r}: {rule.type} does not accept the arguments {dict(rule.kwargs)!r}: "
            f"{faults.replace('__root__: ', '')}. Fix them in the problem's expectations."
        ) from error
