"""The key `retrain` of `monitor.yaml`: when an alarm may start a retrain."""

from typing import Annotated

from msgspec import Meta

from slipway.params import Strict


class StartRules(Strict, frozen=True, kw_only=True):
    """The conditions under which an alarm may start a retrain.

    `cool_down_days` after the last start: half the window of the default rule, so that at least half of the outcomes of
    a retrain's newest window are new to it. `fewest_outcomes` in that window, and new ones in the data: with less, a
    skill has an interval about as wide as itself. `budget` bounds the runs of 30 days, whoever started them: with a
    cool-down of 14 days only runs by hand reach it; with 0 no alarm starts one.
    """

    cool_down_days: Annotated[int, Meta(ge=1, le=366)] = 14
    fewest_outcomes: Annotated[int, Meta(ge=1)] = 1000
    budget: Annotated[int, Meta(ge=0)] = 4
