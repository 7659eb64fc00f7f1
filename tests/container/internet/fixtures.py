"""Fixtures for the tests that run Claude Code against the stand-in Internet."""

import contextlib

import pytest

from engine.fixtures import containers
from engine.images import Image
from engine.podman import BUILD_PATIENCE
from internet.claude import Claude
from internet.internet import ClaudeInternet

__all__ = ["claude_internet", "claude_image", "claude", "module_claude"]

# Tools with which an agent would try to get out.
TOOLS = """\
FROM {base}
RUN apt-get update && apt-get install --yes --no-install-recommends curl nftables && rm -rf /var/lib/apt/lists/*
"""


@pytest.fixture(scope="session")
def claude_internet(tmp_path_factory):
    made = ClaudeInternet(tmp_path_factory.mktemp("internet"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def claude_image(images, podman, tmp_path_factory):
    """The image of container/Dockerfile with Claude Code, and the tools."""
    claude = images.build("claude")
    context = tmp_path_factory.mktemp("tools")
    (context / "Dockerfile").write_text(TOOLS.format(base=claude.name))
    name = "localhost/ostiary-test-claude-with-tools"
    podman.command("build", "--isolation", "chroot", "--network", "host", "--pull=never", "--layers", "--tag", name,
                   context, timeout=BUILD_PATIENCE)
    return Image(name, claude.base)


@pytest.fixture
def claude(claude_internet, claude_image, podman, tmp_path):
    with a_claude(claude_internet, claude_image, podman, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def module_claude(claude_internet, claude_image, podman, tmp_path_factory):
    """For tests that share one run."""
    with a_claude(claude_internet, claude_image, podman, tmp_path_factory.mktemp("claude")) as made:
        yield made


@contextlib.contextmanager
def a_claude(internet, image, podman, directory):
    with containers(podman) as start:
        made = Claude(internet, image, start, directory)
        try:
            yield made
        finally:
            made.end()
