"""Ask the service on this machine if it is ready, as an orchestrator's health check does."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import msgspec

from slipway.errors import SlipwayError
from slipway.serving.request import INSTANCE
from slipway.serving.server.port import resolve_host
from slipway.serving.settings import ServingSettings

# The system deals connections out by chance: of ten services on a port, one is missed by all of these once in 37,000.
_TRIES = 100
# Bytes of a response that are read; those of a service have a few hundred.
_LONGEST = 10_000
# The address to ask where a service listens on every address of a family.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens there


class NotReadyError(SlipwayError):
    """The service cannot be reached, or is not ready."""


class _Body(msgspec.Struct):
    """The response of a service: its status, or a problem."""

    status: str | int
    type: str = ""
    detail: str = ""


def probe_readiness(settings: ServingSettings) -> str:
    """Return the response of a service that is ready; raises `NotReadyError`.

    Where `settings` name an instance, others may listen on the same port: the response must be that instance's.
    """
    if not settings.instance:
        return _ask(settings)[0]
    found: set[str] = set()
    for _ in range(_TRIES):
        try:
            body, instance = _ask(settings)
        except NotReadyError as error:
            # It may come from another instance that is shutting down.
            found.add(str(error))
        else:
            if instance == settings.instance:
                return body
            found.add(f"found {instance or 'an instance without a name'}")
    raise NotReadyError(f"No response of {settings.instance} on port {settings.port}: {'; '.join(sorted(found))}")


def _ask(settings: ServingSettings) -> tuple[str, str | None]:
    """Return the response of a ready service, and the instance that it names."""
    # A service whose port is held answers where the holder listens, which may be another container's name.
    host = settings.host if settings.listener else resolve_host(settings.host, settings.port)
    # HTTPConnection ignores the machine's proxy settings, which do not apply to the machine itself.
    connection = HTTPConnection(_LOOPBACK.get(host, host), settings.port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(_LONGEST)
        content = msgspec.json.decode(body, type=_Body)
    except OSError as error:
        raise NotReadyError(f"cannot connect to port {settings.port}: {error}") from error
    except HTTPException as error:
        raise _other_service(settings, f"malformed HTTP ({error!r:.200})") from error
    except msgspec.MsgspecError as error:
        kind = answer.headers.get("content-type", "no type")
        raise _other_service(settings, f"status {answer.status} with other content ({kind!r:.200})") from error
    finally:
        connection.close()
    if answer.status == HTTPStatus.OK and content.status == "ready":
        return body.decode(), answer.headers.get(INSTANCE)
    if not content.type.startswith("urn:slipway:"):
        raise _other_service(settings, f"status {answer.status} with other JSON")
    raise NotReadyError(f"not ready: {content.detail}")


def _other_service(settings: ServingSettings, found: str) -> NotReadyError:
    return NotReadyError(
        f"Expected a Slipway service on port {settings.port}, found {found} at /readyz. Choose the service's port with "
        "--port or SLIPWAY_PORT."
    )
