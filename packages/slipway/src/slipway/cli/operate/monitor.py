"""`slipway monitor`: how the model of an environment does, by its prediction log."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.lazy import explain_missing, explain_system
from slipway.cli.options import AS_JSON, ENVIRONMENT, FILE, FOLDER, LOGS, PATH, examples, verify_log_folders
from slipway.cli.output import print_result, print_table, printable
from slipway.cli.progress import progress_bar
from slipway.errors import SlipwayError, first_line

if TYPE_CHECKING:
    from slipway.monitoring.result import MonitorResult
    from slipway.monitoring.suggest.suggestion import MonitorSuggestion

# What fits on a screen; the file has the rest.
_SHOWN = ("skill", "log_loss", "roc_auc", "accuracy", "rmse", "mae", "slope", "bias", "coverage", "latency_p99")
_WINDOWS = 4


class _CannotRunError(click.ClickException):
    """The monitor could not run: another exit code than that of an alarm."""

    exit_code = 2


class _MonitorRun(click.Command):
    """Exit with 2 for whatever ends the command early: 1 says that there is an alarm."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of the program itself is printed with its traceback."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if error.exit_code == _CannotRunError.exit_code:
                raise
            raise _CannotRunError(error.format_message()) from error
        except (click.exceptions.Exit, BrokenPipeError):
            raise
        except (KeyboardInterrupt, click.Abort) as error:
            raise _CannotRunError("Interrupted. The next run continues where this one stopped.") from error
        except SlipwayError as error:
            raise _CannotRunError(printable(str(error))) from error
        except OSError as error:
            raise _CannotRunError(explain_system(error)) from error
        except ModuleNotFoundError as error:
            raise _CannotRunError(explain_missing(error, "monitor", "pipeline")) from error
        except Exception as error:
            traceback.print_exc()
            raise _CannotRunError(f"The monitor failed: {printable(first_line(error))}") from error


@click.group()
def monitor() -> None:
    """Measure models in production by their prediction log."""


@monitor.command(
    cls=_MonitorRun,
    epilog=examples(
        "slipway monitor run production",
        "slipway monitor run production --log /var/log/a --log /var/log/b --json",
        "slipway monitor run production --log s3://logs/model --publish /var/log/slipway",
        "slipway monitor run production --until 2026-11-01 --outcomes outcomes.parquet",
        "slipway monitor run production --textfile /var/lib/node_exporter/slipway.prom",
    ),
)
@ENVIRONMENT
@LOGS
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="End of the newest window; default: the newest row.")
@click.option("--outcomes", type=PATH, metavar="FILE", help="Outcomes to import first (`slipway feedback import`).")
@click.option("--out", type=FOLDER, default=Path("monitoring"), show_default=True, help="Folder of the results.")
@click.option("--page", type=FILE, metavar="FILE", help="Also write the page to this file.")
@click.option(
    "--publish",
    type=FOLDER,
    metavar="DIR",
    help="Folder of a service's log; that service shows the report. Default: the environment's, without --log.",
)
@click.option("--textfile", type=PATH, metavar="FILE", help="Also write gauges for Prometheus' node exporter.")
@click.option("--mlflow", is_flag=True, help="Also log a run in MLflow, linked to the version of the model.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 when there is an alarm, too.")
@AS_JSON
def run(
    environment: str,
    sources: tuple[Path | str, ...],
    until: datetime | None,
    outcomes: Path | None,
    out: Path,
    page: Path | None,
    publish: Path | None,
    textfile: Path | None,
    mlflow: bool,
    exit_zero: bool,
    as_json: bool,
) -> None:
    """Measure an environment.

    Reads what is new in its prediction log, joins outcomes, measures every window, and judges the rules of
    monitor.yaml. Writes the result as JSON and as an HTML page, which the environment's service shows at /monitoring,
    with the newest figures in its /metrics. Exit code 0: no alarm; 1: an alarm; 2: the monitor could not run.
    """
    from slipway.monitoring.intake.imports.imported import import_outcomes
    from slipway.monitoring.report.page import write_monitor_page
    from slipway.monitoring.report.publish import publish_monitor_report
    from slipway.monitoring.report.textfile import write_textfile
    from slipway.monitoring.report.tracking import log_monitor_run
    from slipway.monitoring.run import run_monitor
    from slipway.settings import tracking_settings

    verify_log_folders(sources)
    verify_log_folders((publish,) if publish else (), "--publish")
    with progress_bar() as progress:
        if outcomes is not None:
            import_outcomes(Path(), environment, outcomes, (), sources, progress)
        result, path = run_monitor(Path(), environment, sources, out, until, progress)
    written = path.with_suffix(".html")
    for each in (written, page):
        if each is not None:
            write_monitor_page(each, result)
    ran_at = datetime.now(UTC)
    if textfile is not None:
        write_textfile(textfile, result, ran_at)
    if (publish or not sources) and (reason := publish_monitor_report(Path(), result, ran_at, publish)):
        said = f"The service of {environment} does not show this report: {reason.rstrip('.')}."
        click.echo(printable(said), err=True)
    if mlflow:
        log_monitor_run(path, result, tracking_settings())
    if not as_json:
        _print_windows(result)
        _print_idle_rules(result)
    print_result(as_json, result, *_summary(result), f"{path}", f"{written}")
    raise SystemExit(1 if not exit_zero and result.firing else 0)


