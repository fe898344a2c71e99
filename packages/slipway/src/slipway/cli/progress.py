"""A progress bar on standard error for work whose length is known when it begins."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slipway.cli.output import progress_printer

if TYPE_CHECKING:
    from slipway.monitoring.intake.log import Progress


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """Yield callables that move a bar; nothing is drawn where standard error is no terminal."""
    from rich import progress
    from rich.console import Console

    from slipway.monitoring.intake.log import Progress

    console = Console(stderr=True)
    with progress.Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield Progress(
            start=lambda what, total: bar.reset(task, description=what, total=max(total, 1)),
            advance=lambda amount: bar.advance(task, amount),
        )


@contextmanager
def step_printer(what: str, steps: int, as_json: bool) -> Iterator[Callable[[str], None]]:
    """Yield what says that one of `steps` ended: a bar with the time left on a terminal, else a line for each."""
    if not sys.stderr.isatty():
        yield progress_printer(as_json)
        return
    with progress_bar() as bar:
        bar.start(what, steps)
        yield lambda _: bar.advance(1)
