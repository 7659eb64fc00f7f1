"""All tests run the real program: $OSTIARY_BINARY, or build/ostiary."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support.project import ROOT
from support import namespaces
from support.sandbox import Sandbox


@pytest.fixture(scope="session")
def scratch():
    """A directory in a tmpfs that only the tests and their children see. It is removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make namespaces")
    try:
        namespaces.unshare_mounts()
    except PermissionError as refused:
        pytest.skip(f"needs CAP_SYS_ADMIN, to make namespaces ({refused})")
    with tempfile.TemporaryDirectory(prefix="ostiary-test-") as directory:
        namespaces.mount_memory(directory)
        yield Path(directory)
        namespaces.unmount(directory)


@pytest.fixture(scope="session")
def binary(scratch):
    """A copy, so that a build that runs meanwhile does not change the program under test."""
    built = Path(os.environ.get("OSTIARY_BINARY", ROOT / "build" / "ostiary"))
    if not built.exists():
        pytest.exit(f"{built} is missing: run scripts/build, or set OSTIARY_BINARY", returncode=2)
    shutil.copy(built.with_name("ostiary-relay"), scratch)
    return Path(shutil.copy(built, scratch / "ostiary"))


@pytest.fixture
def sandbox(scratch, binary):
    box = Sandbox(tempfile.mkdtemp(dir=scratch), binary)
    yield box
    box.end()
    shutil.rmtree(box.path)
