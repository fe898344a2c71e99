"""The smoke test against services that are not what was promised."""

import http.server
import threading
from urllib.request import urlopen

import pytest
from projectbox import Project
from running import serving

from slipway.bundle.verify import read_sealed
from slipway.delivery.smoke_test import read_version, run_smoke_test
from slipway.errors import DeliveryError
from slipway.monitoring.effectiveness.counters import count_requests
from slipway.serving.log.reader import read_log


@pytest.fixture
def service(fresh: Project, tmp_path):
    with serving(fresh.bundle, tmp_path / "log", max_rows=1) as found:
        yield found


def test_a_service_of_another_bundle_is_found_out(fresh, service, tmp_path):
    project = fresh.copy(tmp_path / "other")
    project.retrain(trees=3)
    with pytest.raises(DeliveryError, match="serves the bundle"):
        run_smoke_test(service.url, read_sealed(project.bundle))


def test_golden_rows_are_asked_within_the_limits_of_the_service(fresh, service):
    found = run_smoke_test(service.url, read_sealed(fresh.bundle))
    assert found.golden_rows > 1
    assert found.largest_difference < 1e-6


def test_golden_rows_with_other_scores_are_found_out(fresh, service):
    """The service is what it says; what it should give is not what it gives."""
    bundle = read_sealed(fresh.bundle)
    golden = bundle.files["golden.jsonl"].replace(b'"score":0.', b'"score":0.5', 1)
    with pytest.raises(DeliveryError, match="golden row 1 another score"):
        run_smoke_test(service.url, bundle._replace(files=bundle.files | {"golden.jsonl": golden}))


@pytest.mark.parametrize(("golden", "said"), [(b"", "is empty"), (b"{}\n", "expected one golden row a line")])
def test_golden_rows_that_test_nothing_are_refused(fresh, service, golden, said):
    bundle = read_sealed(fresh.bundle)
    with pytest.raises(DeliveryError, match=said):
        run_smoke_test(service.url, bundle._replace(files=bundle.files | {"golden.jsonl": golden}))


def test_a_proxy_is_not_asked_for_what_runs_here(fresh, service, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert read_version(service.url).model.digest == read_sealed(fresh.bundle).digest


def test_something_that_answers_everything_with_a_page_is_no_service(fresh):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>It works</h1>")

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(DeliveryError, match="expected a service of Slipway"):
            run_smoke_test(url, read_sealed(fresh.bundle))
        assert read_version(url) is None
        server.shutdown()


def test_what_a_smoke_test_sends_is_marked_in_the_log_and_no_figure_of_the_service_counts_it(fresh, service, tmp_path):
    run_smoke_test(service.url, read_sealed(fresh.bundle))
    logged = list(read_log(tmp_path / "log"))
    assert len(logged) > 50 and all(each.probe for each in logged)
    with urlopen(f"{service.url}/metrics") as answer:
        text = answer.read().decode()
    counters = count_requests(text)
    assert counters["answered"] == 0 and not any(counters[name] for name in counters if name.startswith("refused:"))
    predicted = [line for line in text.splitlines() if line.startswith("slipway_predictions_total")]
    assert predicted and all(line.endswith(" 0.0") or line.endswith(" 0") for line in predicted)
