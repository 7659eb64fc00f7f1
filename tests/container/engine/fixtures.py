"""What the tests ask for."""

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
    """One that is known to run a container; where it cannot, every test is skipped for the same one line."""
    if why := Podman.missing():
        pytest.skip(why)
    made = Podman(scratch)
    made.attempt("image", "prune", "--force", "--filter", "until=168h")  # of what other trees built
    base = Images(made, scratch).base("bookworm")
    try:
        made.command("run", "--rm", "--network", "none", "--cap-add", "NET_ADMIN", base, "true")
    except PodmanFailed as failed:
        pytest.skip(f"podman runs no container here: {str(failed).splitlines()[-1]}")
    return made


@pytest.fixture(scope="session")
def images(podman, scratch):
    return Images(podman, scratch)


@pytest.fixture(scope="module")
def release():
    """Debian's, of the base; a module may have another."""
    return "bookworm"


@pytest.fixture(scope="module")
def image(images, release):
    """ostiary alone."""
    return images.build("ostiary", release)


@pytest.fixture(scope="session")
def session_internet(podman):  # which comes first, so that where there is none that is the reason
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
    """A network for one container, which leads to the world and nowhere else."""
    return internet.attach((4,))


@pytest.fixture
def new_container(podman, internet):  # whose network must be there until the containers have gone
    """
    new_container(image, *command, network=cable, options=()) creates and starts one, with NET_ADMIN and nothing else.
    network: a cable to the world; None for no network
    host: a cable that is the machine's, with podman's own network behind it
    options: more of `podman create`'s
    """
    with containers(podman) as start:
        yield start


@contextlib.contextmanager
def containers(podman):
    """What new_container is, for as long as a fixture of any scope wants it."""
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
