"""The command `slipway`: every command by section of the help."""

import click

from slipway.cli.lazy import LazyCommand, LazyGroup

SECTIONS = {
    "Model": {
        "predict": LazyCommand("slipway.cli.model.bundle", "Score rows given as JSON", "serve"),
        "score": LazyCommand("slipway.cli.model.score", "Score a Parquet or CSV file in constant memory", "pipeline"),
        "verify": LazyCommand("slipway.cli.model.bundle", "Verify a bundle: hashes, certificate, golden rows", "serve"),
        "gate": LazyCommand(
            "slipway.cli.model.gate", "Judge the candidate against production: promote, keep or refuse", "pipeline"
        ),
        "serve": LazyCommand("slipway.cli.model.serve", "Serve a bundle over HTTP until ctrl-c or SIGTERM", "serve"),
    },
    "Deliver": {
        "choose": LazyCommand("slipway.cli.deliver.release", "Write the release that the gate chooses", "pipeline"),
        "publish": LazyCommand("slipway.cli.deliver.release", "Build the image of a release and push it", "deliver"),
        "rehearse": LazyCommand("slipway.cli.deliver.release", "Start an image here, test it and stop it", "deliver"),
        "deploy": LazyCommand("slipway.cli.deliver.deploy", "Deploy the release that the gate chooses", "pipeline"),
        "promote": LazyCommand("slipway.cli.deliver.deploy", "Deploy what another environment serves", "deliver"),
        "request": LazyCommand("slipway.cli.deliver.deploy", "Request a promotion by pull request", "deliver"),
        "rollback": LazyCommand("slipway.cli.deliver.deploy", "Roll back to an earlier release", "deliver"),
        "converge": LazyCommand("slipway.cli.deliver.converge", "Reconcile what runs with the ledger", "deliver"),
        "stop": LazyCommand("slipway.cli.deliver.converge", "Stop the service of an environment", "deliver"),
    },
    "Look": {
        "status": LazyCommand(
            "slipway.cli.look.status", "Show what each environment should run, and what runs", "deliver"
        ),
        "history": LazyCommand(
            "slipway.cli.look.history", "Show the ledger's entries of an environment, newest first", "deliver"
        ),
        "show": LazyCommand("slipway.cli.look.status", "Show where the release of an environment came from", "deliver"),
        "log": LazyCommand("slipway.cli.look.log", "Print the prediction log", "serve"),
        "health": LazyCommand("slipway.cli.look.service", "Check that the service on this machine is ready", "serve"),
        "smoke": LazyCommand("slipway.cli.look.service", "Test a running service with the golden rows", "deliver"),
    },
    "Operate": {
        "ledger": LazyCommand("slipway.cli.operate.ledger", "Create, verify and correct the ledger", "deliver"),
        "key": LazyCommand("slipway.cli.operate.key", "Create, list and revoke API keys", "serve"),
        "hold": LazyCommand("slipway.cli.operate.hold", "Hold a port for services that replace each other", "serve"),
        "github": LazyCommand("slipway.cli.operate.github", "Set up and maintain the repository on GitHub", "deliver"),
        "ci": LazyCommand("slipway.cli.operate.ci", "Run a step of a workflow", "deliver"),
        "stack": LazyCommand("slipway.cli.operate.stack", "Run the service, MLflow and PostgreSQL here", "deliver"),
        "mlflow": LazyCommand("slipway.cli.operate.mlflow", "Download MLflow stores from GitHub", "deliver"),
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slipway")
def main() -> None:
    """Judge models, deliver them, serve them, and see what runs."""
    from slipway.settings import quiet_environment

    quiet_environment()
