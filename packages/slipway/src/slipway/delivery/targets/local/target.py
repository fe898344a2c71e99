"""The target `local`: an environment is a supervised `slipway serve` on this machine.

    .slipway/environments/<name>/
      releases/<digest>/   the bundles that ran here
      current              a link to the one that runs; it moves by a rename
      switching            exists from before the link moves until the service was tested
      shadow               a link to the bundle that shadows it, or to an empty folder
      output.log  log/     the service's output, and the prediction log

A new release is rehearsed on a free port. Then the link moves, and SIGHUP lets the service replace its workers one by
one on the same socket, so that no request is lost.
"""

import shutil
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.delivery.smoke_test import Smoke, Version, is_ready, read_version, run_smoke_test, wait_until
from slipway.delivery.targets.base import Port, PreparedRelease, Target, TargetSettings, describe_difference
from slipway.delivery.targets.local import process
from slipway.errors import BundleError, DeliveryError
from slipway.files.writing import new_folder, point_link, write_bytes
from slipway.serving.log.copying import copy_log_folder
from slipway.settings import LOG_FOLDER, environment_folder

_START_SECONDS = 30.0
# Each worker takes some of the connections: so many responses in a row from the new bundle mean that all are new.
_IN_A_ROW = 20


class LocalSettings(TargetSettings, frozen=True, kw_only=True):
    """Options of the target `local`: the `port` of this machine's loopback."""

    port: Port


