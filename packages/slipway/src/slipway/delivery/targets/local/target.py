"""The target `local`: an environment is a supervised `slipway serve` on this machine.

    .slipway/environments/<name>/
      releases/<digest>/   the bundles that ran here
      current              a link to the one that runs; it moves by a rename
      switching            there from before the link moves until the service was tested
      output.log  log/     what the service said, and the prediction log

A new release is started aside and tested there. Then the link moves, and SIGHUP lets the service's workers be replaced
one by one on the same socket, so that no request is lost.
"""

import os
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import psutil

from slipway.bundle import load_bundle
from slipway.delivery.preconditions import check_files, check_port, read_key
from slipway.delivery.smoke import Smoke, is_ready, smoke, version, wait_for
from slipway.delivery.targets.base import Kept
from slipway.delivery.targets.local import process
from slipway.errors import BundleError, DeliveryError
from slipway.files import new_folder, write_bytes
from slipway.settings import EnvironmentSettings

_START_SECONDS = 30.0
# Each worker answers some of the connections: so many answers in a row by the new bundle mean that all are new.
_IN_A_ROW = 20


class LocalTarget:
    """One environment on this machine."""

    kind = "local"
    rehearsal = False
    by_image = False

    def __init__(self, root: Path, name: str, settings: EnvironmentSettings) -> None:
        self.name = name
        self.folder = (root / ".slipway" / "environments" / name).resolve()
        self.url = f"http://127.0.0.1:{settings.port}"
        self._root = root
        self._settings = settings
        self._mark = str(self.folder)
        self._aside = str(self.folder / "aside")
        self._current = self.folder / "current"
        self._switching = self.folder / "switching"
        self._output = self.folder / "output.log"

    def is_here(self) -> bool:
        """Whether releases of it lie here."""
        return self._current.is_symlink()

    def runs(self) -> bool:
        """Whether its process is there."""
        return process.find(self._mark) is not None

    def check(self) -> None:
        """Raise `DeliveryError` for what is missing, or in the way, before anything starts."""
        check_files(self._root, self.name, self._settings)
        running, port = process.find(self._mark), self._settings.port
        if running is None or process.environment(running).get("SLIPWAY_PORT") != str(port):
            check_port(self.name, port)

    def keep(self, folder: Path, image: str | None) -> Kept:
        """Copy a bundle to the releases, verified; one that is there already is verified and kept."""
        digest = load_bundle(folder).digest
        place = self.folder / "releases" / digest
        if not _is_whole(place, digest):
            with new_folder(place) as temporary:
                shutil.copytree(folder, temporary, dirs_exist_ok=True)
        return Kept(load_bundle(place, digest), image)

    def check_new(self) -> None:
        """Nothing more is needed."""

    def note(self) -> str | None:
        """Nothing is to be noted."""
        return None

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - as every target has it
        """Nothing more: its processes are this clone's, and one command of a clone is at work at a time."""
        return nullcontext()

    def clear(self) -> None:
        """End what a killed command left running aside."""
        process.stop(self._aside)
        shutil.rmtree(self.folder / "aside-log", ignore_errors=True)

    def rehearse(self, kept: Kept) -> None:
        """Start the bundle aside, test it, end it; the environment itself is not touched."""
        bundle = kept.bundle
        output = self.folder / "aside.log"
        output.unlink(missing_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        variables = self._variables(bundle.path, port, self.folder / "aside-log")
        try:
            self._start(variables, output, self._aside, url)
            smoke(url, bundle, self._key())
        finally:
            self.clear()

    def apply(self, kept: Kept) -> Smoke:
        """Let the environment serve a kept bundle, and test it; a service that runs is switched without a pause."""
        bundle = kept.bundle
        write_bytes(self._switching, bundle.digest.encode())
        self._point(bundle.path)
        running = self._usable()
        if running:
            self._switch(running, bundle.digest)
        else:
            self._start(self._wanted(), self._output, self._mark, self.url)
        found = self.test(kept)
        self._switching.unlink()
        return found

    def test(self, kept: Kept) -> Smoke:
        """The smoke test of what serves."""
        return smoke(self.url, kept.bundle, self._key())

    def observe(self) -> str | None:
        """The digest that answers, None where nothing of ours does."""
        found = version(self.url, self._key()) if process.find(self._mark) else None
        return found.model.digest if found else None

    def differs(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - no image runs
        """What is not as it is where `digest` serves (None: where nothing does); None if all is."""
        if self._switching.exists():
            return "a switch was not finished"
        running, answers = process.find(self._mark), self.observe()
        if running and digest and not self._is_as_set(running):
            # Asked first: on another port it answers, and nobody hears it.
            return "runs with other settings than pyproject.toml's"
        if answers != digest:
            return f"runs {(answers or 'nothing')[:12]}, the ledger says {(digest or 'nothing')[:12]}"
        if running is None or digest is None:
            return "a service runs that does not answer" if running else None
        points_to = self._current.resolve().name
        return None if points_to == digest else f"the link current points to {points_to[:12]}"

    def remove(self) -> bool:
        """End the service; False if none ran. Releases and prediction log stay."""
        ran = process.stop(self._mark)
        self._switching.unlink(missing_ok=True)
        return ran

    def _key(self) -> str | None:
        return read_key(self._root, self._settings)

    def _point(self, release: Path) -> None:
        fresh = self._current.with_name("current.part")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(release, self.folder))
        fresh.replace(self._current)

    def _usable(self) -> psutil.Process | None:
        """The service that runs, once it is ready; one with other settings, or that does not become ready, is ended."""
        running = process.find(self._mark)
        if running is None:
            return None
        if self._is_as_set(running) and self._becomes_ready(self.url, running):
            return running
        process.stop(self._mark)
        return None

    def _switch(self, running: psutil.Process, digest: str) -> None:
        """Hang up, whatever answers now: a command that was killed may have begun another switch."""
        began = datetime.now(UTC)

        def is_new() -> bool:
            found = version(self.url, self._key())
            return found is not None and found.model.digest == digest and found.since >= began

        process.hang_up(running)
        if not wait_for(
            lambda: all(is_new() for _ in range(_IN_A_ROW)), _START_SECONDS, lambda: process.is_alive(running)
        ):
            raise DeliveryError(
                f"The service of {self.name} did not switch to {digest[:12]}. Its last words: "
                f"{process.last_words(self._output)}"
            )

    def _is_as_set(self, running: psutil.Process) -> bool:
        wanted, found = self._wanted(), process.environment(running)
        return wanted == {name: value for name, value in found.items() if name in wanted or name.startswith("SLIPWAY_")}

    def _wanted(self) -> dict[str, str]:
        return self._variables(self._current, self._settings.port, self.folder / "log")

    def _variables(self, bundle: Path, port: int, log: Path) -> dict[str, str]:
        return self._settings.variables | {
            "SLIPWAY_BUNDLE": str(bundle),
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_WORKERS": str(self._settings.workers),
            "SLIPWAY_LOG": str(log),
        }

    def _start(self, variables: dict[str, str], output: Path, mark: str, url: str) -> None:
        program = str(Path(sys.executable).with_name("slipway"))
        started = process.start([program, "serve"], variables, output, mark, self._root)
        if not self._becomes_ready(url, started):
            words = process.last_words(output)
            process.stop(mark)
            raise DeliveryError(f"The service of {self.name} did not become ready. Its last words: {words or 'none'}")

    def _becomes_ready(self, url: str, running: psutil.Process) -> bool:
        return wait_for(lambda: is_ready(url), _START_SECONDS, lambda: process.is_alive(running))


def _is_whole(place: Path, digest: str) -> bool:
    try:
        load_bundle(place, digest)
    except BundleError:
        return False
    return True
