"""Make the environment of another monitor, and measure its run."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from monitoring_peers.process_cost import Cost, measure_process

_HERE = Path(__file__).parent
# Both send figures of their use to their makers unless told otherwise.
_SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}


class Peer(NamedTuple):
    """A monitor: what its environment needs, and the script that runs it on the files of a folder."""

    name: str
    requirements: tuple[str, ...]
    script: str


PEERS = (
    Peer("Evidently 0.7.23", ("evidently==0.7.23", "pandas<3", "pyarrow"), "evidently_reports.py"),
    # NannyML imports statsmodels without asking for it.
    Peer("NannyML 0.13.1", ("nannyml==0.13.1", "pandas<3", "pyarrow", "statsmodels"), "nannyml_chunks.py"),
)


def measure_peer(peer: Peer, folder: Path) -> Cost | str:
    """Measure a run over `reference.parquet` and `window.parquet`; return the reason where it fails."""
    environment = folder / peer.script.removesuffix(".py")
    python = environment / "bin" / "python"
    try:
        for command in (
            ("uv", "venv", "--quiet", "--python", "3.11", str(environment)),
            ("uv", "pip", "install", "--quiet", "--python", str(python), *peer.requirements),
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        return f"not installed: {error.stderr.strip().splitlines()[-1]}"
    return measure_process([str(python), str(_HERE / peer.script), str(folder)], _SILENT)
