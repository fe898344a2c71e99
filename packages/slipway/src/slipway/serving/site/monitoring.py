"""The page at `/monitoring`: the last report of the monitor, as it is."""

from flask import Response, render_template

from slipway.serving.app.shared import Shared
from slipway.serving.log.report import LARGEST_MB, REPORT_PAGE, read_report_file
from slipway.serving.site.operations import HTML
from slipway.serving.site.page import EDITION, PAGE_HEADERS

# The report has its style in itself and no script. `sandbox`: whatever the file holds, it can neither run code nor act
# for the person who looks at it.
_REPORT_HEADERS = {
    **PAGE_HEADERS,
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


def show_report(shared: Shared) -> Response:
    """Answer `GET /monitoring`; where there is no report, with 404 and a page that says how to get one."""
    report = read_report_file(shared.settings.log, REPORT_PAGE)
    if report is not None:
        return Response(report, content_type=HTML, headers=_REPORT_HEADERS)
    text = render_template("no_report.html", edition=EDITION, largest_mb=LARGEST_MB)
    return Response(text, status=404, content_type=HTML, headers=PAGE_HEADERS)
