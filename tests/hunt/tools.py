"""The programs of a hunt, for the tests."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.project import ROOT


def tools_for(binary):
    """Skips the test if they are not built. `binary`: the program under test."""
    folder = Path(os.environ.get("OSTIARY_BINARY", ROOT / "build" / "ostiary")).parent / "tests" / "hunt"
    if not (folder / "hunt_agent").exists():
        pytest.skip(f"{folder} has no hunt_agent")
    return SimpleNamespace(ostiary=binary, agent=folder / "hunt_agent", outside=folder / "hunt_outside")
