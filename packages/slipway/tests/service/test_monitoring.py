"""The monitor's last report on the site of the service whose log it measured: its page, and its gauges in /metrics."""

import os
from pathlib import Path

import pytest
from alarmbox import NOW, SKILL, make_window, result
from prometheus_client.parser import text_string_to_metric_families
from running import serving

from slipway.bundle.verify import read_sealed, start_bundle
from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.page import render_monitor_page
from slipway.monitoring.report.textfile import write_textfile
from slipway.serving.app.keys import Scope, new_key
from slipway.serving.app.shared import share_state
from slipway.serving.log import LogWriter
from slipway.serving.log.report import LARGEST_MB, write_report_files
from slipway.serving.server.worker import assemble_app
from slipway.serving.settings import read_settings

# A name of a category comes from a client.
SLICE = 'slice:carrier="A\\B"\n:excess'
FIGURES = [Measurement(name=name, figure=Figure(value=0.25)) for name in ("skill", SLICE)]
RESULT = result(SKILL, windows=[make_window(*FIGURES, days=28)])


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    (folder / "monitoring").mkdir(parents=True)
    return folder


@pytest.fixture
def site(churn, log):
    """The routes of a worker, without a server in front of them."""
    settings = read_settings({}, log=log)
    sealed = read_sealed(churn.bundle.path)
    shared = share_state(settings, sealed, 0.0)
    return assemble_app(shared, 0, start_bundle(sealed), LogWriter(settings)).load_site().test_client()


def gauges_of(site):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(site.get("/metrics").text)
        for sample in family.samples
        if "monitor" in sample.name
    }


def test_the_last_report_is_shown_as_it_is_and_the_next_one_in_its_place(site, log):
    for text in (render_monitor_page(RESULT), "<p>the next one</p>"):
        write_report_files(log, {"report.html": text.encode()})
        answer = site.get("/monitoring")
        assert (answer.status_code, answer.text) == (200, text)
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_may_show_its_style_and_run_nothing(site, log):
    write_report_files(log, {"report.html": render_monitor_page(RESULT).encode()})
    rules = site.get("/monitoring").headers["content-security-policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "frame-ancestors 'none'"} <= {*rules}
    assert not [each for each in rules if "script" in each or "allow" in each]


def test_without_a_report_a_page_says_how_to_get_one(site):
    answer = site.get("/monitoring")
    assert answer.status_code == 404
    assert answer.content_type == "text/html; charset=utf-8"
    assert "slipway monitor run" in answer.text
    for address in ('href="static/page.css', 'href="./"'):
        assert address in answer.text


def place_link(log, secret):
    (log / "monitoring" / "report.html").symlink_to(secret)
    (log / "monitoring" / "gauges.prom").symlink_to(secret)


def place_folder_link(log, secret):
    (log / "monitoring").rmdir()
    (log / "monitoring").symlink_to(secret.parent)


def place_pipe(log, _secret):
    os.mkfifo(log / "monitoring" / "report.html")
    os.mkfifo(log / "monitoring" / "gauges.prom")


def place_folder(log, _secret):
    (log / "monitoring" / "report.html").mkdir()
    (log / "monitoring" / "gauges.prom").mkdir()


def place_huge(log, secret):
    for name in ("report.html", "gauges.prom"):
        (log / "monitoring" / name).write_bytes(secret.read_bytes())
        os.truncate(log / "monitoring" / name, (LARGEST_MB << 20) + 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("place", [place_link, place_folder_link, place_pipe, place_folder, place_huge])
def test_what_is_not_a_file_of_ordinary_size_is_not_read(site, log, tmp_path, place):
    secret = tmp_path / "secret" / "report.html"
    secret.parent.mkdir()
    secret.write_text("slipway_monitor_secret 1\n")
    secret.with_name("gauges.prom").write_text("slipway_monitor_secret 1\n")
    place(log, secret)
    assert site.get("/monitoring").status_code == 404
    answer = site.get("/metrics")
    assert answer.status_code == 200
    assert "secret" not in answer.text


def test_nothing_else_of_the_folder_can_be_read(churn, log):
    write_report_files(log, {"report.html": b"the report", "notes.html": b"mine"})
    (log / "report.html").write_text("mine")
    with serving(churn.bundle.path, log) as service:
        for name in ("notes.html", "report.html", "../report.html", "%2e%2e/report.html", "gauges.prom", ""):
            answer = service.ask.get(f"/monitoring/{name}")
            assert answer.status_code == 404 and "mine" not in answer.text
        assert service.ask.get("/monitoring").text == "the report"


def test_the_page_needs_a_key_where_the_service_does(churn, log, tmp_path):
    write_report_files(log, {"report.html": b"the report"})
    file = tmp_path / "keys.json"
    keys = {scope: new_key(file, scope.value, scope) for scope in Scope}
    with serving(churn.bundle.path, log, auth="keys", api_keys_file=file) as service:
        assert service.ask.get("/monitoring").status_code == 401
        assert service.ask.get("/monitoring", auth=("me", keys[Scope.METRICS])).status_code == 401
        assert service.ask.get("/monitoring", auth=("me", keys[Scope.SERVICE])).text == "the report"


def test_the_gauges_of_the_report_are_metrics_of_the_service(site, log):
    write_textfile(log / "monitoring" / "gauges.prom", RESULT, NOW)
    found = gauges_of(site)
    production = ("environment", "production")
    assert found["slipway_monitor_alarms", production] == 1
    assert found["slipway_monitor_last_run_timestamp_seconds", production] == NOW.timestamp()
    for name in ("skill", SLICE):
        assert found["slipway_monitor_measurement", production, ("measurement", name), ("window", "28")] == 0.25


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        b"slipway_monitor_alarms{environment=",
        b'slipway_monitor_alarms{environment="a"} many\n',
        b"# TYPE slipway_requests counter\nslipway_requests_total 7\n",
        b"# TYPE slipway_workers gauge\nslipway_workers 7\n",
        b"# TYPE slipway_monitor_alarms histogram\nslipway_monitor_alarms_count 7\n",
    ],
)
def test_gauges_that_are_malformed_or_not_the_monitors_are_left_out(site, log, text):
    before = site.get("/metrics").text
    Path(log / "monitoring" / "gauges.prom").write_bytes(text)
    assert site.get("/metrics").text == before
