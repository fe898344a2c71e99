"""Wait for what happens by itself."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(happened: Callable[[], Any], seconds: float = 120, look: float = 0.05) -> Any:
    """What `happened` returns as soon as that is true, asked every `look` seconds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(look)
    return found
