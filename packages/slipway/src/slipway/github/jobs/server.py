"""The way from a runner to an environment's server: a docker context over SSH, made of what the job was given.

Nothing of the runner's own SSH is changed: everything lies in one folder, with an `ssh` that uses it for this machine,
and for others what the runner has. Who has that one on the PATH gets there.
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
from slipway.files import write_bytes
from slipway.settings import ServerSettings, project_settings

# A relative path of Include is in ~/.ssh.
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
    """Have the environment's docker context, and the files that its table names; returns where its `ssh` lies.

    Raises `GitHubError` that names what is missing, and where to set it.
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
    """Raise `GitHubError` where the variable SLIPWAY_SERVERS names what is no environment: it would be a rehearsal."""
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
    """The folder in which an `ssh` lies that knows the way to this server."""
    programs = folder / "bin"
    # Run again, its own would be found first.
    others = (each for each in os.get_exec_path() if Path(each) != programs)
    ssh = shutil.which("ssh", path=os.pathsep.join(others))
    if ssh is None:
        raise GitHubError("There is no ssh on the PATH. Install an SSH client on the runner.")
    _write_secret(folder / "key", given.ssh_key)
    write_bytes(folder / "known_hosts", f"{given.known_hosts.strip()}\n".encode())
    write_bytes(folder / "config", _config(given, folder))
    script = f'#!/bin/sh\nexec {quote(ssh)} -F {quote(str(folder / "config"))} "$@"\n'
    write_bytes(programs / "ssh", script.encode(), 0o755)
    return programs


def _config(given: ServerSettings, folder: Path) -> bytes:
    """One connection for all that follows: the docker client makes a new one for every command."""
    # A socket's path has 108 bytes at most, and a runner's folder may be deep.
    sockets, machine = tempfile.mkdtemp(prefix="slipway-"), urlsplit(given.host).hostname
    return _CONFIG.format(folder=folder, sockets=sockets, machine=machine).encode()


def _write_secret(path: Path, content: str) -> None:
    """A secret of GitHub may have lost its last line break, without which ssh reads no key."""
    write_bytes(path, f"{content.strip()}\n".encode(), 0o600)
