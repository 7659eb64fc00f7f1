"""Fixtures for the tests against a real collector: the Internet and containers of the system tests. A test whose program is
missing is skipped: tests/observability/build makes them."""

import pytest

from support.otelcol import OTELCOL
from system.conftest import binary, scratch  # noqa: F401
from system.gate.conftest import clear_records, internet, new_container, session_internet  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def built():
    if not OTELCOL.exists():
        pytest.skip("there is no collector: install Go 1.25 or newer, and run tests/observability/build")
