"""The tests on the next Debian release, with other libraries and another compiler. In its own
file, so that it is built in parallel."""

import pytest

from test_boot import (  # noqa: F401
    test_a_missing_program_is_reported,
    test_one_capability_is_enough_for_the_gate_and_its_self_test,
    test_ostiary_is_the_entrypoint_and_claude_the_command,
    test_plan_needs_no_capability,
    test_stopping_the_container_sends_the_agent_sigterm,
    test_the_container_ends_with_the_agents_status,
    test_without_the_capability_the_boot_ends_and_names_the_flag,
)
from test_contents import (  # noqa: F401
    added,
    test_ostiary_adds_few_octets,
    test_ostiary_adds_only_the_program_and_its_libraries,
    test_root_owns_the_program_and_only_root_can_write_it,
)


@pytest.fixture(scope="module")
def release():
    return "trixie"
