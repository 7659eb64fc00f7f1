"""All tests run images that container/Dockerfile builds from this tree, with podman."""

import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support.outcomes")

from support.claude.claude import a_claude, image_with_tools
from support.claude.internet import ClaudeInternet
from support.internet import Internet
from support.podman.container import containers
from support.podman.images import Images
from support.podman.podman import Podman, PodmanFailed


@pytest.fixture(scope="session")
def scratch():
    with tempfile.TemporaryDirectory(prefix="ostiary-container-test-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def podman(scratch):
    """podman, if it can run a container here. Otherwise all tests are skipped with the same
    reason."""
    if why := Podman.missing():
        pytest.skip(why)
    made = Podman(scratch)
    made.attempt("image", "prune", "--force", "--filter", "until=168h")  # images that other trees built
    base = Images(made, scratch).base("bookworm")
    try:
        made.command("run", "--rm", "--network", "none", "--cap-add", "NET_ADMIN", base, "true")
    except PodmanFailed as failed:
        pytest.skip(f"podman cannot run a container here: {str(failed).splitlines()[-1]}")
    return made


@pytest.fixture(scope="session")
def images(podman, scratch):
    return Images(podman, scratch)


@pytest.fixture(scope="module")
def release():
    """The Debian release of the base image. A module may override it."""
    return "bookworm"


@pytest.fixture(scope="module")
def image(images, release):
    """The image with ostiary only."""
    return images.build("ostiary", release)


@pytest.fixture(scope="session")
def session_internet(podman):  # podman comes first, so that a missing podman is the reason for skipping
    made = Internet()
    yield made
    made.close()


@pytest.fixture
def internet(session_internet):
    session_internet.start_over()
    yield session_internet
    session_internet.start_over()


@pytest.fixture
def link(internet):
    """A network for one container, whose only link leads to the Internet."""
    return internet.attach((4,))


@pytest.fixture
def new_container(podman, internet):  # whose network must exist until the containers are removed
    """Creates and starts containers: see support.podman.container.containers."""
    with containers(podman) as start:
        yield start


# Claude Code against a stand-in for the hosts that it uses -----------------------------------------


@pytest.fixture(scope="session")
def claude_internet(tmp_path_factory):
    made = ClaudeInternet(tmp_path_factory.mktemp("internet"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def claude_image(images, podman, tmp_path_factory):
    """The image of container/Dockerfile with Claude Code, and the tools."""
    return image_with_tools(images, podman, tmp_path_factory.mktemp("tools"))


@pytest.fixture
def claude(claude_internet, claude_image, podman, tmp_path):
    with a_claude(claude_internet, claude_image, podman, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def module_claude(claude_internet, claude_image, podman, tmp_path_factory):
    """For tests that share one run."""
    with a_claude(claude_internet, claude_image, podman, tmp_path_factory.mktemp("claude")) as made:
        yield made
