"""The services that are compared: how each is started, asked and understood."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

CORES = len(os.sched_getaffinity(0))
OURS, OURS_IN_LINE, NOOP = "slipway", "slipway-in-line", "no-op"
BY_HAND, USUAL, MLFLOW, MLFLOW_BEST = "fastapi-onnx", "fastapi-usual", "mlflow", "mlflow-best"
_PEERS = Path(__file__).parent / "peers"
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}


class Places(msgspec.Struct, frozen=True):
    """What the services need: the repository, the peers' programs, a temporary folder, a key, MLflow's model."""

    root: Path
    programs: Path
    temporary: Path
    key: str
    mlflow_model: str

    @property
    def estimator(self) -> Path:
        return self.temporary / "estimator.joblib"

    @property
    def answers(self) -> Path:
        return self.temporary / "answers.json"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One service; `scores` reads an answer, and is None where answers mean nothing."""

    name: str
    title: str
    command: Callable[[int, int], list[str]]  # of port and workers
    environment: Mapping[str, str]
    folder: Path = _PEERS
    one: str = "/one"
    many: str = "/many"
    key: str | None = None
    body_one: Callable[[dict[str, Any]], Any] = lambda row: row
    body_many: Callable[[list[dict[str, Any]]], Any] = lambda rows: rows
    scores: Callable[[Any], list[float]] | None = lambda answer: answer.get("scores") or [answer["score"]]
    scales: bool = True


def contestants(places: Places) -> list[Server]:
    """Every service, ours first."""
    onnx = {"BENCH_BUNDLE": str(places.root / "bundle")}
    sklearn = onnx | {"BENCH_ESTIMATOR": str(places.estimator)} | _ONE_THREAD
    quiet = _ONE_THREAD | {"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"}
    return [
        _ours(places, OURS, "**Slipway**, with keys, log and metrics", {}),
        _ours(places, OURS_IN_LINE, "the same, one request at once in a worker", {"SLIPWAY_MAX_CONCURRENCY": "1"}),
        _noop(places),
        _uvicorn(places, BY_HAND, "FastAPI + pydantic + ONNX Runtime by hand, bytes in and out", "fastapi_onnx", onnx),
        _uvicorn(places, USUAL, "the same as FastAPI's documentation writes it", "fastapi_usual", onnx),
        _uvicorn(places, "starlette-onnx", "the one by hand without FastAPI: Starlette", "starlette_onnx", onnx),
        _uvicorn(places, "fastapi-sklearn", "FastAPI + pydantic + scikit-learn", "fastapi_sklearn", sklearn),
        _bento(places, onnx),
        _mlflow(places, MLFLOW, "`mlflow models serve`, its defaults", {}, scales=False),
        _mlflow(places, MLFLOW_BEST, "`mlflow models serve`, at its best", quiet, scales=True),
    ]


def _ours(places: Places, name: str, title: str, environment: Mapping[str, str]) -> Server:
    program = str(Path(sys.executable).with_name("slipway"))
    return Server(
        name=name,
        title=title,
        command=lambda port, workers: [
            *(program, "serve", "--bundle", "bundle", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", str(workers)),
        ],
        environment={
            "SLIPWAY_AUTH": "keys",
            "SLIPWAY_API_KEYS_FILE": str(places.temporary / "keys.json"),
            "SLIPWAY_LOG": str(places.temporary / "log"),
            **environment,
        },
        folder=places.root,
        one="/predict",
        many="/predict",
        key=places.key,
        scores=lambda answer: [each["score"] for each in answer.get("predictions") or [answer]],
    )


def _noop(places: Places) -> Server:
    return Server(
        name=NOOP,
        title="no-op: granian, a constant of the same size",
        command=lambda port, workers: [
            *(str(places.programs / "granian"), "--interface", "wsgi", "--no-ws", "--log-level", "warning"),
            *("--workers", str(workers), "--blocking-threads", "1"),
            *("--host", "127.0.0.1", "--port", str(port), "noop:app"),
        ],
        environment={"BENCH_ANSWERS": str(places.answers)},
        scores=None,
    )


def _uvicorn(places: Places, name: str, title: str, module: str, environment: Mapping[str, str]) -> Server:
    return Server(
        name=name,
        title=title,
        command=lambda port, workers: [
            *(str(places.programs / "uvicorn"), "--loop", "uvloop", "--http", "httptools"),
            *("--no-access-log", "--no-server-header", "--no-date-header", "--log-level", "warning"),
            *("--workers", str(workers), "--host", "127.0.0.1", "--port", str(port), f"{module}:app"),
        ],
        environment=environment,
    )


def _bento(places: Places, environment: Mapping[str, str]) -> Server:
    return Server(
        name="bentoml",
        title="BentoML + ONNX Runtime",
        # BentoML takes the number of workers from the service's own file.
        command=lambda port, workers: [
            *("/usr/bin/env", f"BENCH_WORKERS={workers}", str(places.programs / "bentoml"), "serve", "--quiet"),
            *("--host", "127.0.0.1", "--port", str(port), "bento:Flights"),
        ],
        environment={**environment, "BENTOML_DO_NOT_TRACK": "true", "OTEL_SDK_DISABLED": "true"},
        body_one=lambda row: {"flight": row},
        body_many=lambda rows: {"flights": rows},
    )


def _mlflow(places: Places, name: str, title: str, environment: Mapping[str, str], scales: bool) -> Server:
    def split(rows: list[dict[str, Any]]) -> Any:
        return {"dataframe_split": {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}}

    return Server(
        name=name,
        title=title,
        command=lambda port, workers: [
            *(str(places.programs / "mlflow"), "models", "serve", "--model-uri", places.mlflow_model),
            *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
            *(("--workers", str(workers)) if scales else ()),
        ],
        environment={
            "MLFLOW_TRACKING_URI": f"sqlite:///{places.root / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # It starts uvicorn by its name.
            "PATH": os.pathsep.join([str(places.programs), os.environ["PATH"]]),
            **environment,
        },
        folder=places.root,
        one="/invocations",
        many="/invocations",
        body_one=lambda row: split([row]),
        body_many=split,
        scores=lambda answer: [each["score"] for each in answer["predictions"]],
        scales=scales,
    )
