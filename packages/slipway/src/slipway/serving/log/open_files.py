"""Open the files of a log to copy them: regular files alone, which may be written or deleted meanwhile.

A container of an image of any version runs the source of this module, which needs the standard library alone.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def open_log_files(top: str, left_out: list[str]) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each regular file below `top`, open, with its path there; list in `left_out` what cannot be read, and why.

    Opening does not wait for the writer of a pipe.
    """
    for folder, _, names in os.walk(top, onerror=lambda error: left_out.append(f"{error.filename} ({error.strerror})")):
        for name in sorted(names):
            path = Path(folder, name)
            try:
                number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                deleted = isinstance(error, FileNotFoundError)
                left_out.append(f"{path} ({'deleted meanwhile' if deleted else error.strerror})")
                continue
            with os.fdopen(number, "rb") as file:
                if stat.S_ISREG(os.fstat(number).st_mode):
                    yield os.path.relpath(path, top), file
                else:
                    left_out.append(f"{path} (not a regular file)")


def describe_left_out(left_out: list[str]) -> str:
    """Count and name what was not copied."""
    return f"{len(left_out)} file(s) of the log were left out: {', '.join(left_out[:5])}{', ...' * (len(left_out) > 5)}"
