"""What every service is asked: held out rows, and the scores that are right."""

import http.client
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from benchmarks.serving.contestants import Server
from benchmarks.serving.processes import BenchmarkError

from slipway.bundle import load_bundle
from slipway.columns import columns_to_rows, count_rows, frame_to_columns, take_rows
from slipway.data.prepared import read_part

ROWS, BATCH = 256, 100
TOLERANCE = 1e-5


class Questions(msgspec.Struct, frozen=True):
    """`ROWS` different rows as a client sends them, with their scores."""

    rows: list[dict[str, Any]]
    scores: list[float]

    def batch(self, start: int) -> tuple[list[dict[str, Any]], list[float]]:
        """`BATCH` rows from `start` on; after the last comes the first."""
        places = [(start + step) % len(self.rows) for step in range(BATCH)]
        return [self.rows[place] for place in places], [self.scores[place] for place in places]


def choose(root: Path) -> Questions:
    """Rows spread evenly over the holdout, scored by the bundle in this process."""
    bundle = load_bundle(root / "bundle")
    columns = frame_to_columns(bundle.fields, read_part(root / "prepared", "holdout"))
    chosen = take_rows(columns, np.linspace(0, count_rows(columns) - 1, ROWS).astype(int))
    return Questions(msgspec.to_builtins(columns_to_rows(bundle.fields, chosen)), bundle.score(chosen).tolist())


def write(questions: Questions, server: Server, folder: Path) -> tuple[Path, Path]:
    """The bodies that `server` understands, one a line: of single rows, and of batches."""
    one, many = folder / f"{server.name}.one", folder / f"{server.name}.many"
    encode = msgspec.json.encode
    one.write_bytes(b"".join(encode(server.body_one(row)) + b"\n" for row in questions.rows))
    batches = [questions.batch(start)[0] for start in range(0, ROWS, 4)]
    many.write_bytes(b"".join(encode(server.body_many(rows)) + b"\n" for rows in batches))
    return one, many


def headers(server: Server) -> dict[str, str]:
    """Those of every request to `server`."""
    key = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    return {"Content-Type": "application/json", **key}


def ask(server: Server, port: int, route: str, body: Any) -> bytes | None:
    """The answer, or None where there is none yet or it is no 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", route, msgspec.json.encode(body), headers(server))
        answer = connection.getresponse()
        text = answer.read()
        return text if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def is_right(server: Server, port: int, questions: Questions) -> bool:
    """Whether the first row gets its score."""
    answer = ask(server, port, server.one, server.body_one(questions.rows[0]))
    return answer is not None and _difference(server, answer, questions.scores[:1]) < TOLERANCE


def check(server: Server, port: int, questions: Questions) -> float:
    """The largest difference from the right scores, over every row alone and in batches; too much is an error."""
    asked = [
        (server.one, server.body_one(row), [score]) for row, score in zip(questions.rows, questions.scores, strict=True)
    ]
    for start in range(0, ROWS, BATCH):
        rows, scores = questions.batch(start)
        asked.append((server.many, server.body_many(rows), scores))
    largest = 0.0
    for route, body, scores in asked:
        answer = ask(server, port, route, body)
        if answer is None:
            raise BenchmarkError(f"{server.name} refused a row that the contract allows: {str(body)[:300]}")
        largest = max(largest, _difference(server, answer, scores))
    if largest > TOLERANCE:
        raise BenchmarkError(f"{server.name} answers another score, off by {largest:.2g}: it serves another model.")
    return largest


def _difference(server: Server, answer: bytes, scores: list[float]) -> float:
    if server.scores is None:
        return 0.0
    given = server.scores(msgspec.json.decode(answer))
    return max(abs(found - right) for found, right in zip(given, scores, strict=True))
