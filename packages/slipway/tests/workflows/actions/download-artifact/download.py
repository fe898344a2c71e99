"""Copy artifacts of this run, or with a token of another one."""

import os
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

NAME, RUN, TARGET = os.environ["NAME"], os.environ["RUN"], Path(os.environ["TARGET"])


def main() -> None:
    if RUN and not os.environ["TOKEN"]:
        sys.exit("The artifact of another run takes a token.")
    folder = Path(os.environ["WORLD"]) / "artifacts" / (RUN or os.environ["GITHUB_RUN_ID"])
    if NAME:
        if not (folder / NAME).is_dir():
            sys.exit(f"Unable to download artifact(s): Artifact not found for name: {NAME}")
        copy(folder / NAME, TARGET)
        return
    for each in sorted(folder.glob("[!.]*")):
        if fnmatch(each.name, os.environ["PATTERN"] or "*"):
            copy(each, TARGET if os.environ["MERGE"] == "true" else TARGET / each.name)


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    print(f"Artifact {source.name} downloaded to {target}")


main()
