"""The target `local`: an environment is a supervised `slipway serve` on this machine.

    .slipway/environments/<name>/
      releases/<digest>/   the bundles that ran here
      current              a link to the one that runs; it moves by a rename
      service.json         the process: pid, when it began, port
      output.log  log/     what it said, and the prediction log

A new release is started aside and tested there. Then the link moves, and SIGHUP lets the service's workers be replaced
one by one on the same socket, so that no request is lost.
"""

import os
import shutil
import socket
import sys
from pathlib import Path

from slipway.bundle import Bundle, load
from slipway.delivery import process
from slipway.delivery.smoke import Smoke, is_ready, serves, smoke, wait_for
from slipway.errors import DeliveryError
from slipway.files import new_folder
from slipway.settings import EnvironmentSettings

_START_SECONDS = 30.0
# Each worker answers some of the connections: so many answers in a row by the new bundle mean that all are new.
_IN_A_ROW = 20


class LocalTarget:
    """One environment on this machine."""

    def __init__(self, root: Path, name: str, settings: EnvironmentSettings) -> None:
        self.name = name
        self.folder = (root / ".slipway" / "environments" / name).resolve()
        self.url = f"http://127.0.0.1:{settings.port}"
        self._settings = settings
        self._record = self.folder / "service.json"
        self._current = self.folder / "current"
        self._output = self.folder / "output.log"

    def check(self) -> None:
        """Raise `DeliveryError` for what is missing before anything starts."""
        for name, value in self._settings.variables.items():
            if name.endswith("_FILE") and not Path(value).is_file():
                raise DeliveryError(
                    f"The environment {self.name} needs the file {value} ({name}), which is missing. Put it there, or "
                    f"change [tool.slipway.environments.{self.name}] in pyproject.toml."
                )

    def keep(self, bundle: Path) -> Bundle:
        """Copy a bundle to the releases, verified; one that is there already is verified and kept."""
        digest = load(bundle).digest
        place = self.folder / "releases" / digest
        if not place.is_dir():
            with new_folder(place) as temporary:
                shutil.copytree(bundle, temporary, dirs_exist_ok=True)
        return load(place, digest)

    def rehearse(self, bundle: Bundle) -> Smoke:
        """Start the bundle aside, test it, end it; the environment itself is not touched."""
        record, output = self.folder / "aside.json", self.folder / "aside.log"
        process.stop(record)
        output.unlink(missing_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        self._start(bundle.path, port, record, output, self.folder / "aside-log")
        try:
            self._wait(url, record, output)
            return smoke(url, bundle)
        finally:
            process.stop(record)
            shutil.rmtree(self.folder / "aside-log", ignore_errors=True)

    def apply(self, bundle: Bundle) -> Smoke:
        """Let the environment serve a kept bundle, and test it; a service that runs is switched without a pause."""
        self._point(bundle.path)
        running = process.find(self._record)
        if running is None:
            self._start_service()
        elif serves(self.url) != bundle.digest:
            process.hang_up(running)
            self._wait_for_digest(bundle.digest)
        return smoke(self.url, bundle)

    def observe(self) -> str | None:
        """The digest that answers, None where nothing of ours does."""
        return serves(self.url) if process.find(self._record) else None

    def remove(self) -> bool:
        """End the service; False if none ran. Releases and prediction log stay."""
        return process.stop(self._record)

    def _point(self, release: Path) -> None:
        fresh = self._current.with_name("current.part")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(release, self.folder))
        fresh.replace(self._current)

    def _start_service(self) -> None:
        port = self._settings.port
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise DeliveryError(
                f"Port {port}, which the environment {self.name} is to listen on, is taken by another program: "
                f"{error.strerror}. End that one, or choose another port in [tool.slipway.environments.{self.name}] of "
                "pyproject.toml."
            ) from error
        self._start(self._current, port, self._record, self._output, self.folder / "log")
        self._wait(self.url, self._record, self._output)

    def _start(self, bundle: Path, port: int, record: Path, output: Path, log: Path) -> None:
        variables = self._settings.variables | {
            "SLIPWAY_BUNDLE": str(bundle),
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_WORKERS": str(self._settings.workers),
            "SLIPWAY_LOG": str(log),
        }
        program = str(Path(sys.executable).with_name("slipway"))
        process.start([program, "serve"], variables, output, record, port)

    def _wait(self, url: str, record: Path, output: Path) -> None:
        if not wait_for(lambda: is_ready(url), _START_SECONDS, lambda: process.find(record) is not None):
            words = process.last_words(output)
            process.stop(record)
            raise DeliveryError(f"The service of {self.name} did not become ready. Its last words: {words or 'none'}")

    def _wait_for_digest(self, digest: str) -> None:
        def all_new() -> bool:
            return all(serves(self.url) == digest for _ in range(_IN_A_ROW))

        if not wait_for(all_new, _START_SECONDS, lambda: process.find(self._record) is not None):
            raise DeliveryError(
                f"The service of {self.name} did not switch to {digest[:12]}. Its last words: "
                f"{process.last_words(self._output)}"
            )
