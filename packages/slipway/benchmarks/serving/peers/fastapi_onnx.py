"""FastAPI + pydantic + ONNX Runtime."""

from by_hand import make_app
from model_onnx import score

app = make_app(score)
