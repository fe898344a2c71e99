"""Files that a service's variables name: read here, mounted into its container from a volume of the engine."""

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from docker.errors import APIError

from slipway.delivery.targets.containers.container import remove_temporary_containers, temporary_container
from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError

# The folder in which a service's container finds its files.
FILES = "/run/slipway"
_LABEL = "slipway.files"


class ContainerInputs(NamedTuple):
    """The variables of a container, and the content of the files that some of them name."""

    variables: dict[str, str]
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """The digest of the files, by name and content."""
        parts = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in sorted(self.files.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_inputs(root: Path, variables: Mapping[str, str]) -> ContainerInputs:
    """Read the files that variables ending in _FILE name, and let these name the files' place in the container.

    Raises `DeliveryError` for one that cannot be read.
    """
    files, inside = {}, dict(variables)
    for name in [name for name in variables if name.endswith("_FILE")]:
        inside[name] = f"{FILES}/{name.lower()}"
        try:
            files[name.lower()] = (root / variables[name]).read_bytes()
        except OSError as error:
            raise DeliveryError(
                f"The file {variables[name]} ({name} in pyproject.toml) cannot be read: {error.strerror}. Expected a "
                f"file that this user (uid {os.getuid()}) may read."
            ) from error
    return ContainerInputs(inside, files)


def add_folder(inputs: ContainerInputs, variable: str, folder: Path) -> ContainerInputs:
    """Add the files of a folder, and the variable that names their place in the container."""
    added = {f"{folder.name}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
    return ContainerInputs(inputs.variables | {variable: f"{FILES}/{folder.name}"}, inputs.files | added)


def write_files(engine: Engine, image: str, volume: str, files: Mapping[str, bytes], owner: str) -> None:
    """Write `files` into a volume labelled with its `owner`, unless a container uses it; the engine may be remote."""
    mount = {volume: {"bind": FILES, "mode": "rw"}}
    with engine.connect(f"write files into the volume {volume}") as docker:
        # A container that serves was created after its volume was filled, and may read a file just now.
        if docker.containers.list(all=True, filters={"volume": volume}, ignore_removed=True):
            return
        docker.volumes.create(volume, labels={_LABEL: owner})
        with temporary_container(docker, image, owner, volumes=mount) as container:
            container.put_archive(FILES, _pack(files))


def remove_files(engine: Engine, owner: str, keep: str | None = None) -> None:
    """Remove the volumes of files of `owner` that no container uses, except `keep`, and temporary containers."""
    with engine.connect(f"remove the files of {owner}") as docker:
        remove_temporary_containers(docker, owner)
        for volume in docker.volumes.list(filters={"label": f"{_LABEL}={owner}"}):
            if volume.name != keep:
                try:
                    volume.remove()
                except APIError as error:
                    # Removed meanwhile, or a container still uses it.
                    if error.status_code not in (404, 409):
                        raise


def _pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in sorted({name.rpartition("/")[0] for name in files} - {""}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
