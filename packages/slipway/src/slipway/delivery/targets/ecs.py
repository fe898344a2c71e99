"""The target `ecs`: an environment is a service of Amazon ECS, whose rolling update and circuit breaker do the work.

Task definition and service are the team's own files. The target registers the task definition with the image by digest,
points the service to it, waits for the deployment, and tests the result.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.delivery.smoke_test import Smoke, read_version, wait_until
from slipway.delivery.targets.aws import explain_errors, open_client
from slipway.delivery.targets.base import PreparedRelease, Target, TargetSettings, describe_difference
from slipway.errors import DeliveryError
from slipway.files.documents import read_json

FILES = ("task-definition.json", "service.json")
# Labels of the container: the bundle, and the hash of the whole definition, by which it is found again.
BUNDLE_LABEL, DEFINITION_LABEL = "slipway.bundle", "slipway.definition"
# As many of the newest definitions are searched for one that was registered before.
_SEARCHED = 10
_LOOK_SECONDS = 2.0
# A load balancer takes targets out of use after the deployment has ended.
_SWITCH_SECONDS = 90.0


class EcsSettings(TargetSettings, frozen=True, kw_only=True):
    """Options of the target `ecs`."""

    region: Annotated[str, Meta(description="region of AWS", examples=["eu-central-1"], min_length=1)]
    cluster: Annotated[str, Meta(description="name of the ECS cluster", examples=["default"], min_length=1)]
    url: Annotated[
        str,
        Meta(description="where clients reach the service", examples=["https://model.example.org"], pattern="^http"),
    ]
    service: Annotated[str | None, Meta(description="name of the ECS service; slipway-<environment> by default")] = None
    container: Annotated[str, Meta(description="container of the task definition that serves")] = "service"
    folder: Annotated[str, Meta(description=f"folder with {FILES[0]} and {FILES[1]}")] = "deploy/ecs"
    minutes: Annotated[int, Meta(description="time limit of a deployment", ge=1, le=120)] = 20


class EcsTarget(Target):
    """One environment as a service of ECS."""

    settings_type = EcsSettings
    settings: EcsSettings
    extra = ("aws", "boto3")
    starter = Path(__file__).with_name("starters") / "ecs"

    def __init__(self, root: Path, name: str, settings: EcsSettings) -> None:
        super().__init__(root, name, settings)
        self._say: Callable[[str], None] = lambda _: None
        self._named = {"cluster": settings.cluster, "service": settings.service or f"slipway-{name}"}

    @property
    def url(self) -> str:
        """The address of the service, as the table names it."""
        return self.settings.url.rstrip("/")

    def lock(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Print progress to `say`. ECS has no lock: a later deployment replaces an earlier one, which then fails."""
        self._say = say
        return nullcontext()

    def preflight(self) -> None:
        """Raise `DeliveryError` for a file that ECS would refuse, and for a cluster that does not exist."""
        super().preflight()
        from botocore.validate import validate_parameters

        service = self._read_service()
        breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        if not breaker.get("enable") or not breaker.get("rollback"):
            raise DeliveryError(
                f"{self._path(FILES[1])}: expected a deploymentCircuitBreaker with enable and rollback, found "
                f"{breaker or 'none'}: without it a deployment that fails never ends."
            )
        shapes = self._client.meta.service_model.operation_model
        for path, call, given in (
            (FILES[0], "RegisterTaskDefinition", self._define("0" * 64, "image")),
            (FILES[1], "CreateService", service),
        ):
            with self._explained(f"use {self._path(path)}"):
                validate_parameters(given, shapes(call).input_shape)
        self._describe()

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Run the image in the service, wait for the deployment, and test the service."""
        definition = self._register(self._define(prepared.bundle.digest, str(prepared.image)))
        given = self._read_service() | {"taskDefinition": definition}
        if self._describe() is None:
            self._say(f"{self.name}: creating the service {self._named['service']} ...")
            with self._explained("create the service"):
                found = self._client.create_service(**given)["service"]
        else:
            known = self._client.meta.service_model.operation_model("UpdateService").input_shape.members
            given = {name: value for name, value in given.items() if name in known} | self._named
            with self._explained("update the service"):
                found = self._client.update_service(**given)["service"]
        self._wait_for(definition, {each["id"] for each in found.get("events", ())})
        wait_until(lambda: self._served() == prepared.bundle.digest, _SWITCH_SECONDS, look=_LOOK_SECONDS)
        return self.smoke_test(prepared)

    def observe(self) -> str | None:
        """Return the digest of the bundle that the service at `url` names, None if none responds or ECS has none."""
        return self._served() if self._describe() else None

    def is_running(self) -> bool:
        """Return whether ECS has the service, whatever it serves."""
        return self._describe() is not None

    def remove(self) -> bool:
        """Delete the service, and wait until its tasks have ended."""
        if self._describe() is None:
            return False
        with self._explained("delete the service"):
            self._client.delete_service(**self._named, force=True)
            cluster, service = self._named.values()
            self._client.get_waiter("services_inactive").wait(cluster=cluster, services=[service])
        return True

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:
        """Return how ECS differs from the ledger and the files: task definition, number of tasks, what responds."""
        service = self._describe()
        if service is None or digest is None:
            return None if (service is None) == (digest is None) else describe_difference(self.observe(), digest)
        if image and self._label(service["taskDefinition"]) != _hash(self._define(digest, image)):
            shown = service["taskDefinition"].rpartition("/")[2]
            return (
                f"runs the task definition {shown}, which is not that of the ledger's release and of {self._path('')}"
            )
        wanted = self._read_service().get("desiredCount", service["desiredCount"])
        if service["desiredCount"] != wanted or service["runningCount"] < wanted:
            return f"runs {service['runningCount']} of {service['desiredCount']} tasks, {FILES[1]} says {wanted}"
        return super().out_of_sync(digest, image)

    @cached_property
    def _client(self) -> Any:
        return open_client("ecs", self.settings.region)

    def _explained(self, doing: str) -> AbstractContextManager[None]:
        hint = f"Expected the cluster {self.settings.cluster} in this region. Create it, or change {self.table}."
        return explain_errors(f"{doing} of {self.name}", self.settings.region, {"ClusterNotFoundException": hint})

    def _served(self) -> str | None:
        found = read_version(self.url, self.key)
        return found.model.digest if found else None

    def _describe(self) -> dict[str, Any] | None:
        """Return the service as ECS describes it, None if there is none."""
        cluster, service = self._named.values()
        with self._explained("describe the service"):
            found = self._client.describe_services(cluster=cluster, services=[service])["services"]
        return next((each for each in found if each["status"] == "ACTIVE"), None)

    def _path(self, name: str) -> Path:
        return Path(self.settings.folder) / name

    def _read(self, name: str) -> dict[str, Any]:
        # Secrets have no place in these files: they name those of AWS's own store, by `secrets` of a container.
        path, make = self.root / self._path(name), f"`slipway target add ecs {self.name}` makes it."
        found: dict[str, Any] = read_json(path, dict[str, Any], DeliveryError, "Fix it.", make)
        if b'"REPLACE"' in msgspec.json.encode(found):
            raise DeliveryError(f'{self._path(name)}: expected your own values, found "REPLACE". docs/targets/ecs.md.')
        return found

    def _read_service(self) -> dict[str, Any]:
        return self._read(FILES[1]) | {"cluster": self._named["cluster"], "serviceName": self._named["service"]}

    def _define(self, digest: str, image: str) -> dict[str, Any]:
        """Return the task definition of the team's file with the image, the variables and the labels of a release."""
        definition = self._read(FILES[0])
        containers = {each.get("name"): each for each in definition.get("containerDefinitions", ())}
        if (container := containers.get(self.settings.container)) is None:
            raise DeliveryError(
                f"{self._path(FILES[0])}: expected a container {self.settings.container}, found "
                f"{', '.join(map(str, containers)) or 'none'}. Name it there, or set container in {self.table}."
            )
        own = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self.settings.workers)} | self.settings.variables
        if files := [name for name in own if name.endswith("_FILE")]:
            raise DeliveryError(
                f"{self.table}: ECS mounts no file for {', '.join(files)}. Mount one in {self._path(FILES[0])} from "
                "a volume, and set the variable there."
            )
        there = {each["name"]: each["value"] for each in container.get("environment", ())}
        container["environment"] = [{"name": name, "value": value} for name, value in sorted((there | own).items())]
        container["image"] = image
        container["dockerLabels"] = container.get("dockerLabels", {}) | {BUNDLE_LABEL: digest}
        return {"family": self._named["service"]} | definition

    def _register(self, definition: dict[str, Any]) -> str:
        """Register a task definition, unless one of the newest is the same; return its ARN."""
        mark = _hash(definition)
        with self._explained("register the task definition"):
            newest = self._client.list_task_definitions(
                familyPrefix=definition["family"], status="ACTIVE", sort="DESC", maxResults=_SEARCHED
            )["taskDefinitionArns"]
            for each in newest[:_SEARCHED]:
                if self._label(each) == mark:
                    return str(each)
            (container,) = (
                each for each in definition["containerDefinitions"] if each["name"] == self.settings.container
            )
            container["dockerLabels"] |= {DEFINITION_LABEL: mark}
            return str(self._client.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])

    def _label(self, arn: str) -> str | None:
        """Return the hash that a registered task definition was made with, None for one that is not ours."""
        with self._explained(f"describe the task definition {arn.rpartition('/')[2]}"):
            found = self._client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        labels = (each.get("dockerLabels", {}) for each in found["containerDefinitions"])
        return next((each[DEFINITION_LABEL] for each in labels if DEFINITION_LABEL in each), None)

    def _wait_for(self, definition: str, seen: set[str]) -> None:
        """Wait until the deployment of a task definition is complete, and print the events of the service."""
        end, events = time.monotonic() + 60 * self.settings.minutes, [""]
        while time.monotonic() < end:
            service = self._describe() or {}
            for event in reversed(service.get("events", ())):
                if event["id"] not in seen:
                    seen.add(event["id"])
                    events.append(event["message"])
                    self._say(f"{self.name}: {event['message']}")
            # An earlier deployment of the same definition, which failed, may still be listed beside the newest.
            listed = sorted(service.get("deployments", ()), key=lambda each: each["status"] != "PRIMARY")
            ours = next((each for each in listed if each["taskDefinition"] == definition), None)
            if ours is None or ours.get("rolloutState") == "FAILED":
                reason = (ours or {}).get("rolloutStateReason", "another command replaced the deployment")
                raise DeliveryError(
                    f"ECS did not complete the deployment: {reason} Last event: {events[-1] or '(none)'}"
                )
            if ours["status"] == "PRIMARY" and ours.get("rolloutState") == "COMPLETED":
                return
            time.sleep(_LOOK_SECONDS)
        raise DeliveryError(
            f"The deployment did not complete within {self.settings.minutes} minutes (minutes in {self.table}). Last "
            f"event: {events[-1] or '(none)'}"
        )


def _hash(definition: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(definition, order="deterministic")).hexdigest()
