"""Whether the service on this machine is ready, asked as an orchestrator's health check does."""

import json
from ipaddress import ip_address
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from slipway.errors import SlipwayError
from slipway.serving.front.health import INSTANCE
from slipway.serving.settings import ServingSettings

# The system deals connections out by chance: of ten services on a port, one is missed by all of these once in 37,000.
_TRIES = 100


class NotReadyError(SlipwayError):
    """The service does not answer, or says why requests should go elsewhere."""


def probe(settings: ServingSettings) -> str:
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
    """Where the service is asked on its own machine; one whose port is held answers where the holder listens."""
    return settings.host if settings.listener else _here(settings.host)


def _here(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return "127.0.0.1"
    return "127.0.0.1" if address.is_unspecified or address.version == 6 else host


def _ask(settings: ServingSettings) -> tuple[str, str | None]:
    # Whatever proxy the machine has, this machine is not behind it.
    ask = build_opener(ProxyHandler({})).open
    try:
        with ask(f"http://{_host(settings)}:{settings.port}/readyz", timeout=3) as answer:
            return answer.read().decode(), answer.headers.get(INSTANCE)
    except HTTPError as error:
        raise NotReadyError(f"not ready: {json.loads(error.read())['detail']}") from error
    except (URLError, OSError) as error:
        raise NotReadyError(f"nothing answers on port {settings.port}: {error}") from error
