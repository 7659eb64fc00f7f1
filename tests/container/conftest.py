"""All tests run images that container/Dockerfile builds from this tree, with podman."""

import pytest

pytest.register_assert_rewrite("support.outcomes")

from engine.fixtures import *  # noqa: F401,F403
from internet.fixtures import *  # noqa: F401,F403
