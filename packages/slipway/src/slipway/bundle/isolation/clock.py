"""Let Python's clocks tell another time, so that features which read one give other scores."""

import ctypes
import datetime
import gc
import os
import time
from typing import Any


def shift_clock(seconds: float) -> None:
    """Move the clocks of the modules `time` and `datetime` in this process, and its time zone to that of Tokyo."""
    real, local, utc, text = time.time, time.localtime, time.gmtime, time.strftime
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()

    def now() -> float:
        return real() + seconds

    found: dict[str, Any] = {
        "time": now,
        "time_ns": lambda: int(now() * 1e9),
        "localtime": lambda given=None: local(now() if given is None else given),
        "gmtime": lambda given=None: utc(now() if given is None else given),
        "ctime": lambda given=None: time.asctime(local(now() if given is None else given)),
        "strftime": lambda form, given=None: text(form, local(now()) if given is None else given),
    }
    for name, function in found.items():
        setattr(time, name, function)
    moment = datetime.datetime
    _replace(moment, "now", lambda kind, tz=None: kind.fromtimestamp(now(), tz))
    _replace(moment, "utcnow", lambda kind: kind.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None))
    _replace(moment, "today", lambda kind: kind.fromtimestamp(now()))
    _replace(datetime.date, "today", lambda kind: kind.fromtimestamp(now()))


def _replace(kind: type, name: str, function: Any) -> None:
    """Replace a method of a type that is written in C, whose attributes cannot be set."""
    # The dictionary behind the read-only view of the type's attributes.
    (attributes,) = (each for each in gc.get_referents(kind.__dict__) if isinstance(each, dict))
    attributes[name] = classmethod(function)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
