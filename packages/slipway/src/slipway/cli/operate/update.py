"""`slipway update` and `slipway doctor`: follow the template that the repository was made from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, examples
from slipway.cli.output import print_result, print_table, progress_printer

if TYPE_CHECKING:
    from slipway.updating.update import Update

_MACHINERY = "packages/slipway/"


@click.command(
    epilog=examples(
        "slipway update --dry-run",
        "slipway update --to 0.3.0",
        "slipway update --from https://github.com/acme/slipway",
    )
)
@click.option("--to", metavar="VERSION", help="[default: the newest]")
@click.option("--from", "source", metavar="ADDRESS", help="The template's repository; recorded, so needed once.")
@click.option(
    "--base", metavar="REV", help="The version or commit that this repository was made from, if not recorded."
)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@AS_JSON
def update(to: str | None, source: str | None, base: str | None, dry_run: bool, as_json: bool) -> None:
    """Bring a newer version of the template into this repository.

    Merges what changed in the template since the recorded version; the machinery moves with it, and uv.lock follows.
    Your problem, tests, data, parameters and rules are left alone. Nothing is committed, and nothing starts before the
    working tree is clean: `git reset --hard` undoes it. Exit code 1 with conflicts.
    """
    from slipway.updating.update import Request, update_repository

    request = Request(to=to, source=source, base=base, dry_run=dry_run)
    found = update_repository(Path(), request, progress_printer(as_json))
    print_result(as_json, found, *_describe(found))
    if found.conflicts:
        raise SystemExit(1)


def _describe(found: "Update") -> list[str]:
    if found.before == found.after:
        return [f"This repository follows {found.after}, the version asked for. Nothing changed."]
    lines = [
        "",
        f"{found.before} -> {found.after}: {len(found.changed)} files change, {len(found.conflicts)} in conflict",
    ]
    merged = [path for path in found.changed if path not in found.conflicts]
    groups = (
        ("conflict", found.conflicts),
        ("merged", merged),
        ("rewritten", found.rewritten),
        ("deleted", found.deleted),
    )
    for title, paths in groups:
        lines += [f"  {title:<10} {path}" for path in _shorten(paths)]
    if found.rewritten or found.deleted:
        lines += ["What you rewrote or deleted was left alone."]
    if found.notes:
        lines += ["", "Upgrade notes:", *(f"  {note}" for note in found.notes)]
    if found.dry_run:
        return [*lines, "", "A dry run: nothing was changed."]
    lines += ["", "Next:"]
    if found.conflicts:
        lines += [
            "  edit each conflict (<<<<<<< yours ... >>>>>>> template), then git add it",
            "  a conflict without markers: the template deleted the file. git rm it, or git add it to keep it",
        ]
    if found.lock:
        lines += [f"  uv lock    ({found.lock})"]
    return [
        *lines,
        "  make test && make repro && git commit --all",
        "  git reset --hard    (instead: undo the update)",
    ]


def _shorten(paths: list[str]) -> list[str]:
    """Return the paths, those of the machinery as one line."""
    machinery = [path for path in paths if path.startswith(_MACHINERY)]
    shown = [path for path in paths if path not in machinery]
    return shown + ([f"{_MACHINERY} ({len(machinery)} files)"] if machinery else [])


@click.command(epilog=examples("slipway doctor", "slipway doctor --offline --json"))
@click.option("--offline", is_flag=True, help="Do not compare with the template's repository.")
@AS_JSON
def doctor(offline: bool, as_json: bool) -> None:
    """Examine this repository, and say what to do.

    Finds missing programs, unreadable settings, deprecated words, a template or machinery that has a newer version, and
    template files that were edited or deleted. Changes nothing. Exit code 1 where there is something to do.
    """
    from slipway.updating.doctor import examine_repository
    from slipway.updating.findings import State

    found = examine_repository(Path(), progress_printer(as_json), offline=offline)
    todo = [each for each in found if each.state is State.TODO]
    if not as_json:
        print_table(("what", "state", "found", "to do"), [(e.subject, e.state, e.found, e.advice) for e in found])
    said = f"{len(todo)} thing{'s' if len(todo) > 1 else ''} to do." if todo else "Nothing to do."
    print_result(as_json, found, said)
    if todo:
        raise SystemExit(1)
