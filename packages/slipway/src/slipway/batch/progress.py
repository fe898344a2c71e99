"""Show the progress of a long run: a bar on a terminal, a line every few seconds in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS = 5.0

Report = Callable[[int], None]


@contextmanager
def show_progress(rows: int, console: Console, seconds: float = SECONDS) -> Iterator[Report]:
    """Yield a function to call with the rows done so far, of about `rows`.

    Without a terminal it prints a line when `seconds` have passed since the last one, so none for a short run.
    """
    if not console.is_terminal:
        yield _lines(rows, console, seconds)
        return
    count = TextColumn("{task.completed:,.0f} of {task.total:,.0f} rows,")
    columns = (BarColumn(), count, _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=rows)
        # The number of rows may be an estimate; the bar grows if it is passed.
        yield lambda done: bar.update(task, completed=done, total=max(done, rows))


def _lines(rows: int, console: Console, seconds: float) -> Report:
    started = last = time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            share = min(1.0, done / max(1, rows))
            console.print(f"{done:,} rows, {share:.0%}, {done / (now - started):,.0f} rows/s", highlight=False)

    return report


class _Speed(ProgressColumn):
    """The rows per second of the last half minute."""

    def render(self, task: Task) -> Text:
        """Render the speed as soon as it is known."""
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")
