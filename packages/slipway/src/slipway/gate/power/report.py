"""Write a power study as text."""

from slipway.figures import format_figure, format_limit
from slipway.gate.power.study import PowerStudy
from slipway.gate.statistics.paired import TARGET_POWER
from slipway.gate.wording import loss_name

# A margin of so many standard deviations of honest retrains refuses one in ten thousand that are normally spread.
_MARGIN = 4


def render_power_report(power: PowerStudy) -> str:
    """Render the study as text."""
    holdout = f"{power.rows:,} held-out rows in {power.groups} groups"
    unseen = [each for each in power.declines if each.found < 1 - TARGET_POWER]
    return "\n".join(
        [
            f"{power.problem}: {holdout}; {loss_name(power.task, power.primary)}, {power.level:.0%} intervals",
            "",
            *_refusal_lines(power),
            "",
            f"Refused: a statistically significant (one-sided) loss of more than {format_limit(power.margin)}.",
            f"Smallest true loss found with {TARGET_POWER:.0%} probability, by its cause and by the number of groups",
            f"held out; and how often a true loss of {power.asked:.0%} is found on this holdout:",
            "",
            *_loss_table(power),
            "",
            *(f"Not found by the loss: {each.name}; the mean score moves by {each.shift:.4f}." for each in unseen),
            "",
            "The limits of gate.yaml beside the honest retrains, each alone or in pairs:",
            "",
            *_limit_table(power),
            "",
            f"Margins of {_MARGIN} standard deviations of honest retrains in each part, for gate.yaml:",
            "",
            *_margin_lines(power),
            *_cross_fit_lines(power),
        ]
    )


def _refusal_lines(power: PowerStudy) -> list[str]:
    found = power.false_refusals
    likely = "unknown" if found.likely is None else f"{found.likely:.2%}"
    return [
        f"False refusals: {found.refused:,} of {found.pairs:,} pairs of {found.retrains:,} honest retrains, "
        f"{found.refused / found.pairs:.2%};",
        f"  {found.by_whole:,} by the whole (margin {format_limit(power.margin)}), "
        f"{found.by_slice:,} by one of {power.slices} parts of slices,",
        f"  {found.by_mean:,} by the mean prediction, {found.by_calibration:,} by the calibration",
        f"  this rests on {found.retrains // 2:,} independent pairs of retrains and {power.groups} groups:",
        f"  the true rate is at most {likely} by the jackknife, {found.bound:.2%} whatever the cause (95% confidence)",
        f"  the unluckiest retrain in production refuses {found.unluckiest:.1%} of the others",
        f"  two retrains differ by {found.spread:.2%} (standard deviation), {found.largest:.2%} at most;",
        f"  half an interval is {found.half_width:.2%}",
    ]


def _loss_table(power: PowerStudy) -> list[str]:
    width = max(len(each.name) for each in power.declines)
    sizes = "".join(f"{f'{round(size * power.groups)}':>9}" for size in power.sizes)
    lines = [f"  {'':{width}}{sizes}   {power.asked:.0%} found   the whole of it: loss, refused"]
    for each in power.declines:
        found = "".join(f"{'-' if loss is None else f'{loss:.1%}':>9}" for loss in each.smallest)
        asked = "-" if each.asked is None else f"{each.asked:.1%}"
        lines.append(f"  {each.name:{width}}{found}   {asked:>8}   {each.loss:>6.1%}  {each.found:>6.1%}")
    return lines


def _limit_table(power: PowerStudy) -> list[str]:
    lines = [f"  {'':18}{'limit':>8}{'least':>9}{'median':>9}{'most':>9}   refused"]
    for each in power.limits:
        figures = "".join(f"{value:>9.4f}" for value in (each.least, each.median, each.most))
        lines.append(f"  {each.name:18}{each.limit:>8g}{figures}   {each.refused:,} of {each.count:,}")
    return lines


def _margin_lines(power: PowerStudy) -> list[str]:
    import yaml

    margins: dict[str, dict[str, float]] = {}
    for part in power.false_refusals.parts:
        margins.setdefault(part.slice, {})[part.label] = round(_MARGIN * part.spread, 3)
    text = yaml.safe_dump({"slice_margins": margins}, default_flow_style=None, sort_keys=False, width=110)
    return [f"  {line}" for line in text.splitlines()] if margins else ["  no slices"]


def _cross_fit_lines(power: PowerStudy) -> list[str]:
    if power.cross_fit is None:
        return []
    found = power.cross_fit
    return [
        "",
        f"Evidence, which decides nothing: this recipe beside that of {found.base}, each fitted {found.folds} times",
        f"and scored on what it did not see, {found.rows:,} rows in {found.groups} groups:",
        f"  relative improvement {format_figure(found.difference, '+.2%')}, above 0 = better",
    ]
