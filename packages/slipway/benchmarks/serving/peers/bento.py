"""BentoML + ONNX Runtime.

At its best: no access log, no metrics, tracing off by OTEL_SDK_DISABLED. A body named by its parameter and a model as
the answer, because BentoML 1.4 makes a JSON schema for each request of a bare row (2 ms for a list of 100).
"""

import os

import bentoml
from flight import Flight
from model_onnx import score
from pydantic import BaseModel


class Score(BaseModel):
    score: float


class Scores(BaseModel):
    scores: list[float]


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]), logging={"access": {"enabled": False}}, metrics={"enabled": False}
)
class Flights:
    @bentoml.api
    async def one(self, flight: Flight) -> Score:
        return Score(score=score([flight])[0])

    @bentoml.api
    async def many(self, flights: list[Flight]) -> Scores:
        return Scores(scores=score(flights))
