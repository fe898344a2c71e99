"""Keys of clients: created here, stored as hashes, compared in constant time, read again when the file changes."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import read_json
from slipway.files.lock import hold_lock
from slipway.files.writing import private_file, write_json
from slipway.serving.console import print_line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REREAD_SECONDS = 1.0


class Scope(StrEnum):
    """The routes that a key opens: all but `/metrics`, or only that one."""

    SERVICE = "service"
    METRICS = "metrics"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client's key, of which only the sha256 is stored: 256 random bits cannot be guessed."""

    name: str
    scope: Scope
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    created: datetime


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that `slipway key` writes."""

    keys: tuple[Key, ...] = ()


def new_key(path: Path, name: str, scope: Scope) -> str:
    """Add a key under `name` to the file, and return it: it cannot be shown again."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"A key's name is up to 64 letters, digits, dots and dashes, found {name!r}.")
    secret = f"slipway_{secrets.token_urlsafe(32)}"
    with _changing(path):
        keys = read_keys(path, missing_ok=True).keys
        if any(key.name == name for key in keys):
            raise SettingsError(f"{path} has a key named {name!r} already. Revoke it, or choose another name.")
        _write(path, (*keys, Key(name, scope, _hash(secret).hex(), datetime.now(UTC).replace(microsecond=0))))
    return secret


def new_key_in_file(path: Path, name: str, scope: Scope, secret: Path) -> None:
    """Add a key under `name` to the file at `path`, and write it to the new file `secret`, for its owner only."""
    try:
        # The file comes first: a key whose secret cannot be stored would be of no use.
        with private_file(secret) as file:
            file.write(new_key(path, name, scope) + "\n")
    except FileExistsError as error:
        raise SettingsError(
            f"{secret} exists and may hold a key in use; it was not changed. Name a new file."
        ) from error


def revoke_key(path: Path, name: str) -> None:
    """Take the key named `name` out of the file; running services refuse it within a second."""
    with _changing(path):
        keys = read_keys(path).keys
        kept = tuple(key for key in keys if key.name != name)
        if len(kept) == len(keys):
            names = ", ".join(key.name for key in keys) or "none"
            raise SettingsError(f"{path} has no key named {name!r}. Its keys: {names}.")
        _write(path, kept)


def read_keys(path: Path, missing_ok: bool = False) -> KeyFile:
    """Read the file; raises `SettingsError` if it is missing or not what `slipway key` writes."""
    if missing_ok and not path.exists():
        return KeyFile()
    missing = f"`slipway key new NAME --file {path}` makes one."
    advice = "Expected a file of keys, which `slipway key` writes."
    # Somebody may have pasted a key itself into it, and errors are logged.
    return read_json(path, KeyFile, SettingsError, advice, missing, private=True)


class Keyring:
    """The keys of a running service; a file that changes is read again, and a broken one leaves the old keys valid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._keys = _by_scope(read_keys(path))
        self._look_again = time.monotonic() + _REREAD_SECONDS

    def opens(self, authorization: str, scope: Scope) -> bool:
        """Return True if the Authorization header (Bearer, or Basic with a key as password) has a key of the scope."""
        if time.monotonic() >= self._look_again:
            self._reread()
        digest = _hash(_secret(authorization))
        found = False
        for known in self._keys[scope]:
            found |= hmac.compare_digest(known, digest)
        return found

    def _reread(self) -> None:
        self._look_again = time.monotonic() + _REREAD_SECONDS
        stamp = self._stat()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = _by_scope(read_keys(self._path))
        except SettingsError as error:
            print_line(f"the keys were not read again; the old ones stay valid. {error}")

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino


def _by_scope(file: KeyFile) -> dict[Scope, list[bytes]]:
    return {scope: [bytes.fromhex(key.sha256) for key in file.keys if key.scope is scope] for scope in Scope}


def _secret(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme == "Bearer" or scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        # A browser sends this after its own prompt, so that the page works with keys too.
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _changing(path: Path) -> AbstractContextManager[None]:
    """Lock the file for one change, so that two people who add keys at the same time lose neither."""
    return hold_lock(path.with_name(f".{path.name}.lock"))


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    write_json(path, KeyFile(keys))