class LocalTarget(Target):
    """One environment on this machine."""

    settings_type = LocalSettings
    settings: LocalSettings
    by_image = False
    shadows = True

    def __init__(self, root: Path, name: str, settings: LocalSettings) -> None:
        super().__init__(root, name, settings)
        self.folder = environment_folder(root, name).resolve()
        self._mark = str(self.folder)
        self._rehearsal = str(self.folder / "rehearsal")
        self._current = self.folder / "current"
        self._switching = self.folder / "switching"
        self._output = self.folder / "output.log"

    @property
    def url(self) -> str:
        """The address of the service."""
        return f"http://127.0.0.1:{self.settings.port}"

    def is_managed_here(self) -> bool:
        """Return whether this folder holds releases of the environment."""
        return self._current.is_symlink()

    def is_running(self) -> bool:
        """Return whether the process of the environment runs."""
        return process.find_process(self._mark) is not None

    def log_folders(self) -> tuple[Path, ...]:
        """Return the folder of the service's log."""
        return (self.folder / LOG_FOLDER,)

    def copy_log(self, folder: Path) -> str | None:
        """Copy the log, which may be written to meanwhile; return why there is none."""
        (log,) = self.log_folders()
        if not log.is_dir():
            return f"{self.name} keeps its prediction log on the machine where it runs, and {log} does not exist here"
        copy_log_folder(log, folder)
        return None

    def preflight(self) -> None:
        """Raise `DeliveryError` for a missing file, or a port that another program has."""
        super().preflight()
        running, port = process.find_process(self._mark), self.settings.port
        if running is None or process.read_environment(running).get("SLIPWAY_PORT") != str(port):
            self.check_port(port)

    def prepare(self, bundle: SealedBundle, image: str | None) -> PreparedRelease:
        """Copy the bundle to the releases and verify it; one that is there already is only verified."""
        kept = self.folder / "releases" / bundle.digest
        with suppress(BundleError):
            return PreparedRelease(read_sealed(kept, bundle.digest), image)
        with new_folder(kept) as temporary:
            shutil.copytree(bundle.path, temporary, dirs_exist_ok=True)
        return PreparedRelease(read_sealed(kept, bundle.digest), image)

    def clean_up(self) -> None:
        """Stop the rehearsal of a killed command."""
        process.stop_process(self._rehearsal)
        shutil.rmtree(self.folder / "rehearsal-log", ignore_errors=True)

    def rehearse(self, prepared: PreparedRelease) -> None:
        """Start the bundle on a free port, test it and stop it; the environment is not touched."""
        output = self.folder / "rehearsal.log"
        output.unlink(missing_ok=True)
        for last in (False, False, True):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            variables = self._variables(prepared.bundle.path, port, self.folder / "rehearsal-log")
            try:
                url = self._start(variables, output, self._rehearsal)
                run_smoke_test(url, prepared.bundle, self.key)
            except DeliveryError:
                self.clean_up()
                # Another program took the port before the service did: the bundle has not failed.
                if last or not _is_taken(port):
                    raise
            else:
                return
            finally:
                self.clean_up()

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Serve the bundle and test it; a running service is switched without downtime."""
        write_bytes(self._switching, prepared.bundle.digest.encode())
        point_link(self._current, prepared.bundle.path)
        self.shadow.settle(prepared.bundle)
        if running := self._usable():
            self._switch(running, prepared.bundle.digest)
        else:
            self._start(self._wanted(), self._output, self._mark)
        found = self.smoke_test(prepared)
        self._switching.unlink()
        return found

    def observe(self) -> str | None:
        """Return the digest of the bundle that the process serves, None if it does not run or does not respond."""
        found = self._ask()
        return found.model.digest if found else None

    def observe_shadow(self) -> str | None:
        """Return the digest of the bundle that shadows the service, None if none does."""
        found = self._ask()
        return found.shadow.digest if found and found.shadow else None

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - no image runs
        """Return how the environment differs from one that serves `digest`; None if it does not."""
        if self._switching.exists():
            return "a switch was not finished"
        running, answers = process.find_process(self._mark), self.observe()
        if running and digest and not self._is_as_set(running):
            # Settings first: a service on another port responds, but not where it is asked.
            return "runs with other settings than pyproject.toml's"
        if answers != digest:
            return describe_difference(answers, digest)
        if running is None or digest is None:
            return "a service runs and does not respond" if running else None
        points_to = self._current.resolve().name
        return None if points_to == digest else f"the link current points to {points_to[:12]}"

    def remove(self) -> bool:
        """Stop the service; return False if none was running. Releases and the prediction log stay."""
        ran = process.stop_process(self._mark)
        self._switching.unlink(missing_ok=True)
        return ran

    def _ask(self) -> Version | None:
        return read_version(self.url, self.key) if process.find_process(self._mark) else None

    def _usable(self) -> psutil.Process | None:
        """Return the running service once it is ready; stop one with other settings or that does not become ready."""
        running = process.find_process(self._mark)
        if running and self._is_as_set(running) and _becomes_ready(self.url, running):
            return running
        process.stop_process(self._mark)
        return None

    def _switch(self, running: psutil.Process, digest: str) -> None:
        """Send SIGHUP whatever serves now: a killed command may have begun another switch."""
        began = datetime.now(UTC)

        def is_new() -> bool:
            found = read_version(self.url, self.key)
            return found is not None and found.model.digest == digest and found.since >= began

        def are_all_new() -> bool:
            return all(is_new() for _ in range(_IN_A_ROW))

        process.hang_up_process(running)
        if not wait_until(are_all_new, _START_SECONDS, lambda: process.is_alive(running)):
            end = process.read_end(self._output)
            raise DeliveryError(f"The service of {self.name} did not switch to {digest[:12]}. End of its output: {end}")

    def _is_as_set(self, running: psutil.Process) -> bool:
        wanted, found = self._wanted() | {process.MARK: self._mark}, process.read_environment(running)
        return wanted == {name: value for name, value in found.items() if name in wanted or name.startswith("SLIPWAY_")}

    def _wanted(self) -> dict[str, str]:
        service = self._variables(self._current, self.settings.port, self.folder / LOG_FOLDER)
        # Always set, so that SIGHUP brings a shadow and takes it away.
        return service | {"SLIPWAY_SHADOW": str(self.shadow.path)}

    def _variables(self, bundle: Path, port: int, log: Path) -> dict[str, str]:
        return self.settings.variables | {
            "SLIPWAY_BUNDLE": str(bundle),
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_WORKERS": str(self.settings.workers),
            "SLIPWAY_LOG": str(log),
        }

    def _start(self, variables: dict[str, str], output: Path, mark: str) -> str:
        """Start a service and return its address once it is ready."""
        program, url = str(Path(sys.executable).with_name("slipway")), f"http://127.0.0.1:{variables['SLIPWAY_PORT']}"
        started = process.start_process([program, "serve"], variables, output, mark, self.root)
        if not _becomes_ready(url, started):
            end = process.read_end(output)
            process.stop_process(mark)
            raise DeliveryError(f"The service of {self.name} did not become ready. End of its output: {end}")
        return url


def _is_taken(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def _becomes_ready(url: str, running: psutil.Process) -> bool:
    return wait_until(lambda: is_ready(url), _START_SECONDS, lambda: process.is_alive(running))
