"""Copy what the patterns name, below their least common folder, as actions/upload-artifact does since version 4."""

import os
import shutil
import sys
from glob import glob
from pathlib import Path

TARGET = Path(os.environ["WORLD"]) / "artifacts" / os.environ["GITHUB_RUN_ID"] / os.environ["NAME"]


def main() -> None:
    patterns = [line.strip() for line in os.environ["FILES"].splitlines() if line.strip()]
    found = [Path(name).absolute() for pattern in patterns for name in sorted(glob(pattern, recursive=True))]  # noqa: PTH207 - absolute ones too
    files = sorted({file for each in found for file in below(each)})
    if not files:
        print(f"No files were found with the provided path: {patterns}")
        sys.exit(os.environ["NONE"] == "error")
    # One path of its own is the top itself; of several it is what they have in common.
    tops = [each if each.is_dir() else each.parent for each in found] if len(patterns) == 1 else [Path.cwd()]
    top = Path(os.path.commonpath(tops))
    # A name is there once in a run, whichever attempt made it.
    if TARGET.exists() and os.environ["OVERWRITE"] != "true":
        sys.exit(f"(409) Conflict: an artifact with the name {TARGET.name} already exists on the workflow run")
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for file in files:
        target = TARGET / file.relative_to(top)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    print(f"{len(files)} files uploaded as {os.environ['NAME']}")


def below(path: Path) -> list[Path]:
    inside = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    start = path.parent
    return [
        file
        for file in inside
        if os.environ["HIDDEN"] == "true" or not any(part.startswith(".") for part in file.relative_to(start).parts)
    ]


main()
