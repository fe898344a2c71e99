"""Verify a bundle before it is loaded."""

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.bundle.external_data import refuse_external_data
from slipway.bundle.manifest import MANIFEST, TOLERANCE, Certificate, Manifest, decode_manifest, manifest_digest
from slipway.bundle.model import Bundle
from slipway.errors import BundleError, CertificateError, GoldenRowsError, SlipwayError
from slipway.files.documents import parse_json

_AGAIN = "Train the model again, or fetch the bundle again."


# Every bundle was sealed with twice as many.
FEWEST_GOLDEN = 8


class SealedBundle(NamedTuple):
    """The verified files of a bundle, whose code has not run yet."""

    path: Path
    digest: str
    manifest: Manifest
    files: dict[str, bytes]


def load_bundle(path: Path, expected: str | None = None) -> Bundle:
    """Verify the bundle in the folder `path`, then load it.

    Checks in this order: the digest is `expected` (if given); every file has its hash in the manifest, and none is
    missing, added or a link; the certificate passed; the model has no external data; the golden rows score as they did
    when the bundle was sealed. Each file is read once, so the bytes that are used are those that were verified. Raises
    `BundleError`.
    """
    return start_bundle(read_sealed(path, expected))


def read_sealed(path: Path, expected: str | None = None) -> SealedBundle:
    """Verify everything that can be verified without running code of the bundle: the first half of `load_bundle`."""
    if not path.is_dir():
        raise BundleError(f"No bundle at {path}: the folder does not exist. Run `make repro` to train one.")
    content = _read(path, MANIFEST)
    found = manifest_digest(content)
    if expected is not None and found != expected:
        raise BundleError(f"{path}: expected the bundle {expected}, found {found}. {_AGAIN}")
    manifest = decode_manifest(content, path / MANIFEST)
    files = _read_files(path, manifest)
    _check_certificate(path / "certificate.json", files["certificate.json"])
    refuse_external_data(files["model.onnx"])
    return SealedBundle(path, found, manifest, files)


def start_bundle(sealed: SealedBundle) -> Bundle:
    """Start the runtime and score the golden rows: the second half of `load_bundle`.

    Call it after a fork: a session of ONNX Runtime does not survive one.
    """
    try:
        bundle = Bundle(*sealed)
    except SlipwayError:
        raise
    except Exception as error:  # ONNX Runtime has no common type for what it refuses
        raise BundleError(f"Cannot open {sealed.path}: {type(error).__name__}: {error}. {_AGAIN}") from error
    _check_golden(bundle)
    return bundle


def _read_files(path: Path, manifest: Manifest) -> dict[str, bytes]:
    wanted = set(manifest.files) | {MANIFEST}
    present = {entry.relative_to(path).as_posix() for entry in path.rglob("*")}
    for name in sorted(present - wanted):
        raise BundleError(f"{path / name} is not named in the manifest. {_AGAIN}")
    always = {CONTRACT, "model.onnx", "golden.jsonl", "certificate.json", "profile.json"}
    always |= {FEATURES} if manifest.features else set()
    if set(manifest.files) != always:
        raise BundleError(
            f"{path / MANIFEST}: expected the files {sorted(always)}, found {sorted(manifest.files)}. {_AGAIN}"
        )
    contents = {}
    for name, wanted_hash in sorted(manifest.files.items()):
        contents[name] = _read(path, name)
        if (found := hashlib.sha256(contents[name]).hexdigest()) != wanted_hash:
            raise BundleError(f"{path / name} was changed: expected the sha256 {wanted_hash}, found {found}. {_AGAIN}")
    return contents


def _read(path: Path, name: str) -> bytes:
    file = path / name
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        raise BundleError(f"{file} is missing. {_AGAIN}") from None
    if stat.S_ISLNK(mode):
        raise BundleError(
            f"{file}: expected a regular file, found a link, as DVC makes with cache.type symlink. Run `dvc config "
            "cache.type reflink,copy && dvc checkout --relink`, then this again."
        )
    if not stat.S_ISREG(mode):
        raise BundleError(f"{file}: expected a regular file, found another kind. {_AGAIN}")
    return file.read_bytes()


def _check_certificate(file: Path, content: bytes) -> None:
    certificate = parse_json(content, Certificate, str(file), CertificateError, _AGAIN)
    if not certificate.passed:
        raise CertificateError(f"{file} did not pass: {certificate}. Train the model again.")


def _check_golden(bundle: Bundle) -> None:
    file = bundle.path / "golden.jsonl"
    try:
        columns, expected = bundle.golden()
        scores = bundle.score(columns)
        off = score_difference(scores, expected, bundle.manifest.scale)
    except Exception as error:  # the rows, the features and the runtime each have errors of their own
        raise GoldenRowsError(f"Cannot score {file}: {type(error).__name__}: {error}. {_AGAIN}") from error
    if len(expected) < FEWEST_GOLDEN or len({*bundle.golden_lines()}) < 2:
        raise GoldenRowsError(
            f"{file}: expected at least {FEWEST_GOLDEN} rows, not all the same, found {len(expected)}. {_AGAIN}"
        )
    if off.max() > TOLERANCE:
        row = int(off.argmax())
        raise GoldenRowsError(
            f"{file}, line {row + 1}: expected the score {expected[row]} within {TOLERANCE}, found {scores[row]}: the "
            "model scores differently on this machine. Train it again on this kind of machine."
        )


def score_difference(
    scores: NDArray[np.float64], expected: NDArray[np.float64], scale: float = 1.0
) -> NDArray[np.float64]:
    """Compute the difference per row, relative to `scale` or to a larger score; the largest over classes.

    Infinite for NaN.
    """
    off = np.abs(scores - expected) / np.maximum(scale, np.abs(expected))
    off = np.where(np.isnan(off), np.inf, off)
    return off.max(axis=1) if off.ndim == 2 else off
