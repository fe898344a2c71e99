"""Loaded by Schemathesis: what the format `date-time-local` names, times of a real calendar without a zone."""

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("date-time-local", st.datetimes().map(lambda when: when.isoformat()))
