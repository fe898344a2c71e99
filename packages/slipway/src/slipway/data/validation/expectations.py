"""From plain rules to Great Expectations' own objects; a rule that cannot be meant is refused by name."""

import difflib
from typing import Any

from slipway.errors import ProblemError
from slipway.problem import Expectation, View


def build_expectations(view: View) -> list[Any]:
    """Make one expectation per rule of `view`, numbered in their order under `meta["number"]`.

    Raises `ProblemError` for a type that does not exist and for arguments that it does not take.
    """
    return [_build(view, number, rule) for number, rule in enumerate(view.expectations)]


def _build(view: View, number: int, rule: Expectation) -> Any:
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import registry

    import slipway.data.validation.kinds  # noqa: F401

    try:
        kind = registry.get_expectation_impl(rule.type)
        # The number finds the rule of a result again: results come in another order.
        return kind(**{**rule.kwargs, "notes": rule.why, "meta": {"number": number}})
    except ExpectationNotFoundError as error:
        known = registry.list_registered_expectation_implementations()
        near = difflib.get_close_matches(rule.type, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ProblemError(
            f"The view {view.name!r} asks for the expectation {rule.type!r}, which Great Expectations does "
            f"not have.{hint}"
        ) from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ProblemError(
            f"The view {view.name!r} calls {rule.type} with {dict(rule.kwargs)!r}, which it does not take: "
            f"{faults.replace('__root__: ', '')}. Mend the arguments in the problem's expectations."
        ) from error
