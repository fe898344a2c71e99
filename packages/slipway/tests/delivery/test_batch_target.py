"""An environment of the target `batch`: the gate, the ledger and rollbacks as for a service; runs have a lineage."""

import hashlib
import json

import msgspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from ledgerbox import ENVIRONMENTS
from releases import better, first, quiet

from slipway.bundle import load_bundle
from slipway.cli import main
from slipway.columns import frame_to_columns
from slipway.delivery import operations
from slipway.delivery.batch_run import lineage_path, run_batch
from slipway.delivery.reconcile import reconcile
from slipway.delivery.status import describe_status, read_status
from slipway.delivery.targets.registry import find_target
from slipway.errors import DataError, DeliveryError
from slipway.evaluation.result import find_metric, read_evaluation
from slipway.monitoring.result import MonitorResult


@pytest.fixture
def project(fresh, tmp_path, monkeypatch):
    """Both environments score the holdout's rows of the toy."""
    found = fresh.copy(tmp_path / "project")
    lines = ["[tool.slipway]", "results = 3", f'problem = "{found.package}"']
    for name in ENVIRONMENTS:
        lines += [f"[tool.slipway.environments.{name}]", 'target = "batch"', 'input = "rows"']
        lines += [f'output = "{name}.parquet"', 'keep = ["key"]']
    (found.root / "pyproject.toml").write_text("\n".join(lines))
    (found.root / "rows").mkdir()
    found.holdout.to_parquet(found.root / "rows" / "today.parquet")
    monkeypatch.chdir(found.root)
    return found


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_release_goes_through_the_gate_and_the_ledger_and_each_run_has_its_lineage(project):
    root = project.root
    with pytest.raises(DeliveryError, match="production has no release, as entry 0 of the ledger says"):
        run_batch(root, "production", quiet)
    old = first(project)
    assert (old.entry.target, old.smoke.digest) == ("batch", old.entry.serving.bundle)
    assert old.smoke.golden_rows >= 16
    assert all(f"no run from here yet: `slipway run {each.environment}`" == each.note for each in read_status(root))

    done = run_batch(root, "production", quiet)
    table, lineage = pq.read_table(root / "production.parquet"), root / "production.parquet.lineage.json"
    bundle = load_bundle(project.bundle)
    assert table.column_names == ["key", "score", "label", "prediction_id"]
    expected = bundle.score(frame_to_columns(bundle.fields, project.holdout))
    assert table["score"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert (done.bundle, done.entry, done.rows, done.invalid) == (bundle.digest, 1, len(project.holdout), 0)
    assert msgspec.json.decode(lineage.read_bytes(), type=type(done)) == done
    assert [*done.input.values()] == [sha256(root / "rows" / "today.parquet")]
    assert [*done.output.values()] == [sha256(root / "production.parquet")]

    new = better(project).digest
    operations.deploy(root, "staging", quiet)
    operations.promote(root, "staging", "production", quiet)
    assert run_batch(root, "production", quiet).bundle == new
    status = {each.environment: each for each in read_status(root)}["production"]
    assert (status.serving, status.runs, status.differs) == (new, new, None)
    assert f"{len(project.holdout):,} rows by {new[:12]} (entry 2)" in describe_status(status)
    operations.rollback(root, "production", "scores drifted", quiet)
    assert not reconcile(root, "production", quiet).changed
    assert run_batch(root, "production", quiet).bundle == bundle.digest


def test_a_run_that_fails_leaves_the_scores_and_the_lineage_of_the_run_before(project):
    first(project)
    run_batch(project.root, "production", quiet)
    out = project.root / "production.parquet"
    before = out.read_bytes(), lineage_path(out).read_bytes()
    project.holdout.assign(usage="much").to_parquet(project.root / "rows" / "today.parquet")
    with pytest.raises(DataError, match="usage"):
        run_batch(project.root, "production", quiet)
    assert (out.read_bytes(), lineage_path(out).read_bytes()) == before
    assert not [*project.root.glob(".production*")]


def test_the_command_scores_another_table_and_prints_its_lineage(project):
    first(project)
    project.holdout.head(7).to_csv(project.root / "seven.csv", index=False)
    words = ["run", "staging", "--input", "seven.csv", "--output", "scores.csv"]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    assert "staging: 7 rows (0 invalid) scored by" in shown.output
    assert "lineage: scores.csv.lineage.json" in shown.output
    assert json.loads((project.root / "scores.csv.lineage.json").read_bytes())["output"] == {
        "scores.csv": sha256(project.root / "scores.csv")
    }


def test_the_monitor_reads_the_runs_as_it_reads_a_service(project):
    """Each row counts once, however often its table is scored; outcomes join by the column `prediction_id`."""
    first(project)
    run_batch(project.root, "production", quiet)
    scored = pq.read_table(project.root / "production.parquet").to_pandas()
    run_batch(project.root, "production", quiet)
    assert pq.read_table(project.root / "production.parquet").to_pandas().equals(scored)
    (segment,) = (project.root / ".slipway/environments/production/log").glob("*.jsonl")
    outcomes = scored[["prediction_id"]].assign(outcome=project.holdout["target"].to_numpy())
    outcomes.to_parquet(project.root / "outcomes.parquet")
    shown = CliRunner().invoke(main, ["monitor", "run", "production", "--outcomes", "outcomes.parquet", "--json"])
    assert shown.exit_code in (0, 1), shown.output
    result = msgspec.json.decode(shown.stdout, type=MonitorResult)
    rows = len(project.holdout)
    assert (result.counts.predictions, result.counts.joined, result.counts.unknown) == (rows, rows, 0)
    newest = result.of_length(28)[-1]
    evaluated = find_metric(read_evaluation(project.root / "metrics.json"), "log_loss")
    assert newest.find("log_loss").figure.value == pytest.approx(evaluated.value, rel=1e-4)
    assert any(each.name.startswith("slice:plan=basic:") for each in newest.measurements)
    assert result.of_length(7)[-1].find("volume")
    assert find_target(project.root, "production").copy_log(project.root / "copy") is None
    assert (project.root / "copy" / segment.name).read_bytes() == segment.read_bytes()


def test_invalid_rows_have_no_identifier_and_another_table_is_another_run(project):
    text = (project.root / "pyproject.toml").read_text()
    invalid = 'invalid = "skip"\nvariables = {SLIPWAY_LOG_INPUTS = "none"}'
    (project.root / "pyproject.toml").write_text(
        text.replace('output = "staging.parquet"', f'output = "s.csv"\n{invalid}')
    )
    first(project)
    run_batch(project.root, "staging", quiet)
    rows = project.root / "rows" / "today.parquet"
    project.holdout.assign(months=project.holdout["months"].mask(project.holdout.index == 1, -5)).to_parquet(rows)
    done = run_batch(project.root, "staging", quiet)
    assert done.invalid == 1
    named = [line.rsplit(",", 1)[1] for line in (project.root / "s.csv").read_text().splitlines()[1:]]
    assert named[1].strip('"') == "" and len({*named}) == len(named)
    log = project.root / ".slipway/environments/staging/log"
    lines = [json.loads(line) for path in log.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert sum(len(line["scores"]) for line in lines) == 2 * len(project.holdout) - 1
    assert len([*log.glob("*.jsonl")]) == 2 and not any("inputs" in line for line in lines)


def test_a_run_that_is_not_logged_has_no_identifiers(project):
    text = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(text.replace('keep = ["key"]', "log = false"))
    first(project)
    run_batch(project.root, "production", quiet)
    assert pq.read_table(project.root / "production.parquet").column_names == ["key", "score", "label"]
    assert "are not logged" in find_target(project.root, "production").copy_log(project.root / "copy")


def test_a_table_that_is_not_there_is_named(project):
    first(project)
    with pytest.raises(
        DataError, match=r"no table to score at .*none\.csv\. Put it there, or name another with --input"
    ):
        run_batch(project.root, "production", quiet, project.root / "none.csv")


def test_a_service_has_no_table(project):
    text = (project.root / "pyproject.toml").read_text()
    text = text.replace('target = "batch"\ninput = "rows"\noutput = "staging.parquet"\nkeep = ["key"]', "port = 1")
    (project.root / "pyproject.toml").write_text(text)
    with pytest.raises(DeliveryError, match=r"staging has the target local, a service.* needs target = \"batch\""):
        run_batch(project.root, "staging", quiet)