@monitor.command(epilog=examples("slipway monitor rules", "slipway monitor rules --json"))
@AS_JSON
def rules(as_json: bool) -> None:
    """Print the rules: the defaults, with what monitor.yaml changes.

    The output is valid in monitor.yaml.
    """
    import msgspec
    import yaml

    from slipway.monitoring.rules import read_rules

    found = msgspec.to_builtins(read_rules(Path()))
    # Keys that say nothing.
    empty = {"fewest_rows": 0, "fewest_outcomes": 0, "advice": "", "enabled": True}
    plain = {
        name: {key: value for key, value in rule.items() if value is not None and empty.get(key) != value}
        for name, rule in found["rules"].items()
    }
    text = yaml.safe_dump(found | {"rules": plain}, sort_keys=False, default_flow_style=None, width=118)
    print_result(as_json, found, text.rstrip())


@monitor.command(
    epilog=examples(
        "slipway monitor suggest", "slipway monitor suggest --rows-per-day 40 --write", "slipway monitor suggest --json"
    )
)
@click.option("--rows-per-day", type=click.FloatRange(0, min_open=True), help="Rows that the service scores on a day.")
@click.option("--seen-in", metavar="ENV", help="Take the rows a day from the newest result of this environment.")
@click.option("--write", is_flag=True, help="Write the rules into monitor.yaml, with where their numbers come from.")
@AS_JSON
def suggest(rows_per_day: float | None, seen_in: str | None, write: bool, as_json: bool) -> None:
    """Propose the rules of monitor.yaml for this traffic.

    Compares the windows of the default rules with the number of rows and outcomes a day, which is counted in the
    dataset by its column `time` unless an option gives it. Only what differs from the defaults is written; --write
    keeps your rules and comments, and replaces the lines `# suggested:`. Run `dvc repro` first.
    """
    from slipway.files.writing import write_bytes
    from slipway.monitoring.rules import RULES
    from slipway.monitoring.suggest.suggestion import suggest_monitor_rules

    if rows_per_day is not None and seen_in is not None:
        raise click.UsageError("Expected one of --rows-per-day and --seen-in, found both.")
    found = suggest_monitor_rules(Path(), rows_per_day, seen_in)
    if write and found.changed:
        write_bytes(Path(RULES), found.text.encode())
    print_result(as_json, found, *_describe_suggestion(found, write))


