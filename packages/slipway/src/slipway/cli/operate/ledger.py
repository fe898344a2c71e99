"""`slipway ledger`: the git branch deployments."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, REASON, examples
from slipway.cli.output import print_result, warn_offline
from slipway.ledger import Ledger
from slipway.ledger.entry import PRODUCTION
from slipway.ledger.transitions import unblock_entry


@click.group()
def ledger() -> None:
    """Create, verify and correct the ledger.

    It is the git branch deployments: which release each environment serves.
    """


@ledger.command(
    epilog=examples(
        'slipway ledger init --reason "first delivery"',
        'slipway ledger init --environment canary --reason "a third environment"',
    )
)
@click.option(
    "--environment",
    "environments",
    multiple=True,
    default=("staging", "production"),
    show_default=True,
    metavar="ENV",
    help="An environment; may be given several times.",
)
@click.option("--unless-there", is_flag=True, help="Change nothing where each of them is in the ledger already.")
@REASON
@AS_JSON
def init(environments: tuple[str, ...], unless_there: bool, reason: str, as_json: bool) -> None:
    """Write the genesis entry of each environment.

    An environment serves nothing until its first deployment.
    """
    found = Ledger(Path())
    names = ", ".join(sorted(environments))
    if unless_there and found.exists() and set(environments) <= set(found.environments()):
        print_result(
            as_json, {"environments": found.environments()}, f"ledger: has {names} already, nothing was written"
        )
        return
    found.init(environments, found.by, reason)
    where = f"at the remote {found.remote!r}" if found.remote else "in this repository (no remote)"
    print_result(
        as_json,
        {"environments": sorted(environments), "remote": found.remote, "by": found.by},
        f"ledger: {names} begin on the branch deployments {where}",
        "next: `slipway deploy staging` deploys the release that the gate chooses",
    )


@ledger.command(epilog=examples("slipway ledger verify", "slipway ledger verify --json"))
@AS_JSON
def verify(as_json: bool) -> None:
    """Verify every entry and bundle from the first commit."""
    found = Ledger(Path())
    commits = found.verify()
    numbers = {name: found.read(name).number for name in found.environments()}
    print_result(
        as_json,
        {"commits": commits, "entries": numbers, "remote": found.remote, "offline": found.offline},
        f"verified: {commits:,} commits, " + ", ".join(f"{name} {number}" for name, number in numbers.items()),
    )
    warn_offline(found.offline)


@ledger.command(epilog=examples('slipway ledger distrust 3fa9c12b4d5e --reason "it was trained on its own outcomes"'))
@click.argument("digest")
@click.option("--environment", default=PRODUCTION, show_default=True, metavar="ENV", help="Where it served.")
@REASON
@AS_JSON
def distrust(digest: str, environment: str, reason: str, as_json: bool) -> None:
    """Compare no candidate with a release any longer.

    For a release whose model turns out to have been trained on rows of the holdout. From then on the gate compares with
    the release before it, or with the baseline. What serves stays. DIGEST may be the first digits of the bundle's
    digest.
    """
    found = Ledger(Path())
    entry = found.distrust(environment, digest, reason)
    champion = found.champion(environment)
    compared = f"the release {champion.shown}" if champion else "the baseline"
    print_result(
        as_json, entry, f"{environment} {entry.number}: {digest} is distrusted: candidates are compared with {compared}"
    )


@ledger.command(
    epilog=examples('slipway ledger unblock production 3fa9c12b4d5e --reason "the outage was the network\'s"')
)
@ENVIRONMENT
@click.argument("digest")
@REASON
@AS_JSON
def unblock(environment: str, digest: str, reason: str, as_json: bool) -> None:
    """Allow a bundle again that was rolled back or failed.

    DIGEST may be the first digits of the bundle's digest.
    """
    found = Ledger(Path())
    entry = found.append(environment, lambda newest: unblock_entry(newest, digest, by=found.by, reason=reason))
    print_result(as_json, entry, f"{environment} {entry.number}: {digest} is allowed again: {reason}")
