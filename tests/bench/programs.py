"""The program that is measured, and the tools that the build makes to measure it."""

import os
from pathlib import Path

from support.project import ROOT

OSTIARY = Path(os.environ.get("OSTIARY_BINARY", ROOT / "build" / "ostiary"))
TOOLS = OSTIARY.parent / "tests" / "bench"
COREDNS = OSTIARY.parent / "bench" / "coredns"
