"""Nothing of a bundle is loaded before it is verified; whatever fails names the file and the reason."""

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.bundle.external_data import refuse_external_data
from slipway.bundle.manifest import MANIFEST, TOLERANCE, Certificate, Manifest, decode_manifest, manifest_digest
from slipway.bundle.model import Bundle
from slipway.errors import BundleError, CertificateError, GoldenRowsError, SlipwayError

_AGAIN = "Make the bundle again, or fetch it again from where it came."


class SealedBundle(NamedTuple):
    """The verified bytes of a bundle, of which nothing has run yet."""

    path: Path
    digest: str
    manifest: Manifest
    files: dict[str, bytes]


def load_bundle(path: Path, expected: str | None = None) -> Bundle:
    """Verify the bundle in the folder `path`, then load it.

    Checks in this order: the digest is `expected` (if given), every file is the one that the manifest names, none is
    missing, added or a link, the certificate passed, the model is self-contained, the golden rows score as they did.
    What was verified is what is used: each file is read once. Raises `BundleError`.
    """
    return start_bundle(read_sealed(path, expected))


def read_sealed(path: Path, expected: str | None = None) -> SealedBundle:
    """The first half of `load_bundle`: everything that can be verified without running anything of the bundle."""
    if not path.is_dir():
        raise BundleError(f"There is no bundle at {path}: no such folder. `make repro` makes one.")
    content = _read(path, MANIFEST)
    found = manifest_digest(content)
    if expected is not None and found != expected:
        raise BundleError(f"{path} is the bundle {found}, expected {expected}. {_AGAIN}")
    manifest = decode_manifest(content, path / MANIFEST)
    files = _read_files(path, manifest)
    _check_certificate(path, files["certificate.json"])
    refuse_external_data(files["model.onnx"])
    return SealedBundle(path, found, manifest, files)


def start_bundle(sealed: SealedBundle) -> Bundle:
    """The second half of `load_bundle`: the runtime is started, and the golden rows must score as they did.

    A process that forks does this after the fork: a session of ONNX Runtime does not survive one.
    """
    bundle = _open(sealed)
    _check_golden(bundle)
    return bundle


def _read_files(path: Path, manifest: Manifest) -> dict[str, bytes]:
    wanted = set(manifest.files) | {MANIFEST}
    present = {entry.relative_to(path).as_posix() for entry in path.rglob("*")}
    for name in sorted(present - wanted):
        raise BundleError(f"{path / name} is not named in the manifest, so it does not belong to the bundle. {_AGAIN}")
    always = {CONTRACT, "model.onnx", "golden.jsonl", "certificate.json", "profile.json"}
    always |= {FEATURES} if manifest.features else set()
    if set(manifest.files) != always:
        raise BundleError(f"{path / MANIFEST} names {sorted(manifest.files)}, expected {sorted(always)}. {_AGAIN}")
    contents = {}
    for name, wanted_hash in sorted(manifest.files.items()):
        contents[name] = _read(path, name)
        if (found := hashlib.sha256(contents[name]).hexdigest()) != wanted_hash:
            raise BundleError(
                f"{path / name} was changed: its sha256 is {found}, the manifest says {wanted_hash}. {_AGAIN}"
            )
    return contents


def _read(path: Path, name: str) -> bytes:
    file = path / name
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        raise BundleError(f"{file} is missing. {_AGAIN}") from None
    if not stat.S_ISREG(mode):
        raise BundleError(f"{file} is a link or no regular file; a bundle holds plain files only. {_AGAIN}")
    return file.read_bytes()


def _check_certificate(path: Path, content: bytes) -> None:
    try:
        certificate = msgspec.json.decode(content, type=Certificate)
    except msgspec.DecodeError as error:
        raise CertificateError(f"{path / 'certificate.json'} cannot be read: {error}. {_AGAIN}") from error
    if not certificate.passed:
        raise CertificateError(f"{path / 'certificate.json'} did not pass: {certificate}. Train the model again.")


def _open(sealed: SealedBundle) -> Bundle:
    try:
        return Bundle(*sealed)
    except SlipwayError:
        raise
    except Exception as error:  # ONNX Runtime has no common type for what it refuses
        raise BundleError(f"{sealed.path} cannot be opened: {type(error).__name__}: {error}. {_AGAIN}") from error


def _check_golden(bundle: Bundle) -> None:
    file = bundle.path / "golden.jsonl"
    try:
        columns, expected = bundle.golden()
        scores = bundle.score(columns)
        off = score_difference(scores, expected)
    except Exception as error:  # the rows, the features and the runtime each have errors of their own
        raise GoldenRowsError(f"{file} cannot be scored: {type(error).__name__}: {error}. {_AGAIN}") from error
    if not len(expected):
        raise GoldenRowsError(f"{file} is empty. {_AGAIN}")
    if off.max() > TOLERANCE:
        row = int(off.argmax())
        raise GoldenRowsError(
            f"{file}, line {row + 1}: the model gives {scores[row]}, expected {expected[row]} within {TOLERANCE}. "
            "It does not score here as it did where it was made. Train it again on this kind of machine."
        )


def score_difference(scores: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """The difference of each score, relative to scores above 1; the largest over classes; infinite for NaN."""
    off = np.abs(scores - expected) / np.maximum(1.0, np.abs(expected))
    off = np.where(np.isnan(off), np.inf, off)
    return off.max(axis=1) if off.ndim == 2 else off
