"""Keys of clients: created here, stored as hashes, compared in constant time, read again when the file changes."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
# Headers: a browser writes its user name into one, so that a key has many.
_REMEMBERED = 1024


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

    def by_scope(self) -> dict[Scope, list[bytes]]:
        """Return the hashes of the keys of each scope."""
        return {scope: [bytes.fromhex(key.sha256) for key in self.keys if key.scope is scope] for scope in Scope}


def new_key(path: Path, name: str, scope: Scope) -> str:
    """Add a key under `name` to the file, and return it: it cannot be shown again."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"A key's name is up to 64 letters, digits, dots and dashes, found {name!r}.")
    secret = f"slipway_{secrets.token_urlsafe(32)}"
    with _changing(path, missing_ok=True) as keys:
        if name in keys:
            raise SettingsError(f"{path} has a key named {name!r} already. Revoke it, or choose another name.")
        keys[name] = Key(name, scope, _hash(secret).hex(), datetime.now(UTC).replace(microsecond=0))
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
    with _changing(path) as keys:
        if name not in keys:
            raise SettingsError(f"{path} has no key named {name!r}. Its keys: {', '.join(keys) or 'none'}.")
        del keys[name]


def read_keys(path: Path, missing_ok: bool = False) -> KeyFile:
    """Read the file; raises `SettingsError` if it is missing or not what `slipway key` writes."""
    if missing_ok and not path.exists():
        return KeyFile()
    missing = f"`slipway key new NAME --file {path}` makes one."
    advice = "Expected a file of keys, which `slipway key` writes."
    # A key itself may have been pasted into it, and errors are logged.
    return read_json(path, KeyFile, SettingsError, advice, missing, private=True)


class Keyring:
    """The keys of a running service; a file that changes is read again, and a broken one leaves the old keys valid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._keys = read_keys(path).by_scope()
        self._look_again = time.monotonic() + _REREAD_SECONDS
        # Cache of accepted headers: a salted hash takes a tenth of the time of a key check, and reveals no key.
        self._salt = secrets.token_bytes(hashlib.blake2b.SALT_SIZE)
        self._opened: set[tuple[Scope, bytes]] = set()

    def opens(self, authorization: str, scope: Scope) -> bool:
        """Return True if the Authorization header (Bearer, or Basic with a key as password) has a key of the scope."""
        if time.monotonic() >= self._look_again:
            self._reread()
        header = scope, hashlib.blake2b(authorization.encode(), digest_size=32, salt=self._salt).digest()
        if header in self._opened:
            return True
        digest = _hash(_secret(authorization))
        found = False
        for known in self._keys[scope]:
            found |= hmac.compare_digest(known, digest)
        if found:
            if len(self._opened) >= _REMEMBERED:
                self._opened.clear()
            self._opened.add(header)
        return found

    def _reread(self) -> None:
        self._look_again = time.monotonic() + _REREAD_SECONDS
        before, self._stamp = self._stamp, self._stat()
        if before != self._stamp:
            try:
                self._keys = read_keys(self._path).by_scope()
                self._opened.clear()
            except SettingsError as error:
                print_line(f"the keys were not read again; the old ones stay valid. {error}")

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino


def _secret(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    # A browser sends this after its own prompt, so that the page works with keys too.
    with suppress(binascii.Error, UnicodeDecodeError):
        if scheme.lower() == "basic":
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    return ""


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@contextmanager
def _changing(path: Path, missing_ok: bool = False) -> Iterator[dict[str, Key]]:
    """Yield the keys by name and write them; a lock lets two people who add keys at the same time lose neither."""
    with hold_lock(path.with_name(f".{path.name}.lock")):
        keys = {key.name: key for key in read_keys(path, missing_ok).keys}
        yield keys
        write_json(path, KeyFile((*keys.values(),)))
