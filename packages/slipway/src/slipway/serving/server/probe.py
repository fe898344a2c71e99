"""Whether the service on this machine is ready, asked as an orchestrator's health check does."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import msgspec

from slipway.errors import SlipwayError
from slipway.serving.app.health import INSTANCE
from slipway.serving.server.port import resolve_host
from slipway.serving.settings import ServingSettings

# The system deals connections out by chance: of ten services on a port, one is missed by all of these once in 37,000.
_TRIES = 100
# Bytes of an answer that are read: what a service says here has a few hundred.
_LONGEST = 10_000
# Where a service that listens on every address of a family is asked.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens there


class NotReadyError(SlipwayError):
    """The service does not answer, or says why requests should go elsewhere."""


class _Said(msgspec.Struct):
    """What a service answers: that it is ready, or a problem."""

    status: str | int
    type: str = ""
    detail: str = ""


def probe_readiness(settings: ServingSettings) -> str:
    """What the service says if it is ready; raises `NotReadyError`.

    Where `settings` name an instance, others may listen on the same port: it must be that one that answers.
    """
    if not settings.instance:
        return _ask(settings)[0]
    heard: set[str] = set()
    for _ in range(_TRIES):
        try:
            said, instance = _ask(settings)
        except NotReadyError as error:
            # It may be another one that is about to end.
            heard.add(str(error))
        else:
            if instance == settings.instance:
                return said
            heard.add(f"{instance or 'one without a name'} answers")
    raise NotReadyError(f"{settings.instance} does not answer on port {settings.port}: {'; '.join(sorted(heard))}")


def _host(settings: ServingSettings) -> str:
    """Where the service is asked on its own machine.

    One whose port is held answers where the holder listens: that may be another container, whose name stays a name.
    """
    host = settings.host if settings.listener else resolve_host(settings.host, settings.port)
    return _LOOPBACK.get(host, host)


def _ask(settings: ServingSettings) -> tuple[str, str | None]:
    # Whatever proxy the machine has, this machine is not behind it.
    connection = HTTPConnection(_host(settings), settings.port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(_LONGEST)
    except OSError as error:
        raise NotReadyError(f"nothing answers on port {settings.port}: {error}") from error
    except HTTPException as error:
        raise _stranger(settings, f"what is no HTTP ({error!r:.200})") from error
    finally:
        connection.close()
    try:
        found = msgspec.json.decode(said, type=_Said)
    except msgspec.MsgspecError as error:
        kind = answer.headers.get("content-type", "no type")
        raise _stranger(settings, f"status {answer.status} with content of another kind ({kind!r:.200})") from error
    if answer.status == HTTPStatus.OK and found.status == "ready":
        return said.decode(), answer.headers.get(INSTANCE)
    if not found.type.startswith("urn:slipway:"):
        raise _stranger(settings, f"status {answer.status} with JSON that is no answer of a service")
    raise NotReadyError(f"not ready: {found.detail}")


def _stranger(settings: ServingSettings, found: str) -> NotReadyError:
    return NotReadyError(
        f"Expected a Slipway service on port {settings.port}; something else answers /readyz there: {found}. Is it the "
        "service's port? --port or SLIPWAY_PORT names another."
    )
