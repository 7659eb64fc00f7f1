"""Fixtures for names on shared addresses: an Internet of web servers, and agents whose flows are held."""

import pytest

from support.hosting import HostingInternet, start


@pytest.fixture(scope="module")
def internet(scratch, tmp_path_factory):
    made = HostingInternet(tmp_path_factory.mktemp("authority"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def container(shared_container, scope_and_user):
    return shared_container(check_names="on")


@pytest.fixture(scope="module")
def agent(request, container, scope_and_user):
    """Its policy is the module's POLICY."""
    return start(container, *scope_and_user, request.module.POLICY)


# For one test.

@pytest.fixture
def own_container(new_container):
    return new_container(check_names="on")


@pytest.fixture
def own_agent(request, own_container, scope_and_user):
    return start(own_container, *scope_and_user, request.module.POLICY)
