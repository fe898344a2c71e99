"""FastAPI + pydantic + scikit-learn."""

from by_hand import make_app
from model_sklearn import score

app = make_app(score)
