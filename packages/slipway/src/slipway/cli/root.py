"""The command `slipway`: every command by section of the help."""

import click

from slipway.cli.lazy import LazyCommand, LazyGroup

SECTIONS = {
    "Model": {
        "new": LazyCommand("model.new", "Make this repository your problem's, from a table", "pipeline"),
        "import-model": LazyCommand(
            "model.import_model", "Write model.py from a pickled, joblib or skops estimator", "pipeline"
        ),
        "check-features": LazyCommand(
            "model.check_features", "Compare pandas code with features.py, row by row", "pipeline"
        ),
        "predict": LazyCommand("model.bundle", "Score rows given as JSON", "serve"),
        "score": LazyCommand("model.bundle", "Score a Parquet or CSV file in constant memory", "pipeline"),
        "verify": LazyCommand("model.bundle", "Verify a bundle: hashes, certificate, golden rows", "serve"),
        "search": LazyCommand("model.search", "Search for better parameters by cross-validation", "search"),
        "gate": LazyCommand("model.gate", "Judge the candidate: promote, keep or refuse", "pipeline"),
        "serve": LazyCommand("model.serve", "Serve a bundle over HTTP until ctrl-c or SIGTERM", "serve"),
    },
    "Deliver": {
        "choose": LazyCommand("deliver.release", "Write the release that the gate chooses", "pipeline"),
        "publish": LazyCommand("deliver.release", "Build the image of a release and push it", "deliver"),
        "rehearse": LazyCommand("deliver.release", "Start an image here, test it and stop it", "deliver"),
        "deploy": LazyCommand("deliver.deploy", "Deploy the release that the gate chooses", "pipeline"),
        "promote": LazyCommand("deliver.deploy", "Deploy what another environment serves", "deliver"),
        "request": LazyCommand("deliver.deploy", "Request a promotion by pull request", "deliver"),
        "rollback": LazyCommand("deliver.deploy", "Roll back to an earlier release", "deliver"),
        "reconcile": LazyCommand("deliver.deploy", "Reconcile what runs with the ledger", "deliver"),
        "shadow": LazyCommand("deliver.shadow", "Let a second bundle shadow an environment", "deliver"),
        "target": LazyCommand("deliver.target", "List, show and add the targets of environments", "pipeline"),
        "stop": LazyCommand("deliver.deploy", "Stop the service of an environment", "deliver"),
    },
    "Look": {
        "status": LazyCommand("look.status", "Show what each environment should run, and what runs", "deliver"),
        "history": LazyCommand("look.status", "Show the ledger's entries, newest first", "deliver"),
        "show": LazyCommand("look.status", "Show where the release that serves came from", "deliver"),
        "log": LazyCommand("look.service", "Print the prediction log", "serve"),
        "health": LazyCommand("look.service", "Check that the service on this machine is ready", "serve"),
        "smoke": LazyCommand("look.service", "Test a running service with the golden rows", "deliver"),
    },
    "Operate": {
        "run": LazyCommand("operate.run", "Score a batch environment's table", "pipeline"),
        "feedback": LazyCommand("operate.feedback", "Import outcomes of predictions from a file", "pipeline"),
        "monitor": LazyCommand("operate.monitor", "Measure models in production by their prediction log", "pipeline"),
        "retrain": LazyCommand("operate.retrain", "Retrain on newer data and let the gate judge", "pipeline"),
        "replay": LazyCommand("operate.replay", "Send held-back rows to a service as its traffic", "pipeline"),
        "ledger": LazyCommand("operate.ledger", "Create, verify and correct the ledger", "deliver"),
        "key": LazyCommand("operate.key", "Create, list and revoke API keys", "serve"),
        "hold": LazyCommand("model.serve", "Hold a port for services that replace each other", "serve"),
        "github": LazyCommand("operate.github", "Set up and maintain the repository on GitHub", "deliver"),
        "doctor": LazyCommand("operate.update", "Examine this repository, and say what to do", "pipeline"),
        "update": LazyCommand(
            "operate.update", "Bring a newer version of the template into this repository", "template"
        ),
        "ci": LazyCommand("operate.ci", "Run a step of a workflow", "deliver"),
        "stack": LazyCommand("operate.stack", "Run the service, MLflow and PostgreSQL here", "deliver"),
        "mlflow": LazyCommand("operate.mlflow", "Download MLflow stores from GitHub", "deliver"),
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slipway")
def main() -> None:
    """Judge models, deliver them, serve them, and see what runs."""
    from slipway.settings import quiet_environment

    quiet_environment()
