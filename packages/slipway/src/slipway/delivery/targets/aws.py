"""What targets on AWS share: a client of a service, and its errors as sentences for people."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slipway.errors import DeliveryError, first_line

# Throttled and interrupted requests are repeated by the client, with growing pauses.
_ATTEMPTS = 8
_ACCOUNT = re.compile(r"\b\d{12}\b")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_INVALID = {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "IncompleteSignature"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}


def open_client(service: str, region: str) -> Any:
    """Return a client of a service of AWS; raises `DeliveryError`."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise DeliveryError(
            f"A target on AWS needs slipway[aws]: {error}. Install it: `uv sync --inexact --group aws`."
        ) from error
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(region_name=region, retries=retries, connect_timeout=5, read_timeout=30)
    with explain_errors(f"connect to {service}", region):
        return boto3.Session().client(service, config=config)


@contextmanager
def explain_errors(doing: str, region: str, hints: dict[str, str] | None = None) -> Iterator[None]:
    """Raise the errors of boto3 as `DeliveryError`, with what to do; `hints` has it by code of the service's error."""
    from botocore import exceptions

    failed = f"Cannot {doing} in {region}"
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise DeliveryError(
            f"{failed}: {_ACCOUNT.sub('(account)', first_line(error))} {_advise(code, hints)}"
        ) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
        raise DeliveryError(
            f"{failed}: {first_line(error)}. Expected credentials of AWS: `aws sso login` and AWS_PROFILE, "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine."
        ) from error
    except (exceptions.SSOError, exceptions.TokenRetrievalError) as error:
        raise DeliveryError(f"{failed}: {first_line(error)} Log in again: `aws sso login`.") from error
    except exceptions.ParamValidationError as error:
        raise DeliveryError(f"{failed}: {' '.join(str(error).split())}. Fix the file.") from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise DeliveryError(
            f"{failed}: {first_line(error)} Expected a region that has the service, and a network that reaches it."
        ) from error


def _advise(code: str, hints: dict[str, str] | None) -> str:
    if hints and code in hints:
        return hints[code]
    if code in _EXPIRED:
        return "The session has expired. Log in again: `aws sso login`; a workflow gets a new one when it runs again."
    if code in _INVALID:
        return "AWS does not know these credentials. `aws sts get-caller-identity` tells whose they are."
    if code in _DENIED:
        return "Give the role this right; docs/targets/ has the least policy."
    if code in _THROTTLED:
        return f"Throttled in each of {_ATTEMPTS} attempts. Wait a minute, then `slipway reconcile` the environment."
    return "Nothing more is known; the code of the error is AWS's own."
