"""Connect a runner to an environment's server: a docker context over SSH, from the variables and secrets of the job.

The runner's own SSH configuration is not changed: key, known hosts and configuration are in one folder, with an `ssh`
that uses them for this machine and the runner's own for others. That `ssh` must come first on the PATH.
"""

import os
import shutil
import tempfile
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from slipway.delivery.targets.containers.command_line import CommandLine
from slipway.delivery.targets.containers.container_target import ContainerSettings
from slipway.delivery.targets.registry import find_target
from slipway.errors import GitHubError
from slipway.files.writing import write_bytes
from slipway.settings import ServerSettings, project_settings

# Include resolves a relative path in ~/.ssh.
_CONFIG = """\
Host {machine}
    IdentityFile "{folder}/key"
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 20
    ServerAliveInterval 15
    ControlMaster auto
    ControlPath "{sockets}/%C"
    ControlPersist 60
Host *
    Include config
"""


def connect_server(root: Path, environment: str, given: ServerSettings, folder: Path) -> Path:
    """Create the environment's docker context and the files that its table names; return the folder of its `ssh`.

    Raises `GitHubError` with what is missing and where to set it.
    """
    settings = _settings(root, environment)
    _check(environment, given)
    programs = _write_ssh(given, folder.absolute())
    CommandLine().save_context(str(settings.context), given.host)
    for content, name in (
        (given.api_keys, settings.variables.get("SLIPWAY_API_KEYS_FILE")),
        (given.smoke_key, settings.key_file),
    ):
        if content and name:
            _write_secret(root / name, content)
    return programs


def verify_server_names(root: Path, servers: str) -> None:
    """Raise `GitHubError` for an unknown environment in SLIPWAY_SERVERS: the one meant would only be rehearsed."""
    known = project_settings(root).environments
    unknown = [name for name in servers.split(" ") if name not in known] if servers else []
    if unknown:
        raise GitHubError(
            f"The variable SLIPWAY_SERVERS is {servers!r}: expected names of environments with one space between them, "
            f"of {', '.join(known)}; found {', '.join(map(repr, unknown))}. Without a name that counts, an environment "
            "on a server would only be rehearsed."
        )


def _settings(root: Path, environment: str) -> ContainerSettings:
    table = project_settings(root).environments.get(environment)
    found = find_target(root, environment).settings if table else None
    if not isinstance(found, ContainerSettings) or found.context is None:
        has = f'target = "{found.target}", context = ""' if found else "no such table"
        raise GitHubError(
            f"The variable SLIPWAY_SERVERS says that {environment} runs on a server, and pyproject.toml does not say "
            f'how: expected target = "docker" or "swarm", and a context, in [tool.slipway.environments.{environment}]; '
            f"found {has}. docs/github-setup.md, A server, has an example."
        )
    return found


def _check(environment: str, given: ServerSettings) -> None:
    address = urlsplit(given.host)
    if address.scheme != "ssh" or not address.hostname:
        raise GitHubError(
            f"SLIPWAY_HOST of {environment}: expected ssh://user@machine, found {given.host or 'nothing'}. "
            f"gh variable set SLIPWAY_HOST --env {environment} --body ssh://deploy@model.example.org"
        )
    port = f"-p {address.port} " if address.port else ""
    if not given.known_hosts.strip():
        raise GitHubError(
            f"SLIPWAY_KNOWN_HOSTS of {environment} is not set: nothing says which machine is the right one. After "
            f"a look at its fingerprint: ssh-keyscan {port}{address.hostname} | gh variable set SLIPWAY_KNOWN_HOSTS "
            f"--env {environment}"
        )
    if "PRIVATE KEY" not in given.ssh_key:
        raise GitHubError(
            f"SLIPWAY_SSH_KEY of {environment}: expected a private key, found "
            f"{'something else' if given.ssh_key else 'nothing'}. ssh-keygen -t ed25519 -f deploy-key -N '' makes one; "
            f"gh secret set SLIPWAY_SSH_KEY --env {environment} < deploy-key"
        )


def _write_ssh(given: ServerSettings, folder: Path) -> Path:
    """Return the folder of an `ssh` that connects to this server."""
    programs = folder / "bin"
    # At a second run the written one would be found first.
    others = (each for each in os.get_exec_path() if Path(each) != programs)
    ssh = shutil.which("ssh", path=os.pathsep.join(others))
    if ssh is None:
        raise GitHubError("No ssh on the PATH. Install an SSH client on the runner.")
    _write_secret(folder / "key", given.ssh_key)
    write_bytes(folder / "known_hosts", f"{given.known_hosts.strip()}\n".encode())
    write_bytes(folder / "config", _config(given, folder))
    script = f'#!/bin/sh\nexec {quote(ssh)} -F {quote(str(folder / "config"))} "$@"\n'
    write_bytes(programs / "ssh", script.encode(), 0o755)
    return programs


def _config(given: ServerSettings, folder: Path) -> bytes:
    """Return a configuration that shares one connection: the docker client opens one for every command."""
    # A socket path has at most 108 bytes, and a runner's folder may be deep.
    sockets, machine = tempfile.mkdtemp(prefix="slipway-"), urlsplit(given.host).hostname
    return _CONFIG.format(folder=folder, sockets=sockets, machine=machine).encode()


def _write_secret(path: Path, content: str) -> None:
    """Write a secret with its final line break, which GitHub may have removed and ssh requires."""
    write_bytes(path, f"{content.strip()}\n".encode(), 0o600)
