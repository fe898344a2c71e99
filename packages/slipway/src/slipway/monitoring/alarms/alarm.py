"""An alarm: a rule that a measurement broke in k of n windows, and what follows from it."""

from datetime import datetime
from enum import StrEnum

import msgspec

from slipway.figures import Figure


class Severity(StrEnum):
    """The urgency of an alarm; a note is for information alone."""

    NOTE = "note"
    WARNING = "warning"
    CRITICAL = "critical"


class Action(StrEnum):
    """The action that an alarm starts."""

    NONE = "none"
    ISSUE = "issue"
    PAGE = "page"
    RETRAIN = "retrain"
    ROLLBACK = "rollback"


class AlarmState(StrEnum):
    """The state of an alarm: its rule is broken now, or was until this run."""

    FIRING = "firing"
    RECOVERED = "recovered"


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and one measurement of an environment.

    `since` is the end of the first window in which it fired, `windows` how many of the last ones broke the rule (k of
    n). `sentence` says what was found and what was allowed, `advice` what to do. `judged` is the end of the window that
    `observed` is from; where newer windows cannot be judged, `unjudged` says why. `release` is the bundle that served.
    """

    environment: str
    rule: str
    measurement: str
    severity: Severity
    action: Action
    state: AlarmState
    since: datetime
    windows: tuple[int, int]
    observed: Figure | None
    limit: str
    sentence: str
    advice: str
    judged: datetime | None = None
    unjudged: str = ""
    release: str | None = None

    @property
    def finding(self) -> str:
        """Return the sentence, and since when and why nothing newer could be judged."""
        if not self.unjudged or self.judged is None:
            return self.sentence
        return f"{self.sentence} Cannot be judged since {self.judged:%Y-%m-%d}: {self.unjudged}."

    @property
    def fingerprint(self) -> str:
        """Return what tells this alarm from others: the same in every run, until it has recovered."""
        return f"{self.environment}/{self.rule}/{self.measurement}"
