"""Turn the signals that end a command into an exception, so that the command can clean up."""

import signal
import sys
from types import FrameType


def exit_on_signals() -> None:
    """Raise `SystemExit` on the first SIGTERM or SIGHUP, with the exit code of a shell; ignore those after it."""

    def end(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP, and so does this then.
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, end)
