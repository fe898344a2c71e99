"""What every service of the stack must hold to, read from its compose file: each policy returns its complaints."""

import re
from collections.abc import Iterator
from typing import Any

# service: why
HEALTHCHECK_IN_ITS_IMAGE = {
    "service": "Dockerfile",
    "mlflow": "Dockerfile",
}
BUILT_HERE = ("slipway", "localhost/slipway-mlflow", "localhost/slipway-follow")
ROOT_INSIDE = {"registry": "the image gives the volume to root; it has no capability and nothing else to write to"}
USER_IN_ITS_IMAGE = {"front": "Dockerfile", "mlflow": "Dockerfile"}
PRIVILEGES = ("privileged", "cap_add", "devices", "pid", "ipc", "userns_mode", "cgroup_parent", "device_cgroup_rules")


def complaints(name: str, service: dict[str, Any]) -> list[str]:
    return [f"{name}: {said}" for policy in POLICIES for said in policy(name, service)]


def healthy(name: str, service: dict[str, Any]) -> Iterator[str]:
    check = service.get("healthcheck", {})
    if check.get("disable") or ("test" not in check and name not in HEALTHCHECK_IN_ITS_IMAGE):
        yield "no health check"


def hardened(name: str, service: dict[str, Any]) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "its root can be written"
    if service.get("cap_drop") != ["ALL"]:
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    yield from (f"it asks for {word}" for word in PRIVILEGES if service.get(word))
    if service.get("network_mode") == "host":
        yield "it shares the machine's network"


def nobody(name: str, service: dict[str, Any]) -> Iterator[str]:
    user = str(service.get("user", ""))
    if name in ROOT_INSIDE or (not user and name in USER_IN_ITS_IMAGE):
        return
    if not re.fullmatch(r"[1-9]\d*:\d+", user):
        yield f"it runs as {user or 'whoever the image says'}"


def limited(name: str, service: dict[str, Any]) -> Iterator[str]:
    yield from (f"no {limit}" for limit in ("mem_limit", "pids_limit") if not service.get(limit))


def rotated(name: str, service: dict[str, Any]) -> Iterator[str]:
    logging = service.get("logging", {})
    if logging.get("driver") != "json-file" or not {"max-size", "max-file"} <= logging.get("options", {}).keys():
        yield "what it says is kept without end"


def on_loopback(name: str, service: dict[str, Any]) -> Iterator[str]:
    address = r"(127\.0\.0\.1|\$\{SLIPWAY_ADDRESS:-127\.0\.0\.1\})"
    for port in service.get("ports", []):
        if not re.fullmatch(address + r":\$\{SLIPWAY_[A-Z_]*PORT:-\d+\}:\d+", str(port)):
            yield f"port {port}: not a port of loopback that can be chosen"


def pinned(name: str, service: dict[str, Any]) -> Iterator[str]:
    found = re.fullmatch(r"\$\{SLIPWAY_([A-Z]+_)?IMAGE:-(.+)\}", service.get("image", ""))
    if not found:
        yield "its image cannot be replaced by a variable"
    elif found[2] not in BUILT_HERE and not re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", found[2]):
        yield f"its image {found[2]} is neither built here nor named by tag and digest"


def no_open_mounts(name: str, service: dict[str, Any]) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source, _, rest = str(volume).partition(":")
        if source.startswith("/") or "docker.sock" in source:
            yield f"it mounts {source} of the machine"
        if source.startswith(".") and not rest.endswith(":ro"):
            yield f"it could write into {source}"


def no_passwords(name: str, service: dict[str, Any]) -> Iterator[str]:
    for variable, value in service.get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY", variable) and not str(value).startswith(("/run/secrets/", "/keys/")):
            yield f"{variable} is no file of a secret"


POLICIES = (healthy, hardened, nobody, limited, rotated, on_loopback, pinned, no_open_mounts, no_passwords)
