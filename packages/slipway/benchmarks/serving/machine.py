"""The machine and the programs, as a reader of the figures needs to know them."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.serving.contestants import CORES
from benchmarks.serving.environment import pins

_NAMED = ("granian", "uvicorn", "uvloop", "httptools", "fastapi", "starlette", "pydantic", "orjson", "onnxruntime")
_ALSO = ("numpy", "scikit-learn", "bentoml", "mlflow")


def describe() -> list[tuple[str, str]]:
    """Lines of a table: what, and which."""
    pinned = pins()
    return [
        ("processor", f"{_processor()}, {CORES} cores for servers and load together"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}, {_libc()}"),
        ("Python", platform.python_version()),
        ("packages", ", ".join(f"{name} {pinned[name]}" for name in (*_NAMED, *_ALSO))),
        ("load", f"{_wrk()}, vegeta 12"),
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _libc() -> str:
    return " ".join(platform.libc_ver())


def _wrk() -> str:
    if not shutil.which("wrk"):
        return "wrk"
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return f"wrk {found.group()}" if found else "wrk"
