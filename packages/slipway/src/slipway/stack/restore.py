"""Put a backup back into the running stack.

Everything is unpacked beside what is there. MLflow and the service are stopped only for the switch, and a backup that
cannot be unpacked changes nothing.
"""

from collections.abc import Callable
from pathlib import Path

from slipway.errors import StackError
from slipway.stack.backup import PARTS, SUMS, sha256_of
from slipway.stack.compose import compose, require_engine, require_running, run_docker

# Every table, because another version of MLflow has others; without what an unused server holds by itself.
_FILLED_TABLES = """\
select format('select %L where exists (select from %I)', tablename, tablename) from pg_tables
where schemaname = 'public' and tablename not in ('alembic_version', 'experiments', 'workspaces') \\gexec
select 'experiments' where exists (select from experiments where experiment_id <> 0);
"""
_LOG = "/var/log/slipway"


def restore(backup: Path, say: Callable[[str], None], warn: Callable[[str], None], *, over: bool) -> None:
    """Replace what the stack keeps by a backup; with `over` also where it keeps something.

    `say` gets progress. Raises `StackError`. `warn` gets the consequence of an interrupted switch, which a second run
    completes.
    """
    _require_whole(backup)
    require_engine()
    require_running("postgres", "mlflow", "service")
    if not over:
        _require_empty()
    _unpack(backup)
    _warn_of_age(backup, say)
    say("Switching; MLflow and the service are stopped for some seconds")
    try:
        compose("--progress", "quiet", "stop", "mlflow", "service")
        _switch(backup, warn)
        _wait_until_healthy()
    except BaseException:
        # Whatever went wrong, MLflow and the service are started again.
        run_docker("compose", "--progress", "quiet", "up", "--detach", "--no-recreate", "mlflow", "service")
        raise
    _sql("postgres", "--command", "drop database mlflow_before")


def _wait_until_healthy() -> None:
    try:
        compose("--progress", "quiet", "up", "--detach", "--wait", "--no-recreate", "mlflow", "service")
    except StackError as error:
        raise StackError(
            f"The backup is back, but the stack does not come up with it: {error} See `make logs`. A database of an "
            "older MLflow has to be upgraded first (docs/stack.md)."
        ) from error


def _require_whole(backup: Path) -> None:
    sums = backup / SUMS
    if not sums.is_file():
        raise StackError(f"Not a backup: {backup} has no {SUMS}. `ls backups` lists them.")
    lines = (line.partition(" ") for line in sums.read_text(errors="replace").splitlines())
    named = {name.strip(): digest for digest, _, name in lines}
    files = {name: backup / name for name in PARTS}
    wrong = [name for name, path in files.items() if not path.is_file() or sha256_of(path) != named.get(name)]
    if wrong or set(named) != set(PARTS):
        raise StackError(
            f"{backup} is not whole: expected {', '.join(PARTS)}, each with the checksum in {SUMS}; found "
            f"{', '.join(wrong) or 'other names'} wrong. Nothing was changed; take another backup."
        )


def _require_empty() -> None:
    filled = sorted(_sql("mlflow", script=_FILLED_TABLES).split())
    if filled:
        raise StackError(
            f"MLflow is not empty and would be replaced: its tables {', '.join(filled)} have rows. `make backup` keeps "
            "them; then add OVER=1."
        )
    # Beside its files the service and the monitor keep others there, which no one would miss.
    if compose(*f"exec -T service find {_LOG} -name .restored -prune -o -name *.jsonl -size +0 -print".split()):
        raise StackError(
            "The prediction log is not empty and would be replaced. `make backup` keeps it; then add OVER=1."
        )


def _unpack(backup: Path) -> None:
    # A restore that was killed leaves the first of them, half filled, or the second, which it had replaced.
    _sql(
        "postgres",
        *("--command", "set client_min_messages = warning"),
        *("--command", "drop database if exists mlflow_restored", "--command", "drop database if exists mlflow_before"),
        *("--command", "create database mlflow_restored"),
    )
    load = "exec -T postgres pg_restore --username=mlflow --dbname=mlflow_restored --exit-on-error --no-owner"
    compose(*load.split(), given=backup / "mlflow.dump")
    for service, folder, name in (("mlflow", "/var/lib/mlflow", PARTS[0]), ("service", _LOG, PARTS[1])):
        script = f"cd {folder} && rm -rf .restored && mkdir .restored && tar --extract --directory .restored"
        compose("exec", "-T", service, "sh", "-c", script, given=backup / name)


def _warn_of_age(backup: Path, say: Callable[[str], None]) -> None:
    """Announce log files that the service will delete: those last written more than SLIPWAY_LOG_DAYS ago."""
    days = compose("exec", "-T", "service", "sh", "-c", 'echo "${SLIPWAY_LOG_DAYS:-30}"')
    search = f"exec -T service find {_LOG}/.restored -maxdepth 1 -name *.jsonl ! -newermt".split()
    old = len(compose(*search, f"{days} days ago").splitlines())
    if old:
        say(
            f"Older than {days} days: {old} of the log's files. The service deletes them when it starts "
            f"(SLIPWAY_LOG_DAYS); "
            f"{backup}/log.tar has them."
        )


def _switch(backup: Path, warn: Callable[[str], None]) -> None:
    """Rename what was restored into place; what was there goes last: killed in between, this leaves it or both."""
    try:
        _sql(
            *("postgres", "--single-transaction", "--command", "alter database mlflow rename to mlflow_before"),
            *("--command", "alter database mlflow_restored rename to mlflow"),
        )
        _run_beside(
            "mlflow",
            "cd /var/lib/mlflow && rm -rf .before && mv artifacts .before && mv .restored artifacts && rm -rf .before",
        )
        # The log is the volume itself, so its files change one by one.
        _run_beside(
            "service",
            f"cd {_LOG} && find . -mindepth 1 -maxdepth 1 ! -name .restored -exec rm -rf {{}} + && "
            'find .restored -mindepth 1 -maxdepth 1 -exec mv {} . ";" && rmdir .restored',
        )
    except BaseException:
        warn(
            "The switch broke off half done: MLflow's database, its files and the prediction log may not belong "
            f"together now. The backup is unchanged. Restore it again: make restore FROM={backup} OVER=1"
        )
        raise


def _run_beside(service: str, script: str) -> None:
    """Run a script in a container of the same image with the same volumes, while the service is stopped."""
    container = compose("ps", "--all", "--quiet", service)
    image = run_docker("inspect", "--format", "{{.Image}}", container).stdout.strip()
    options = ("--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--volumes-from", container)
    done = run_docker("run", *options, "--entrypoint", "sh", image, "-c", script)
    if done.returncode:
        raise StackError(f"The files of {service} could not be switched: exit code {done.returncode}; see above.")


def _sql(database: str, *words: str, script: str = "") -> str:
    options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
    command = ("exec", "-T", "postgres", "psql", "--username=mlflow", f"--dbname={database}", *options, *words)
    return compose(*command, given=script)
