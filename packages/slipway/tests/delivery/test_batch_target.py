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
from slipway.errors import DataError, DeliveryError


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
    assert table.column_names == ["key", "score", "label"]
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


def test_a_service_has_no_table(project):
    text = (project.root / "pyproject.toml").read_text()
    text = text.replace('target = "batch"\ninput = "rows"\noutput = "staging.parquet"\nkeep = ["key"]', "port = 1")
    (project.root / "pyproject.toml").write_text(text)
    with pytest.raises(DeliveryError, match=r"staging has the target local, a service.* needs target = \"batch\""):
        run_batch(project.root, "staging", quiet)
