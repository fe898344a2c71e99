"""Starlette + pydantic + ONNX Runtime: the same by hand without FastAPI, so without an OpenAPI document."""

import orjson
from flight import Flight
from model_onnx import score
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

JSON = "application/json"
flights = TypeAdapter(list[Flight])


async def one(request: Request) -> Response:
    flight = Flight.model_validate_json(await request.body())
    return Response(orjson.dumps({"score": score([flight])[0]}), media_type=JSON)


async def many(request: Request) -> Response:
    rows = flights.validate_json(await request.body())
    return Response(orjson.dumps({"scores": score(rows)}), media_type=JSON)


async def refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    return Response(error.json(include_url=False), status_code=422, media_type=JSON)


app = Starlette(
    routes=[Route("/one", one, methods=["POST"]), Route("/many", many, methods=["POST"])],
    exception_handlers={ValidationError: refuse},
)
