"""Marks for a test that runs in others than its module's scopes."""

import pytest


def in_scopes(*scopes_and_users):
    return pytest.mark.parametrize("scope_and_user", scopes_and_users, ids=" ".join, indirect=True)


ONCE = in_scopes(("container", "agent"))
IN_CONTAINER_SCOPE = in_scopes(("container", "agent"), ("container", "root"))
IN_USER_SCOPE = in_scopes(("user", "agent"))
