"""One number that a window was measured to have: rules, report, gauges and alarms all read these."""

import msgspec

from slipway.figures import Figure


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure of one window, with what it is to be compared with.

    `name` is what a rule in `monitor.yaml` names, its parts separated by colons: `skill`, `roc_auc`, `slope`,
    `slice:plan=basic:mean_error`, `drift:usage`, `missing:usage`, `unseen:town`, `coverage`, `errors`.
    `reference` is the same figure of the evaluation, or of the reference for drift; `limit` the value above which it is
    called unusual, where one was calibrated. `rows` is the number of rows, or of outcomes, that it rests on. `note`
    says why a figure is missing or how it was made. `rank` orders columns by how much the model leans on them, 0 first.
    """

    name: str
    figure: Figure | None = None
    reference: Figure | None = None
    limit: float | None = None
    rows: int = 0
    note: str = ""
    rank: int | None = None
