"""Bring a newer version of the template into a repository that was made from it."""

from collections.abc import Callable
from os.path import lexists
from pathlib import Path, PurePosixPath

import msgspec

from slipway.errors import SettingsError
from slipway.git import Git
from slipway.template.programs import lock_packages
from slipway.updating.changelog import list_upgrade_notes
from slipway.updating.merge import Merged, merge_trees, scratch_tree
from slipway.updating.origin import ANSWERS, Origin, is_vendored, read_origin, write_origin
from slipway.updating.trees import keep_template_files, list_edited, read_entries, render_tree, write_entries
from slipway.updating.upstream import Upstream, Version, fetch_upstream, list_versions, parse_version

# What git keeps of an operation that is not finished.
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of an update; `rewritten` and `deleted` are files that changed in the template and are the team's.

    `notes` are the changelog's upgrade notes, `lock` is why uv.lock could not be brought up to date.
    """

    before: str
    after: str
    changed: list[str] = []
    conflicts: list[str] = []
    rewritten: list[str] = []
    deleted: list[str] = []
    notes: list[str] = []
    lock: str | None = None
    dry_run: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The version to update to (the newest if None), and what replaces the recorded address and commit."""

    to: str | None = None
    source: str | None = None
    base: str | None = None
    dry_run: bool = False


def update_repository(root: Path, request: Request, say: Callable[[str], None]) -> Update:
    """Merge the template's changes into the working tree, and lock the packages.

    Nothing is committed: `git reset --hard` undoes it. Raises `SettingsError` for a working tree with changes, a
    template that cannot be reached, a version that does not exist or is older, and an unknown commit to begin from.
    """
    git = Git(root, SettingsError)
    _require_clean(git)
    origin = read_origin(root, request.source)
    say(f"  fetching {origin.address} ...")
    after = _choose_version(root, origin, request.to)
    with fetch_upstream(root, origin) as upstream:
        before = find_base(root, upstream, request.base or origin.commit)
        version = parse_version(before)
        if version == after:
            return Update(before=before, after=after.tag, dry_run=request.dry_run)
        if version and version > after:
            raise SettingsError(f"This repository follows {before}, which is newer than {after.tag}. Nothing changed.")
        say(f"  comparing {before} with {after.tag} ...")
        base, theirs = (read_template(root, upstream, origin, commit) for commit in (before, after.tag))
        copies = _require_free(git, base, theirs)
        found = Update(
            before=before,
            after=after.tag,
            notes=list_upgrade_notes(upstream.read_changelog(after), version, after),
            dry_run=request.dry_run,
        )
        if request.dry_run:
            with scratch_tree(git) as scratch:
                return _merge(scratch, found, base, theirs)
        for path in copies:
            (git.root / path).unlink()
        found = _merge(git, found, base, theirs)
    write_origin(root, msgspec.structs.replace(origin, commit=after.tag))
    git.run("add", "--", ANSWERS)
    return msgspec.structs.replace(found, lock=_lock(root, found, say))


def _require_clean(git: Git) -> None:
    for name, operation in _UNFINISHED.items():
        if (git.root / git.run("rev-parse", "--git-path", name).strip()).exists():
            raise SettingsError(
                f"A {operation} is in progress, and an update would become part of it. Finish it, or type: "
                f"git {operation} --abort"
            )
    tree = git.read_working_tree("--untracked-files=no")
    if tree.commit is None:
        raise SettingsError("This repository has no commit. Commit first: an update is then undone by git.")
    if tree.changed:
        raise SettingsError(
            f"The working tree has changes, such as {tree.changed[0]}. Commit or stash them: an update is then "
            "undone by `git reset --hard`."
        )


def _require_free(git: Git, base: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Raise `SettingsError` for what git does not track where the template has a file.

    Returns new files that are as the template has them: an update that was killed leaves those.
    """
    tracked = read_entries(git, "HEAD").keys()
    copies = []
    for path in sorted(theirs.keys() - tracked):
        place = git.root / path
        above = [str(folder) for folder in PurePosixPath(path).parents if str(folder) not in (".", *tracked)]
        blocked = [each for each in above if lexists(git.root / each) and not (git.root / each).is_dir()]
        if not blocked and not lexists(place):
            continue
        if path not in base and not blocked and place.is_file() and not place.is_symlink():
            blob = git.run("hash-object", f"--path={path}", "--", path).strip()
            if blob == theirs[path].split()[-1]:
                copies.append(path)
                continue
        raise SettingsError(
            f"The template has a file {path}, and {(blocked or [path])[0]} is here, which git does not track. "
            "Commit it or move it away. Nothing changed."
        )
    return copies


def _choose_version(root: Path, origin: Origin, to: str | None) -> Version:
    versions = list_versions(root, origin)
    if to is None and versions:
        return versions[-1]
    wanted = parse_version(to or "")
    if wanted not in versions:
        known = ", ".join(version.tag for version in versions) or "none"
        raise SettingsError(f"Expected a version of {origin.address}, found {to or 'no request'}. It has: {known}.")
    return wanted


def find_base(root: Path, upstream: Upstream, commit: str | None) -> str:
    """Return the version or commit that the repository was made from, or last updated to."""
    found = commit or (upstream.find_copied_commit() if is_vendored(root) else None)
    if found is None:
        raise SettingsError(
            "Cannot find the version that this repository was made from: its first commit has the files of no commit "
            "of the template. Name that version, or that commit of the template: slipway update --base v0.1.0"
        )
    return found


def read_template(root: Path, upstream: Upstream, origin: Origin, commit: str) -> dict[str, str]:
    """Return the files of the template at a version, as this kind of repository has them."""
    vendored = is_vendored(root)
    tree = upstream.find_tree(commit, whole=vendored)
    if not vendored:
        tree = render_tree(root, origin, commit)
    return keep_template_files(read_entries(upstream.git, tree))


def _merge(git: Git, found: Update, base: dict[str, str], theirs: dict[str, str]) -> Update:
    """Merge, and leave alone what the team has deleted or rewritten."""
    moved = {path: entry for path, entry in base.items() if theirs.get(path) != entry}
    _, rewritten, deleted = list_edited(git, moved)
    for path in (*rewritten, *deleted):
        base.pop(path)
        theirs.pop(path, None)
    trees = (write_entries(git, base), write_entries(git, theirs))
    merged: Merged = merge_trees(git, *trees, name=f"template {found.after}")
    return msgspec.structs.replace(
        found, changed=merged.changed, conflicts=merged.conflicts, rewritten=rewritten, deleted=deleted
    )


def _lock(root: Path, found: Update, say: Callable[[str], None]) -> str | None:
    """Lock the packages, and return why that cannot be done."""
    if "pyproject.toml" in found.conflicts:
        return "pyproject.toml is in conflict"
    say("  locking the packages ...")
    try:
        lock_packages(root, say)
    except SettingsError as error:
        return str(error)
    git = Git(root, SettingsError)
    if git.run("ls-files", "--", "uv.lock"):
        git.run("add", "--", "uv.lock")
    return None
