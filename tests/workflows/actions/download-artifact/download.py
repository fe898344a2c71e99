"""Copy an artifact of this run, or with a token of another one."""

import os
import shutil
import sys
from pathlib import Path

RUN = os.environ["RUN"]


def main() -> None:
    if RUN and not os.environ["TOKEN"]:
        sys.exit("The artifact of another run takes a token.")
    source = Path(os.environ["WORLD"]) / "artifacts" / (RUN or os.environ["GITHUB_RUN_ID"]) / os.environ["NAME"]
    if not source.is_dir():
        sys.exit(f"Unable to download artifact(s): Artifact not found for name: {os.environ['NAME']}")
    shutil.copytree(source, os.environ["TARGET"], dirs_exist_ok=True, copy_function=shutil.copyfile)


main()