def _describe_suggestion(found: "MonitorSuggestion", written: bool) -> list[str]:
    """Return the traffic, each rule with where its numbers come from, what no rule sees, and what to type next."""
    lines = [f"{found.volume.rows:,.1f} rows a day {found.volume.source}."]
    lines += [] if found.changes or found.notes else ["The default rules suit this traffic."]
    for each in found.changes:
        keys = ", ".join(f"{name}: {value}" for name, value in each.keys.items()) or "the default, which suits again"
        lines += ["", f"{each.rule}: {{{keys}}}" if each.keys else f"{each.rule}: {keys}"]
        lines += [f"  {each.why}"] if each.why else []
    lines += ["", *(f"Note: {note}" for note in found.notes)]
    if not found.changed:
        return [*lines, "monitor.yaml needs no change."]
    if written:
        return [*lines, "monitor.yaml has these rules. Read it (`git diff monitor.yaml`) and commit it."]
    return [*lines, "Next: `slipway monitor suggest --write` writes them into monitor.yaml."]


def _print_windows(result: "MonitorResult") -> None:
    """Print the newest windows of each length below what the evaluation found."""
    from slipway.figures import format_figure
    from slipway.monitoring.windows import format_length

    for length in result.lengths():
        every = result.of_length(length)
        shown = every[-_WINDOWS:]
        names = [name for name in _SHOWN if any(window.find(name) for window in shown)]
        found = [shown[-1].find(name) for name in names]
        rows = [("evaluation", "", "", *(format_figure(each.reference if each else None) for each in found))]
        for window in shown:
            figures = [each.figure if each else None for each in map(window.find, names)]
            counts = (f"{window.start:%Y-%m-%d}", f"{window.rows:,}", f"{window.outcomes:,}")
            rows.append((*counts, *map(format_figure, figures)))
        click.echo(f"\nWindows of {format_length(length)}, the last {len(shown)} of {len(every)}")
        print_table(("from", "rows", "outcomes", *names), rows)


def _print_idle_rules(result: "MonitorResult") -> None:
    """Say which rules of monitor.yaml are about nothing that was measured: they would be silent for ever."""
    from slipway.monitoring.rules import list_idle_rules, read_rules
    from slipway.monitoring.windows import format_length

    rules = read_rules(Path())
    measured = {
        length: {each.name for window in result.of_length(length) for each in window.measurements}
        for length in result.lengths()
    }
    for name in list_idle_rules(rules, measured):
        rule = rules.rules[name]
        watch = rule.watch if isinstance(rule.watch, str) else ", ".join(rule.watch)
        click.echo(
            printable(f"\nRule {name} watches nothing: windows of {format_length(rule.window)} have no {watch}.")
        )


def _summary(result: "MonitorResult") -> list[str]:
    """Return what was read, and the alarms with what to do."""
    counts = result.counts
    rest = {
        "incomplete or malformed lines": counts.damaged,
        "lines of another kind": counts.foreign,
        "rows of smoke tests, left out": counts.probes,
        "predictions with conflicting outcomes": counts.conflicting,
        "outcomes of unknown predictions": counts.unknown,
        "corrected outcomes": counts.superseded,
    }
    lines = ["", f"{counts.predictions:,} predictions: {counts.joined:,} with an outcome"]
    lines += [f"{number:,} {what}" for what, number in rest.items() if number]
    if result.share < 1:
        lines.append(f"Figures are of {result.share:.1%} of the rows, drawn by their identifiers.")
    lines += [f"Not judged: {name}, {why}." for name, why in result.unjudged.items()]
    if not result.alarms:
        return [*lines, "No alarm.", ""]
    for alarm in result.alarms:
        lines += ["", f"{alarm.state.upper()} {alarm.severity} ({alarm.rule}, since {alarm.since:%Y-%m-%d})"]
        lines += [f"  {alarm.finding}", f"  {alarm.advice}"]
    return [*lines, ""]
