"""What must be there before anything is measured: programs, the pipeline's results, the peers' own environment."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving.processes import BenchmarkError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SAME = ("granian", "mlflow", "msgspec", "numpy", "onnxruntime", "pandas", "scikit-learn")
_PROGRAMS = {
    "wrk": "apt install wrk (or your system's package)",
    "vegeta": "go install github.com/tsenart/vegeta/v12@latest",
}
_RESULTS = ("bundle/manifest.json", "prepared/holdout.parquet", "prepared/train.parquet", "registered.json")


def require(root: Path) -> None:
    """Raise `BenchmarkError` that names everything that is missing, and where it comes from."""
    _extend_path(root)
    missing = [f"{name}: {how}" for name, how in _PROGRAMS.items() if not shutil.which(name)]
    missing += [f"{path}: make repro" for path in _RESULTS if not (root / path).is_file()]
    pinned = pins()
    missing += [
        f"{name} {version(name)} in requirements.txt, which has {pinned.get(name)}: its head says how"
        for name in SAME
        if pinned.get(name) != version(name)
    ]
    if missing:
        raise BenchmarkError("Missing:\n  " + "\n  ".join(missing))


def pins() -> dict[str, str]:
    """The peers' packages and their versions."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", REQUIREMENTS.read_text(), re.MULTILINE))


def install(root: Path) -> Path:
    """The folder of the peers' programs; installed if the requirements have changed since the last time."""
    place = root / ".slipway" / "bench-serving"
    programs, mark = place / "env" / "bin", place / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if mark.is_file() and mark.read_text() == wanted:
        return programs
    print(f"Peers: installing {len(pins())} packages into {place.relative_to(root)}/env (a minute or two)", flush=True)
    place.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    _uv("venv", "--clear", "--python", sys.executable, str(place / "env"))
    # Without compiled files, every start would compile.
    python = str(programs / "python")
    _uv("pip", "install", "--compile-bytecode", "--python", python, "--requirement", str(REQUIREMENTS))
    mark.write_text(wanted)
    return programs


def _extend_path(root: Path) -> None:
    """Where `make tools` and `go install` put programs, whether or not the shell looks there."""
    own = [root / ".tools" / "bin", Path(os.environ.get("GOPATH", Path.home() / "go")) / "bin"]
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, own)])


def _uv(*words: str) -> None:
    done = subprocess.run(["uv", *words, "--quiet"], check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"uv {words[0]} failed: {done.stderr[-1000:]}")
