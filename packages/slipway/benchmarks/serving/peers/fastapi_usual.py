"""FastAPI + pydantic + ONNX Runtime as FastAPI's own documentation writes it: typed parameters, typed answers."""

from fastapi import FastAPI
from flight import Flight
from model_onnx import score
from pydantic import BaseModel


class Score(BaseModel):
    score: float


class Scores(BaseModel):
    scores: list[float]


app = FastAPI()


@app.post("/one")
async def one(flight: Flight) -> Score:
    return Score(score=score([flight])[0])


@app.post("/many")
async def many(flights: list[Flight]) -> Scores:
    return Scores(scores=score(flights))
