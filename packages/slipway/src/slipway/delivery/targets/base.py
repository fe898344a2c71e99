"""The base class of every target: where an environment runs, and the options that every environment has."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

import msgspec
from msgspec import Meta

from slipway.bundle.verify import SealedBundle
from slipway.delivery.smoke_test import Smoke, run_smoke_test
from slipway.delivery.targets.shadow_link import ShadowLink
from slipway.errors import DeliveryError
from slipway.serving.log.report import write_report_files
from slipway.settings import environment_folder

Port = Annotated[int, Meta(ge=1, le=65535, description="port on which the service listens", examples=[8080])]
DEFAULT_TARGET = "local"


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of every target in `[tool.slipway.environments.<name>]`; a target with more of them adds a subclass.

    `target` names the target, `workers` is the number of processes that serve. `variables` are the service's own
    (SLIPWAY_...); one that ends in _FILE names a file, which must exist. `key_file` holds the key with which a service
    that asks for keys is tested.
    """

    target: Annotated[str, Meta(description="name of the target")] = DEFAULT_TARGET
    workers: Annotated[int, Meta(ge=1, le=256, description="processes that serve")] = 1
    variables: Annotated[dict[str, str], Meta(description="settings of the service (docs/service.md)")] = {}
    key_file: Annotated[str | None, Meta(description="file with the key of the smoke test")] = None


class PreparedRelease(NamedTuple):
    """A release that a target can start: its verified bundle, and the image that holds it, if there is one."""

    bundle: SealedBundle
    image: str | None


