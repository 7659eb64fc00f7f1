"""The same on the next Debian: other libraries, another compiler. In a file of its own, so that it is built beside the other."""

import pytest

from test_boot import *  # noqa: F401,F403
from test_contents import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def release():
    return "trixie"
