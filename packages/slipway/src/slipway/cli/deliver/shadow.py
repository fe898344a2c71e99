"""`slipway shadow`: the bundle that scores an environment's rows beside the one that serves."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, examples
from slipway.cli.output import print_result, progress_printer


@click.command(
    epilog=examples(
        "slipway shadow production candidate",
        "slipway shadow production 81076383ba94",
        "slipway shadow production off",
    )
)
@ENVIRONMENT
@click.argument("bundle", metavar="DIGEST|candidate|off")
@AS_JSON
def shadow(environment: str, bundle: str, as_json: bool) -> None:
    """Let a second bundle shadow an environment.

    It scores the rows that the environment answers, after they are answered, and logs its scores under its own digest.
    The bundle is that of bundle/ (candidate), or one of the ledger by the first digits of its digest. The service is
    replaced without a pause; the ledger is not changed. For the targets local and docker.
    """
    from slipway.delivery.shadow import switch_shadow

    found = switch_shadow(Path(), environment, bundle, progress_printer(as_json))
    state = f"has the shadow {found.shadow[:12]}" if found.shadow else "has no shadow"
    following = f"next: `slipway shadow {environment} off` ends it" if found.shadow else ""
    already = "" if found.changed else " already"
    print_result(
        as_json,
        found,
        f"{environment} serves {found.serving[:12]} and {state}{already}",
        *filter(None, [following]),
    )
