"""The monitor's run in MLflow: one for each environment and day, linked to the version that serves."""

from datetime import timedelta

import pytest
from alarmbox import NOW, make_window, result
from msgspec.structs import replace

from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.page import write_monitor_page
from slipway.monitoring.report.tracking import log_monitor_run
from slipway.monitoring.result import result_path, write_result


def figures(skill):
    return (
        Measurement(name="skill", figure=Figure(value=skill)),
        Measurement(name="roc_auc", note="one class alone"),
        Measurement(name="drift:usage", figure=Figure(value=0.5)),
    )


def make_result(release):
    windows = [make_window(*figures(0.25), end=NOW - timedelta(days=7), days=7), make_window(*figures(0.125), days=7)]
    return replace(result(windows=windows), problem="churn", release=release)


@pytest.fixture
def log(tmp_path, settings):
    def write_and_log(found):
        path = result_path(tmp_path / "monitoring", found)
        write_result(path, found)
        write_monitor_page(path.with_suffix(".html"), found)
        return log_monitor_run(path, found, settings)

    return write_and_log


def find_runs(client):
    return client.search_runs([client.get_experiment_by_name("churn-monitoring").experiment_id])


def test_a_run_holds_the_figures_by_window_and_is_linked_to_the_version(registered, client, log):
    run = client.get_run(log(make_result(registered.digest)))
    assert run.info.status == "FINISHED"
    assert run.data.tags["slipway.bundle_digest"] == registered.digest
    assert run.data.tags["slipway.model_version"] == "1"
    assert set(run.data.metrics) == {"7d/skill"}
    history = client.get_metric_history(run.info.run_id, "7d/skill")
    assert [each.value for each in history] == [0.25, 0.125]
    assert history[-1].timestamp == NOW.timestamp() * 1000
    (made,) = client.get_run(registered.run_id).outputs.model_outputs
    assert [each.model_id for each in run.inputs.model_inputs] == [made.model_id]
    files = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert files == {"production-2013-12-15.json", "production-2013-12-15.html"}


def test_the_same_result_is_logged_once_and_another_of_that_day_replaces_it(registered, client, log):
    found = make_result(registered.digest)
    first = log(found)
    assert log(found) == first
    assert len(find_runs(client)) == 1
    later = log(replace(found, share=0.5))
    assert [run.info.run_id for run in find_runs(client)] == [later]
    assert later != first
    # Neither the registered run nor its model went with it.
    assert client.get_model_version("churn", "1").run_id == registered.run_id


@pytest.mark.parametrize("release", [None, "0" * 64])
def test_a_release_that_is_not_in_the_store_is_logged_without_a_link(settings, client, log, release):
    run = client.get_run(log(make_result(release)))
    assert "slipway.model_version" not in run.data.tags
    assert not run.inputs.model_inputs
