import pytest


@pytest.fixture(scope="module", params=[("container", "root"), ("user", "agent")], ids=" ".join)
def scope_and_user(request):
    """In container scope an ordinary user can do no more than root."""
    return request.param