class Target(ABC):
    """One environment of a target. Four methods are abstract: `url`, `apply`, `observe` and `remove`.

    A deployment calls `lock`, `clean_up`, `preflight`, `preflight_new_release`, `prepare`, `rehearse` and `apply`, in
    this order. Every method raises `DeliveryError`. A subclass with options of its own names their struct in
    `settings_type`. `by_image`: images run, so the same model with other code is another release. `rehearsal`: nothing
    stays running after `apply`. `shadows`: `apply` starts the bundle that `shadow` names beside the release. `extra` is
    the extra of Slipway that the target needs, with a module that it brings. `starter` is a folder of files that
    `slipway target add` copies into `deploy/<kind>/`.
    """

    settings_type: ClassVar[type[TargetSettings]] = TargetSettings
    by_image: ClassVar[bool] = True
    rehearsal: ClassVar[bool] = False
    shadows: ClassVar[bool] = False
    extra: ClassVar[tuple[str, str] | None] = None
    starter: ClassVar[Path | None] = None

    settings: TargetSettings

    def __init__(self, root: Path, name: str, settings: TargetSettings) -> None:
        """Make the target of the environment `name` of the project at `root`."""
        self.root = root
        self.name = name
        self.settings = settings
        self.shadow = ShadowLink(environment_folder(root, name).resolve())
        self.table = f"[tool.slipway.environments.{name}] of pyproject.toml"

    @property
    @abstractmethod
    def url(self) -> str:
        """The address of the service."""

    @abstractmethod
    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Serve a prepared release in the environment, test it, and return the result of the smoke test."""

    @abstractmethod
    def observe(self) -> str | None:
        """Return the digest of the bundle that the environment serves, None if no service of ours responds."""

    @abstractmethod
    def remove(self) -> bool:
        """Stop the service; return False if none was running."""

    @property
    def kind(self) -> str:
        """The name of the target in pyproject.toml and in the ledger."""
        return self.settings.target

    @property
    def key(self) -> str | None:
        """The key with which the service is tested, None if `key_file` is not set."""
        if self.settings.key_file is None:
            return None
        try:
            return (self.root / self.settings.key_file).read_text().strip()
        except OSError as error:
            raise DeliveryError(
                f"The key of the service cannot be read: {error}. Put the file there, or change key_file."
            ) from error

    def is_managed_here(self) -> bool:
        """Return False if the environment runs, and runs somewhere that this folder does not reach."""
        return True

    def is_running(self) -> bool:
        """Return whether a service of the environment runs, whatever it serves."""
        return self.observe() is not None

    def preflight(self) -> None:
        """Raise `DeliveryError` for anything that is missing, or in the way, before anything starts."""
        self.check_files()

    def preflight_new_release(self) -> None:  # noqa: B027 - optional
        """Raise `DeliveryError` for what a new release needs and a rollback can do without."""

    def observe_shadow(self) -> str | None:
        """Return the digest of the bundle that shadows the service, None if none does."""
        return None

    def note(self) -> str | None:
        """Return a remark for `slipway status` on an environment that is in sync, None if there is none."""
        if not self.shadows or self.shadow.digest is None:
            return None
        shown = f"shadow {self.shadow.digest[:12]}"
        return shown if self.observe_shadow() == self.shadow.digest else f"{shown}, which the service does not have"

    def log_folders(self) -> tuple[Path, ...]:
        """Return the folders of this machine with the prediction log of every replica; none where it is elsewhere."""
        return ()

    def copy_log(self, folder: Path) -> str | None:  # noqa: ARG002 - for subclasses
        """Copy the prediction log of every replica into the new `folder`; return why there is none in reach, if so."""
        return f"the target {self.kind} of {self.name} keeps no prediction log that can be copied from here"

    def publish_report(self, files: Mapping[str, bytes]) -> str | None:
        """Put files of the monitor's report, by name, beside the log, where the service shows them.

        Returns why that cannot be done from here, if so.
        """
        folders = self.log_folders()
        for log in folders:
            write_report_files(log, files)
        return None if folders else f"the target {self.kind} of {self.name} keeps its log elsewhere"

    def lock(self, say: Callable[[str], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - for subclasses
        """Lock the environment against commands of other clones and machines while the block lasts."""
        return nullcontext()

    def clean_up(self) -> None:  # noqa: B027 - optional
        """Remove what a killed command left from a rehearsal."""

    def prepare(self, bundle: SealedBundle, image: str | None) -> PreparedRelease:
        """Make a release available to the target: its verified bundle, and the image that holds it."""
        if self.by_image and image is None:
            raise DeliveryError(
                f"The release {bundle.digest[:12]} has no image, and the target of {self.name} ({self.kind}) runs "
                "images. `slipway publish` builds and pushes one."
            )
        return PreparedRelease(bundle, image)

    def rehearse(self, prepared: PreparedRelease) -> None:  # noqa: B027 - optional
        """Start the release beside the environment, test it and stop it, where the target can do that."""

    def smoke_test(self, prepared: PreparedRelease) -> Smoke:
        """Test the running service over HTTP: golden rows, digest, readiness, latency."""
        return run_smoke_test(self.url, prepared.bundle, self.key)

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - for subclasses
        """Return how the environment differs from one that serves `digest` from `image`; None if it does not.

        A `digest` of None stands for an environment in which nothing serves.
        """
        found = self.observe()
        return None if found == digest else describe_difference(found, digest)

    def check_files(self) -> None:
        """Raise `DeliveryError` that names a missing file or key of the settings."""
        settings = self.settings
        needed = {name: value for name, value in settings.variables.items() if name.endswith("_FILE")}
        if settings.key_file is not None:
            needed["key_file"] = settings.key_file
        elif settings.variables.get("SLIPWAY_AUTH") == "keys":
            keys = needed.get("SLIPWAY_API_KEYS_FILE", "keys.json")
            raise DeliveryError(
                f"The service of {self.name} asks for keys (SLIPWAY_AUTH), and its smoke test has none. Make one with "
                f'`slipway key new smoke --file {keys} --secret-file smoke.key`, and set key_file = "smoke.key" in '
                f"{self.table}."
            )
        for name, value in needed.items():
            if not (self.root / value).is_file():
                raise DeliveryError(
                    f"The environment {self.name} needs the file {value} ({name}), which is missing. Put it there, or "
                    f"change {self.table}."
                )

    def check_port(self, port: int, address: str = "127.0.0.1") -> None:
        """Raise `DeliveryError` if another program listens on the port."""
        try:
            socket.create_server((address, port)).close()
        except OSError as error:
            raise DeliveryError(
                f"Port {port} of the environment {self.name} is taken by another program: {error.strerror}. Stop that "
                f"program, or choose another port in {self.table}."
            ) from error


def describe_difference(found: str | None, expected: str | None) -> str:
    """Say which bundle serves and which one the ledger names."""
    return f"serves {(found or 'nothing')[:12]}, the ledger says {(expected or 'nothing')[:12]}"
