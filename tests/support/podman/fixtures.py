"""The fixtures of the tests."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from engine.container import Container
from engine.images import Images
from engine.podman import Podman, PodmanFailed
from support.internet import RESOLVER, Internet

__all__ = ["scratch", "podman", "images", "release", "image", "session_internet", "internet", "link", "new_container"]


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
    """new_container(image, *command, network=link, options=()) creates and starts a container with
    NET_ADMIN only.

    network: a link to the Internet; None for no network
    host: a link that stands for the machine's network, with podman's own network behind it
    options: more options of `podman create`
    """
    with containers(podman) as start:
        yield start


@contextlib.contextmanager
def containers(podman):
    """The implementation of new_container, for fixtures of any scope."""
    with contextlib.ExitStack() as made:
        def start(image, *command, network=None, host=None, capabilities=("NET_ADMIN",), env={}, options=()):
            words = [word for name in capabilities for word in ("--cap-add", name)]
            words += [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
            if host:
                words += ["--network", "podman", "--dns", RESOLVER[4]]
            elif network:
                words += ["--network", f"ns:{network.network.path}", "--dns", RESOLVER[4]]
            else:
                words += ["--network", "none"]
            container = Container(podman.inside(host.network) if host else podman, [*words, *options, image.name, *command])
            made.callback(container.end)
            return container.start()
        yield start
