"""Give the job uv, and a copy of the environment that the tests run in: what is left of `uv sync` is the difference.

The files are hard links. uv and Python never write into an installed file, they put another one in its place.
"""

import os
import shutil
import subprocess
from pathlib import Path

SESSION = Path(os.environ["SESSION_ENVIRONMENT"])


def main() -> None:
    with Path(os.environ["GITHUB_PATH"]).open("a") as file:
        file.write(f"{Path(os.environ['SESSION_UV']).parent}\n")
    own = Path(os.environ["GITHUB_WORKSPACE"]) / ".venv"
    copy(own)
    for script in (own / "bin").iterdir():
        if not script.is_symlink() and script.read_bytes().startswith(b"#!%b/bin/" % os.fsencode(SESSION)):
            point(script, own)


def copy(own: Path) -> None:
    if subprocess.run(["cp", "-al", SESSION, own], stderr=subprocess.DEVNULL).returncode:
        # Another file system.
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(SESSION, own, symlinks=True)


def point(script: Path, own: Path) -> None:
    """Let a script of the copy run the copy's Python, without touching the file that is linked."""
    text = script.read_bytes().replace(os.fsencode(SESSION), os.fsencode(own), 1)
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text)
    script.chmod(mode)


main()
