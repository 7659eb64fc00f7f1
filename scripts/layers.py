#!/usr/bin/python3
"""Checks where the sources stand:
- A file includes only files of its own folder or of a layer above it. So modules form no cycle.
- A header in include/ is one that another module includes, or that such a header includes.
- No header includes a library of templates, which each source would compile again.
- Each source in src/ and tests/ is named in a meson.build.

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
TEMPLATES = re.compile(r'^#include [<"]((?:nlohmann/json|CLI)(?:/|\.).*)[>"]', re.MULTILINE)


def folder_of(path: pathlib.Path) -> str:
    """The module of a file: include/ostiary/<module>/… or src/<module>/…"""
    parts = path.parts
    return parts[2] if parts[0] == "include" else parts[1]


def out_of_layer(path: pathlib.Path, includes):
    own = folder_of(path)
    if own in ("main.cc", "relay_main.cc", "pch"):
        return
    if own not in RANK:
        yield f"{path}: the folder {own} is in no layer"
        return
    for include in includes:
        if not include.startswith("ostiary/"):
            if "/" in include and not include.startswith(f"{own}/"):
                yield f"{path}: includes {include}, a private header of another folder"
            continue
        other = include.split("/")[1]
        if other != own and RANK.get(other, len(LAYERS)) >= RANK[own]:
            yield f"{path}: {own} includes {include}, which is not in a layer above it"


def needlessly_public(includes):
    """Headers in include/ that other modules do not need. `includes` has those of each file."""
    needed = set()
    waiting = [
        header
        for path, names in includes.items()
        for header in (pathlib.Path("include", name) for name in names if name.startswith("ostiary/"))
        if folder_of(header) != folder_of(path)
    ]
    while waiting:
        header = waiting.pop()
        if header not in needed:
            needed.add(header)
            waiting += [pathlib.Path("include", name) for name in includes.get(header, []) if name.startswith("ostiary/")]
    for path in includes:
        if path.parts[0] == "include" and path not in needed:
            yield f"{path}: no other module includes it: move it to src/{folder_of(path)}/"


def slow_headers(files):
    for path in files:
        if path.suffix == ".h":
            for library in TEMPLATES.findall(path.read_text()):
                yield f"{path}: includes {library}, which takes seconds to compile: include it in a source"


def not_built():
    builds = [pathlib.Path("meson.build"), *pathlib.Path("src").rglob("meson.build"), *pathlib.Path("tests").rglob("meson.build")]
    # A name without .cc may stand for the source of a target, as those of the fuzz targets do.
    named = {build.parent / f"{name}.cc" for build in builds for name in re.findall(r"'([\w/]+)(?:\.cc)?'", build.read_text())}
    for top in ("src", "tests"):
        for path in sorted(pathlib.Path(top).rglob("*.cc")):
            if path not in named:
                yield f"{path}: no meson.build names it"


def main() -> int:
    files = sorted(path for top in ("include", "src") for path in pathlib.Path(top).rglob("*") if path.suffix in (".h", ".cc"))
    includes = {path: INCLUDE.findall(path.read_text()) for path in files}
    found = [problem for path, names in includes.items() for problem in out_of_layer(path, names)]
    found += [*needlessly_public(includes), *slow_headers(files), *not_built()]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
