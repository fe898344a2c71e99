"""Print suggested limits: a table of all of them, what they cannot see, and what to type next."""

from typing import TYPE_CHECKING

import click

from slipway.cli.output import print_result, print_table, printable

if TYPE_CHECKING:
    from slipway.gate.suggest.proposal import Limit
    from slipway.gate.suggest.suggestion import Suggestion


def print_suggestion(found: "Suggestion", written: bool, as_json: bool) -> None:
    """Print the proposals; `written` says whether they are in gate.yaml."""
    if as_json:
        print_result(as_json, found)
        return
    print_table(
        ["limit", "now", "proposed", "where it comes from"],
        [(each.name, _describe(each.now), _describe(each.proposed), each.why) for each in found.proposals],
    )
    lines = [
        "",
        found.unseen,
        f"Of {found.pairs:,} pairs of {found.retrains} honest retrains the proposed limits refuse {found.refused:,}.",
        *(f"Note: {note}" for note in found.notes),
        "",
        "gate.yaml has these limits. Read it (`git diff gate.yaml`) and commit it."
        if written
        else "Next: `slipway gate suggest --write` writes them into gate.yaml.",
    ]
    click.echo(printable("\n".join(lines)))


def _describe(limit: "Limit | None") -> str:
    if limit is None:
        return "-"
    if not isinstance(limit, dict):
        return str(limit).lower() if isinstance(limit, bool) else f"{limit:g}"
    margins = [each for labels in limit.values() for each in labels.values()]
    return f"{min(margins):g} to {max(margins):g}, {len(margins)} parts" if margins else "-"
