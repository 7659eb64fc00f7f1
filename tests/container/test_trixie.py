"""The tests on the next Debian release, with other libraries and another compiler. In its own
file, so that it is built in parallel."""

import pytest

from test_boot import *  # noqa: F401,F403
from test_contents import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def release():
    return "trixie"
