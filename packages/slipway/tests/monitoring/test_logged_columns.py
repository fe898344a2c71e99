"""Timestamps of the log, which are as clients sent them, are read as the service reads them."""

import numpy as np
import pyarrow as pa
import pytest

from slipway.contract import Field, Kind
from slipway.monitoring.intake.logged_columns import to_column

SENT = {
    "2020-01-01T00:00:00Z": "2020-01-01T00:00:00",
    "2020-01-01t00:00:00z": "2020-01-01T00:00:00",
    "2020-01-01T01:00:00+01:00": "2020-01-01T00:00:00",
    "2020-01-01T00:00:00.1234567Z": "2020-01-01T00:00:00.123457",
    "not a time": "NaT",
    "2020-01-01T00:00:00": "NaT",
}


@pytest.mark.parametrize("only", [*SENT, None])
def test_one_unusual_timestamp_leaves_the_others_as_they_are(only):
    texts = [*SENT] if only is None else ["2020-01-02T00:00:00Z", only]
    column = pa.array(texts).dictionary_encode()
    field = Field(name="joined", kind=Kind.TIMESTAMP, zoned=True)
    expected = [SENT.get(text, "2020-01-02T00:00:00") for text in texts]
    found = to_column(field, column)
    assert found.tolist() == np.array(expected, dtype="datetime64[us]").tolist()
