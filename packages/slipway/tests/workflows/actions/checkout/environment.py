"""Give the job an environment to start from, so that `uv sync` installs only the difference, and a fast pip.

The environment is an overlay: the session's is the layer below, which nothing writes to. Where overlays are not
allowed it is copied as hard links: uv and Python never write into an installed file, they replace it. A job that
installs what a delivery needs starts from nothing: that shows that it needs no more.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SESSION = Path(os.environ["SESSION_ENVIRONMENT"])
BASES = {"pipeline": Path(os.environ["SMALL_ENVIRONMENT"]), "none": SESSION}


def main() -> None:
    append("GITHUB_PATH", os.environ["GITHUB_ACTION_PATH"])
    place = Path(os.environ["JOB_ENVIRONMENTS"])
    place.mkdir(exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix=f"{os.environ['GITHUB_JOB']}-", dir=place))
    if base := BASES.get(packages()):
        own = start(base, own)
        repoint(own)
    else:
        own = own / "environment"
    append("GITHUB_ENV", f"UV_PROJECT_ENVIRONMENT={own}")


def packages() -> str:
    """Return what the set-up of this job installs."""
    name = re.escape(os.environ["GITHUB_JOB"])
    for path in sorted((Path(os.environ["GITHUB_WORKSPACE"]) / ".github" / "workflows").glob("*.yml")):
        found = re.search(rf"(?ms)^  {name}:\n(.*?)(?=^  [\w-]+:\n|\Z)", path.read_text())
        wanted = re.search(r"packages: .*?(\w+)\W*$", found[1], re.MULTILINE) if found else None
        if wanted:
            return wanted[1]
    return ""


def repoint(own: Path) -> None:
    for script in (own / "bin").iterdir():
        if not script.is_symlink() and script.read_bytes().startswith(b"#!%b/bin/" % os.fsencode(SESSION)):
            point(script, own)


def start(below: Path, place: Path) -> Path:
    own, upper, work = (place / name for name in ("environment", "changes", "work"))
    for folder in (own, upper, work):
        folder.mkdir()
    layers = f"lowerdir={below},upperdir={upper},workdir={work}"
    if not ran("mount", "-t", "overlay", "overlay", "-o", layers, own):
        own.rmdir()
        if not ran("cp", "-al", below, own):
            # Another file system.
            shutil.rmtree(own, ignore_errors=True)
            shutil.copytree(below, own, symlinks=True)
    return own


def ran(*command: "str | Path") -> bool:
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def point(script: Path, own: Path) -> None:
    """Point a script to the Python of this environment, without writing to a file that is linked."""
    text = script.read_bytes().replace(os.fsencode(SESSION), os.fsencode(own), 1)
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text)
    script.chmod(mode)


def append(file: str, line: str) -> None:
    with Path(os.environ[file]).open("a") as lines:
        lines.write(f"{line}\n")


main()
