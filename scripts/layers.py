#!/usr/bin/python3
"""Checks that a file includes only files of its own folder or of a layer above it.

docs/architecture.md describes the layers, in the same order.
"""

import pathlib
import re
import sys

if sys.argv[1:2] in (["-h"], ["--help"]):
    print(__doc__)
    sys.exit()

LAYERS = [line.split() for line in (pathlib.Path(__file__).parent.parent / "src/layers").read_text().splitlines()]

RANK = {folder: rank for rank, layer in enumerate(LAYERS) for folder in layer}
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def folder_of(path: pathlib.Path) -> str:
    """The module of a file: include/ostiary/<module>/… or src/<module>/…"""
    parts = path.parts
    return parts[2] if parts[0] == "include" else parts[1]


def problems(path: pathlib.Path):
    own = folder_of(path)
    if own in ("main.cc", "pch"):
        return
    if own not in RANK:
        yield f"{path}: the folder {own} is in no layer"
        return
    for include in INCLUDE.findall(path.read_text()):
        if not include.startswith("ostiary/"):
            if "/" in include and not include.startswith(f"{own}/"):
                yield f"{path}: includes {include}, a private header of another folder"
            continue
        other = include.split("/")[1]
        if other != own and RANK.get(other, len(LAYERS)) >= RANK[own]:
            yield f"{path}: {own} includes {include}, which is not in a layer above it"


def main() -> int:
    files = [path for top in ("include", "src") for path in pathlib.Path(top).rglob("*") if path.suffix in (".h", ".cc")]
    found = [problem for path in sorted(files) for problem in problems(path)]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
