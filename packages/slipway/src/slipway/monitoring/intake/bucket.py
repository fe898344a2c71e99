"""Segments of a log in a bucket with the S3 protocol: listed by version and read in ranges, never stored here."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, cast

from slipway.errors import DataError, SettingsError, first_line
from slipway.serving.log.segments import SUFFIX

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
# An object that was deleted or replaced after it was listed; the next run sees what there is then.
_GONE = ("NoSuchKey", "404", "PreconditionFailed", "412")


class BucketSegment(NamedTuple):
    """A segment as it was listed; `version` is the ETag of its content."""

    client: Any
    address: str
    bucket: str
    key: str
    size: int
    version: str

    @property
    def name(self) -> str:
        """The name of the segment, without the folders of the replicas."""
        return self.key.rpartition("/")[2]

    def open(self) -> BinaryIO:
        """Open it; reading raises `FileNotFoundError` once it is gone, or another version is in its place."""
        return cast("BinaryIO", _Reader(self))


def list_bucket(address: str) -> list[BucketSegment]:
    """List the segments below an address s3://BUCKET/PREFIX; raises `DataError` and `SettingsError`."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise SettingsError(f"Expected a log in a bucket as s3://BUCKET/PREFIX, found {address!r}.")
    bucket, folder = found["bucket"], (found["prefix"] or "").strip("/")
    boto3 = _import_boto3()
    with _explained(address):
        client = boto3.Session().client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/" if folder else "")
        segments = [
            BucketSegment(client, address, bucket, each["Key"], each["Size"], each["ETag"])
            for page in pages
            for each in page.get("Contents", ())
            if each["Key"].endswith(SUFFIX)
        ]
    if not segments:
        raise DataError(f"No segment of a log below {address}: expected objects with names in {SUFFIX}.")
    return segments


def _import_boto3() -> Any:
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"A log in a bucket needs slipway[aws]: {error}. Install it: `uv sync --inexact --group bucket`."
        ) from error
    return boto3


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Raise the errors of boto3 as `DataError`, that of an object that is gone as `FileNotFoundError`."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    failed = f"Cannot read the log in {address}"
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _GONE:
            raise FileNotFoundError(address) from error
        raise DataError(f"{failed}: {first_line(error)}") from error
    except NoCredentialsError as error:
        raise DataError(
            f"{failed}: {first_line(error)} Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give "
            "the machine a role. AWS_ENDPOINT_URL names a service other than AWS."
        ) from error
    except (BotoCoreError, ValueError) as error:
        # A malformed AWS_ENDPOINT_URL is a ValueError.
        raise DataError(f"{failed}: {first_line(error)}") from error


class _Reader(io.RawIOBase):
    """Read an object from any position on; each read is a request for just these bytes."""

    def __init__(self, segment: BucketSegment) -> None:
        self._segment = segment
        self._position = 0

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:  # noqa: ARG002 - from the start alone
        """Continue at a position from the start."""
        self._position = position
        return position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, b"" at the end."""
        segment = self._segment
        end = segment.size if size < 0 else min(segment.size, self._position + size)
        if self._position >= end:
            return b""
        asked = f"bytes={self._position}-{end - 1}"
        with _explained(segment.address):
            answer = segment.client.get_object(
                Bucket=segment.bucket, Key=segment.key, IfMatch=segment.version, Range=asked
            )
            content: bytes = answer["Body"].read()
        self._position += len(content)
        return content
