"""`slipway choose`, `publish`, `rehearse`: a release before an environment serves it."""

from pathlib import Path

import click

from slipway.cli.look.service import describe_smoke
from slipway.cli.options import AS_JSON, BASE, BUNDLE, GATE_LOG, OUT, RELEASE, REPORT, REPOSITORY, examples
from slipway.cli.output import print_result, progress_printer


@click.command(
    epilog=examples(
        "slipway choose",
        "slipway choose --base HEAD^ --release release",
        "slipway choose --report gate.md --out gate.json",
    )
)
@RELEASE
@BASE
@GATE_LOG
@REPORT
@OUT
@AS_JSON
def choose(
    folder: Path, base: str | None, log: Path | None, report: Path | None, out: Path | None, as_json: bool
) -> None:
    """Write the release that the gate chooses.

    It is the candidate, or production's model with this code. The gate runs here, and its verdict stands beside the
    release; where it refuses, no release is written and the exit code is 1.
    """
    from slipway.delivery.release import choose_release
    from slipway.gate.report import write_verdict
    from slipway.ledger import Ledger

    found = choose_release(
        Path(),
        Ledger(Path()),
        folder,
        progress_printer(as_json),
        base,
        lambda verdict: write_verdict(verdict, report, out),
        log,
    )
    print_result(
        as_json,
        found,
        f"{folder}/ holds the release of bundle {found.release.bundle[:12]}",
        f"next: `slipway publish --repository REGISTRY/NAME`, or `slipway deploy staging --release {folder}`",
    )


@click.command(
    epilog=examples(
        "slipway publish --repository ghcr.io/acme/model",
        "slipway publish --repository 127.0.0.1:5000/model --release release",
        "COSIGN_PASSWORD=... slipway publish --repository ghcr.io/acme/model --sign-key cosign.key",
    )
)
@RELEASE
@REPOSITORY
@click.option("--sign-key", metavar="KEY", help="Sign with this cosign key; its password is COSIGN_PASSWORD.")
@AS_JSON
def publish(folder: Path, repository: str, sign_key: str | None, as_json: bool) -> None:
    """Build the image of a release and push it.

    An image of this commit and bundle is used again if the release or the ledger names its digest: `built` in the JSON
    is then false. The release records the image's digest.
    """
    from slipway.delivery import publish
    from slipway.delivery.signature import sign_image

    found = publish.publish_image(Path(), folder, repository, progress_printer(as_json))
    if sign_key:
        sign_image(str(found.release.image), sign_key)
    print_result(
        as_json,
        found,
        f"{found.release.image} holds the bundle {found.release.bundle[:12]}",
        f"next: `slipway deploy staging --release {folder}`",
    )


@click.command(
    epilog=examples(
        "slipway rehearse slipway", "slipway rehearse ghcr.io/acme/model@sha256:... --bundle release/bundle"
    )
)
@click.argument("image")
@BUNDLE
@AS_JSON
def rehearse(image: str, folder: Path, as_json: bool) -> None:
    """Start an image here, test it and stop it.

    The tests are those of a deployment. The ledger is not changed.
    """
    from slipway.delivery.targets.rehearsal import rehearse_image

    found = rehearse_image(Path(), image, folder, progress_printer(as_json))
    print_result(as_json, found, f"{image} serves its bundle as sealed: {describe_smoke(found)}")
