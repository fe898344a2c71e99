"""Wait for what happens by itself."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(happened: Callable[[], Any], seconds: float = 20, look: float = 0.02) -> Any:
    """What `happened` returns as soon as that is true, asked every `look` seconds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(look)
    return found


def wait_for_engine(happened: Callable[[], Any], seconds: float = 120) -> Any:
    """The same for what an engine does: that takes longer, and asking it costs more."""
    return wait_until(happened, seconds, look=0.2)
