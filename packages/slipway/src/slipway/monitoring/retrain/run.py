"""`slipway retrain`: newer data, the pipeline, the gate, and a branch if the gate says promote.

A retrain that is kept, refused or fails leaves the working tree as it was, and no branch.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec

from slipway.contract import read_contract
from slipway.data.validation.dataset import load_dataset
from slipway.errors import ProblemError
from slipway.files.lock import hold_lock
from slipway.files.writing import write_bytes
from slipway.gate.result import GateResult, Verdict
from slipway.gate.run import run_gate
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.retrain.attempts import read_attempt, remaining_cool_down, write_attempt
from slipway.monitoring.retrain.data_change import compare_data, describe_files, list_data_files
from slipway.monitoring.retrain.report import describe_data_change, render_retrain_report
from slipway.monitoring.retrain.result import DataChange, RetrainEnd, RetrainResult
from slipway.monitoring.retrain.working_tree import (
    commit_retrain,
    restore_tree,
    run_dvc,
    verify_branch_is_new,
    verify_clean,
)
from slipway.problem import Problem

FOLDER = Path(".slipway/retrain")
REPORT = FOLDER / "retrain.md"
Say = Callable[[str], None]
_ENDS = {Verdict.PROMOTE: RetrainEnd.PROPOSED, Verdict.KEEP: RetrainEnd.KEPT, Verdict.REFUSE: RetrainEnd.REFUSED}


class RetrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to retrain the model of `environment` with the data known on the day `until`.

    Nothing is trained within `cool_down` of the last retrain, or with fewer than `fewest` new outcomes. `monitor` is
    the monitor's newest result, which stands in the report, and so does `source`, which says where the rows come from
    if not from the problem's own hook.
    """

    environment: str
    until: date
    fewest: int = 1000
    cool_down: timedelta = timedelta(days=1)
    dry_run: bool = False
    source: str = ""
    monitor: MonitorResult | None = None


def run_retrain(root: Path, problem: Problem, request: RetrainRequest, say: Say) -> RetrainResult:
    """Retrain the model in the working tree at `root`, and say how it ended.

    Raises `DeliveryError` for a working tree that is not clean, a branch that exists and a pipeline that fails,
    `ProblemError` for a problem without the hook `refresh`, `LockError` while another retrain runs.
    """
    if problem.refresh is None:
        raise ProblemError(
            f"The problem {problem.name!r} has no hook `refresh`, which brings newer data: a function of the data's "
            "folder and a day, named in problem.py (docs/make-it-yours.md)."
        )
    # One at a time: two would change the same files.
    with hold_lock(root / FOLDER / "retrain.lock", seconds=0):
        attempt = read_attempt(_attempt_path(root, request))
        if left := remaining_cool_down(attempt, request.cool_down):
            assert attempt is not None
            return _ended(
                request,
                RetrainEnd.COOLING,
                f"Not retrained: the last one, of {attempt.at:%Y-%m-%d %H:%M} UTC, ended as {attempt.end}, and the "
                f"next may start in {timedelta(seconds=round(left.total_seconds()))}.",
            )
        branch = f"retrain/{request.environment}-{request.until}"
        verify_branch_is_new(root, branch)
        verify_clean(root)
        if request.dry_run:
            return _rehearse(root, problem, request)
        return _retrain(root, problem, request, branch, say)


def _rehearse(root: Path, problem: Problem, request: RetrainRequest) -> RetrainResult:
    """Bring the newer data into a copy, and say what is in them."""
    with tempfile.TemporaryDirectory(prefix="slipway-retrain-") as temporary:
        copy = Path(temporary) / "data"
        shutil.copytree(root / "data", copy)
        data = _refresh(problem, copy, request)
    enough = data.rows_new >= request.fewest
    verdict = (
        "It would be trained and judged." if enough else f"Fewer than {request.fewest:,}: nothing would be trained."
    )
    return _ended(request, RetrainEnd.DRY_RUN, f"{data.rows_new:,} new rows up to {request.until}. {verdict}", data)


def _retrain(root: Path, problem: Problem, request: RetrainRequest, branch: str, say: Say) -> RetrainResult:
    proposed = False
    try:
        say(f"Data: what is known on {request.until}")
        data = _refresh(problem, root / "data", request)
        for line in describe_data_change(data):
            say(f"  {line}")
        if data.rows_new < request.fewest:
            sentence = (
                f"Not retrained: {data.rows_new:,} new rows with their outcome up to {request.until}, expected at "
                f"least {request.fewest:,}."
            )
            return _ended(request, RetrainEnd.TOO_FEW, sentence, data)
        say("Pipeline: dvc add data, dvc repro")
        run_dvc(root, "add", "--quiet", "data")
        run_dvc(root, "repro", "--quiet")
        say("Gate: the new model against production's, on a holdout that includes the new time")
        gate = run_gate(root)
        report = render_retrain_report(request.environment, gate.sentence, data, gate, request.monitor)
        write_bytes(root / REPORT, report.encode())
        end = _ENDS[gate.verdict]
        write_attempt(_attempt_path(root, request), request.until, end)
        if end is not RetrainEnd.PROPOSED:
            return _ended(request, end, f"{gate.sentence} No branch was made.", data, gate=gate, report=report)
        commit = commit_retrain(root, branch, _write_message(request, data, gate))
        proposed = True
        return _ended(request, end, gate.sentence, data, gate=gate, report=report, branch=branch, commit=commit)
    finally:
        if not proposed:
            restore_tree(root, say)


def _refresh(problem: Problem, folder: Path, request: RetrainRequest) -> DataChange:
    assert problem.refresh is not None
    before, files = load_dataset(problem, folder), list_data_files(folder)
    problem.refresh(folder, request.until)
    changed = describe_files(files, list_data_files(folder))
    after = load_dataset(problem, folder) if changed else before
    data = compare_data(read_contract(problem.contract), before, after, changed)
    return msgspec.structs.replace(data, source=request.source)


def _write_message(request: RetrainRequest, data: DataChange, gate: GateResult) -> str:
    alarms = [alarm.finding for alarm in request.monitor.firing] if request.monitor else []
    paragraphs = [
        f"Retrain {request.environment} with the data of {request.until}",
        gate.sentence,
        "\n".join(f"Alarm: {sentence}" for sentence in alarms),
        "\n".join(describe_data_change(data)),
        f"Candidate: {gate.candidate}\nProduction: {gate.production}",
    ]
    return "\n\n".join(each for each in paragraphs if each) + "\n"


def _ended(
    request: RetrainRequest,
    end: RetrainEnd,
    sentence: str,
    data: DataChange | None = None,
    *,
    gate: GateResult | None = None,
    report: str = "",
    branch: str | None = None,
    commit: str | None = None,
) -> RetrainResult:
    return RetrainResult(
        environment=request.environment,
        until=request.until,
        end=end,
        sentence=sentence,
        data=data,
        gate=gate,
        report=report,
        branch=branch,
        commit=commit,
    )


def _attempt_path(root: Path, request: RetrainRequest) -> Path:
    return root / FOLDER / f"{request.environment}.json"
