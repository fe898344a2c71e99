"""A progress bar on standard error for work whose length is known when it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.monitoring.intake.log import Progress


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """Yield callables that move a bar; nothing is drawn where standard error is no terminal."""
    from rich import progress
    from rich.console import Console

    from slipway.monitoring.intake.log import Progress

    with progress.Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield Progress(
            start=lambda what, total: bar.reset(task, description=what, total=max(total, 1)),
            advance=lambda amount: bar.advance(task, amount),
        )
