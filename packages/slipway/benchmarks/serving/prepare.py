"""What the services need before they can be started: a key, the estimator, the no-op's answers."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from benchmarks.serving.contestants import NOOP, OURS, Places, Server
from benchmarks.serving.processes import running, wait
from benchmarks.serving.questions import Questions, ask, is_right


def make_key(folder: Path) -> str:
    """A key for our service, made as a user makes one."""
    program = str(Path(sys.executable).with_name("slipway"))
    command = [program, "key", "new", "bench", "--file", str(folder / "keys.json")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def prepare(places: Places, servers: Sequence[Server], questions: Questions) -> None:
    """Make the files that `servers` read."""
    names = {server.name for server in servers}
    if "fastapi-sklearn" in names:
        print("fitting the estimator ...", flush=True)
        _fit(places)
    if NOOP in names:
        ours = next(server for server in servers if server.name == OURS)
        _copy_answers(places, ours, questions)


def _fit(places: Places) -> None:
    """As the stage `train` does, from the same rows and parameters."""
    import joblib

    from slipway.data.prepared import read_part
    from slipway.project import load_project
    from slipway.training.fit import fit_estimator

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    problem, params = load_project()
    fitted = fit_estimator(problem, params, read_part(places.root / "prepared", "train"))
    joblib.dump(fitted.estimator, places.estimator)


def _copy_answers(places: Places, ours: Server, questions: Questions) -> None:
    """The no-op answers what our service once did, so that both send as much."""
    with running(ours, 1, places.temporary / "answers.output") as started:
        wait(ours, started, lambda: is_right(ours, started.port, questions))
        one = ask(ours, started.port, ours.one, ours.body_one(questions.rows[0]))
        many = ask(ours, started.port, ours.many, ours.body_many(questions.batch(0)[0]))
    assert one and many
    places.answers.write_bytes(msgspec.json.encode({"one": one.decode(), "many": many.decode()}))
