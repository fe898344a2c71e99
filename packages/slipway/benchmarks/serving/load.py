"""Load: wrk as fast as answers come, vegeta at a constant rate."""

import base64
import csv
import io
import subprocess
from pathlib import Path

import msgspec
import numpy as np
from benchmarks.serving.processes import BenchmarkError

CONNECTIONS = 8
RATE = 1000
# Longer than any load, and than the 30 seconds in which a service may answer its last request.
_PATIENCE_SECONDS = 180
_CYCLE = Path(__file__).with_name("cycle.lua")


class Summary(msgspec.Struct, frozen=True):
    """What wrk says at its end."""

    requests: int
    microseconds: int
    refused: int
    broken: int


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds below which 99 % of the answers came."""

    p99: float


def closed_loop(url: str, headers: dict[str, str], bodies: Path, seconds: float, connections: int) -> Summary:
    """Keep `connections` busy for whole `seconds`; one line of `bodies` for each request, in turn."""
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    said = _run(
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"),
        *(*given, "-s", str(_CYCLE), url, "--", str(bodies)),
    )
    summary = msgspec.json.decode(said.splitlines()[-1], type=Summary)
    if summary.refused or summary.broken or not summary.requests:
        raise BenchmarkError(
            f"{url}: of {summary.requests} requests {summary.refused} refused, {summary.broken} broken"
        )
    return summary


def constant_rate(url: str, headers: dict[str, str], bodies: Path, seconds: float) -> Latency:
    """Send `RATE` requests a second, whether or not earlier ones are answered.

    Latency counts from the moment at which a request was due: one that is sent late, because the machine was busy
    answering, has waited (no coordinated omission).
    """
    targets = bodies.with_suffix(".targets")
    targets.write_bytes(b"\n".join(_target(url, headers, body) for body in bodies.read_bytes().splitlines()))
    attack = _run(
        *("vegeta", "attack", "-format=json", f"-targets={targets}", f"-rate={RATE}/1s", f"-duration={seconds}s"),
        *("-http2=false", "-timeout=30s"),
    )
    rows = list(csv.reader(io.StringIO(_run("vegeta", "encode", "--to", "csv", given=attack).decode())))
    wrong = [row for row in rows if row[1] != "200"]
    if wrong or len(rows) < 0.99 * RATE * seconds:
        raise BenchmarkError(f"{url}: {len(wrong)} of {len(rows)} requests failed at a constant rate; {wrong[:1]}")
    sent, taken, number = (np.array([int(row[column]) for row in rows]) for column in (0, 2, 8))
    plan = number * (10**9 // RATE)
    late = sent - plan - (sent - plan).min()
    return Latency(float(np.percentile((taken + late) / 1e6, 99)))


def _target(url: str, headers: dict[str, str], body: bytes) -> bytes:
    return msgspec.json.encode(
        {
            "method": "POST",
            "url": url,
            "body": base64.b64encode(body).decode(),
            "header": {name: [value] for name, value in headers.items()},
        }
    )


def _run(*command: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{command[0]} did not end within {_PATIENCE_SECONDS} s") from error
    if done.returncode:
        raise BenchmarkError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[:500]}")
    return done.stdout
