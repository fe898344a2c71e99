"""Give the job uv, and an environment to start from: what is left of `uv sync` is the difference.

It lies below a folder of the job's own, as a layer that nothing writes to. Where the system lets nobody lay folders
over each other it is copied, as hard links: uv and Python never write into an installed file, they put another one in
its place.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SESSION = Path(os.environ["SESSION_ENVIRONMENT"])


def main() -> None:
    place = Path(os.environ["JOB_ENVIRONMENTS"])
    place.mkdir(exist_ok=True)
    own = start(base(), Path(tempfile.mkdtemp(prefix=f"{os.environ['GITHUB_JOB']}-", dir=place)))
    for script in (own / "bin").iterdir():
        if not script.is_symlink() and script.read_bytes().startswith(b"#!%b/bin/" % os.fsencode(SESSION)):
            point(script, own)
    append("GITHUB_PATH", str(Path(os.environ["SESSION_UV"]).parent))
    append("GITHUB_ENV", f"UV_PROJECT_ENVIRONMENT={own}")


def base() -> Path:
    """The smaller environment for jobs that install no more than that, else the session's."""
    name = re.escape(os.environ["GITHUB_JOB"])
    for path in (Path(os.environ["GITHUB_WORKSPACE"]) / ".github" / "workflows").glob("*.yml"):
        found = re.search(rf"(?ms)^  {name}:\n(.*?)(?=^  [\w-]+:\n|\Z)", path.read_text())
        if found and os.environ["SMALL_SYNC"] in found[1]:
            return Path(os.environ["SMALL_ENVIRONMENT"])
    return SESSION


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
    """Let a script run the Python of this environment, without touching a file that is linked."""
    text = script.read_bytes().replace(os.fsencode(SESSION), os.fsencode(own), 1)
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text)
    script.chmod(mode)


def append(file: str, line: str) -> None:
    with Path(os.environ[file]).open("a") as lines:
        lines.write(f"{line}\n")


main()
