"""The candidate reads and scores the requests that production accepted; only counts leave the check."""

import msgspec
import pytest
from toybox import reseal, rows_of

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.gate.checks.requests import accepts_requests
from slipway.serving.log.requests import LoggedRequests


def holding(inputs, *rows, **counts):
    sent = tuple(row if isinstance(row, bytes) else msgspec.json.encode(row) for row in rows)
    counts = {"taken": len(rows)} | counts
    return msgspec.structs.replace(inputs, requests=LoggedRequests(rows=sent, **counts))


def test_rows_of_the_log_are_read_and_scored(inputs, inputs_by_toy, toys):
    rows = rows_of(toys[inputs.problem.name])
    found = accepts_requests(holding(inputs, *rows, taken=90, damaged=2, others=1234))
    assert found.passed
    assert found.observed.startswith(f"scored {len(rows)} distinct rows of 90 that ")
    assert found.observed.endswith(", 1,234 of other models, other days or smoke tests, 2 damaged lines")


def test_refusals_are_counted_by_field_and_never_show_a_value(churn_inputs, toys):
    good, *_ = rows_of(toys["churn"])
    wrong = [good | {"plan": "hunter2"}, good | {"plan": "hunter3"}, good | {"months": 99999}, good | {"hunter2": 1}]
    wrong += [{name: value for name, value in good.items() if name != "months"}, [1], b'{"months":1e999}']
    found = accepts_requests(holding(churn_inputs, good, *wrong))
    assert not found.passed
    assert found.observed.startswith(
        "7 refused: 2 by months (expected an integer from 0 to 600), 2 by plan (expected one of basic, family, plus), "
        "1 without months, which is required, and 2 more reasons; 8 distinct rows of 8 that "
    )
    assert "hunter" not in found.observed and "99999" not in found.observed


@pytest.mark.parametrize("error", ["ValueError", "KeyError", "SystemError"])
def test_the_text_of_a_hook_that_refuses_is_not_repeated(churn_inputs, loose_bundle, toys, error):
    text = (loose_bundle / "contract.py").read_text()
    hook = f"    def __post_init__(self):\n        if self.months == 7:\n            raise {error}(self.town)\n"
    reseal(loose_bundle, "contract.py", f"{text}\n{hook}".encode())
    bundle = isolate_bundle(read_sealed(loose_bundle))
    candidate = msgspec.structs.replace(churn_inputs.candidate, bundle=bundle)
    good = rows_of(toys["churn"])[0] | {"months": 7, "town": "hunter"}
    found = accepts_requests(holding(msgspec.structs.replace(churn_inputs, candidate=candidate), good))
    assert not found.passed
    assert (
        found.observed.startswith("1 refused: 1 by __post_init__; 1 distinct rows") and "hunter" not in found.observed
    )


def test_without_a_log_or_without_a_request_in_it_the_check_passes_and_says_so(churn_inputs):
    assert churn_inputs.requests is None
    found = accepts_requests(churn_inputs)
    assert found.passed and "saw no log of production: `slipway gate --log FOLDER` reads one" in found.observed
    found = accepts_requests(holding(churn_inputs, taken=5, without_inputs=5))
    assert found.passed and "the log has no request" in found.observed and "5 logged without inputs" in found.observed
    first = msgspec.structs.replace(churn_inputs, production=None)
    assert accepts_requests(first).passed
