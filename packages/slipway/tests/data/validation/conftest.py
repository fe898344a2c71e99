"""A short way to look at a report."""

import pytest


@pytest.fixture(scope="session")
def broken_rules():
    """The rules that do not hold, by column and type."""

    def of(report, view="dataset"):
        (found,) = (one for one in report.views if one.name == view)
        return {(rule.column, rule.rule): rule for rule in found.rules if not rule.passed}

    return of
