"""The volume of an engine with the prediction log: copy the log out of it, and put the monitor's report into it.

The engine may be remote, and the service writes to the log meanwhile.
"""

import inspect
import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from docker.types import LogConfig

from slipway.delivery.targets.containers.container import temporary_container
from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError
from slipway.files.writing import new_folder
from slipway.serving.console import print_line
from slipway.serving.log import open_files
from slipway.serving.log.report import REPORT_FOLDER

_LOG = "/var/log/slipway"
# The image's own Python: an engine's archive of a file that grows while it is read breaks off. Of each file so many
# bytes are sent as it had at first.
PROGRAM = f"""
{inspect.getsource(open_files)}
import gzip, sys, tarfile
left_out = []
packed = gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", compresslevel=1)
with packed, tarfile.open(fileobj=packed, mode="w|") as archive:
    for name, file in open_log_files(sys.argv[1], left_out):
        archive.addfile(archive.gettarinfo(arcname=name, fileobj=file), file)
if left_out:
    sys.stderr.write(describe_left_out(left_out))
"""
# Whole files in place of those before: the service may read them at any time.
RENAME = """
import os, sys
for name in sys.argv[2:]:
    os.replace(f"{sys.argv[1]}/.{name}.part", f"{sys.argv[1]}/{name}")
"""
# The user and group of the service in the image.
_USER, _GROUP = 10001, 0


def copy_log_volume(engine: Engine, image: str, volume: str, folder: Path, owner: str) -> None:
    """Copy the files of a volume into the new `folder`, through a container of `image`; raises `DeliveryError`."""
    options: dict[str, Any] = {
        "entrypoint": "python",
        "command": ["-c", PROGRAM, _LOG],
        "volumes": {volume: {"bind": _LOG, "mode": "ro"}},
        "read_only": True,
        "cap_drop": ["ALL"],
        # The engine would keep what the container prints.
        "log_config": LogConfig(type=LogConfig.types.NONE),
    }
    action = f"copy the prediction log out of the volume {volume}"
    with tempfile.TemporaryFile() as archive:
        with engine.connect(action) as docker, temporary_container(docker, image, owner, **options) as container:
            stream = container.attach(stdout=True, stderr=True, stream=True, demux=True)
            container.start()
            said = b""
            for output, errors in stream:
                archive.write(output or b"")
                said += errors or b""
            status = container.wait()["StatusCode"]
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        if status:
            raise DeliveryError(f"Cannot {action}: the program that reads it ended with exit code {status}: {last}")
        if last:
            print_line(last)
        archive.seek(0)
        unpack_log(archive, folder)


def put_report_into_volume(engine: Engine, image: str, volume: str, files: Mapping[str, bytes], owner: str) -> None:
    """Put files of the monitor's report, by name, into a volume with a log; raises `DeliveryError`."""
    options: dict[str, Any] = {
        "entrypoint": "python",
        "command": ["-c", RENAME, f"{_LOG}/{REPORT_FOLDER}", *files],
        "volumes": {volume: {"bind": _LOG, "mode": "rw"}},
        "read_only": True,
        "cap_drop": ["ALL"],
    }
    action = f"put the monitor's report into the volume {volume}"
    with engine.connect(action) as docker, temporary_container(docker, image, owner, **options) as container:
        container.put_archive(_LOG, pack_report(files))
        container.start()
        status = container.wait()["StatusCode"]
    if status:
        raise DeliveryError(f"Cannot {action}: the program that renames its files ended with exit code {status}.")


def pack_report(files: Mapping[str, bytes]) -> bytes:
    """Pack the folder of a report, for the engine to unpack; each file has a temporary name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo(REPORT_FOLDER)
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o755, _USER, _GROUP
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{REPORT_FOLDER}/.{name}.part")
            entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o644, _USER, _GROUP
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpack_log(archive: IO[bytes], folder: Path) -> None:
    """Unpack what the program in the container sent into the new `folder`; raises `DeliveryError` if it is cut off."""
    try:
        with new_folder(folder, mode=0o700) as part, tarfile.open(fileobj=archive, mode="r|gz") as found:
            found.extractall(part, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DeliveryError(f"The prediction log arrived incomplete: {error}. Run this again.") from error
