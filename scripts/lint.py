#!/usr/bin/python3
"""Runs clang-tidy over src/.

    scripts/lint.py BUILD_FOLDER     the build must be of clang, with a compile_commands.json

Most of the time of clang-tidy goes into the standard library's headers, once for each file that it
is given. So the sources of a folder are checked in groups, each included by one generated file. Two
sources that define the same name are never in one group. A group that does not compile is divided,
down to single sources.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

if sys.argv[1:2] in (["-h"], ["--help"]):
    print(__doc__)
    sys.exit()

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANG_TIDY = "clang-tidy-19"
MAX_GROUP = 12  # more sources take more memory, and save little time

DEFINITION = re.compile(
    r"^(?:(?:enum|enum class|class|struct|using|namespace) (\w+)|[A-Za-z_][^=;(\n]*[ *&>](\w+)(?:\(| ?=|\{|;))", re.MULTILINE
)

UNNAMED_NAMESPACE = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)


class Source:
    def __init__(self, path):
        text = path.read_text()
        self.path = path
        own = "".join(UNNAMED_NAMESPACE.findall(text))
        # The names of its unnamed namespace, approximately.
        self.defines = {name for match in DEFINITION.finditer(own) for name in match.groups() if name} - {"std"}
        # Several headers have a namespace of this name, which one in a source would hide.
        self.uses = {"limits"} if "limits::" in text else set()

    def fits(self, group):
        return (
            len(group) < MAX_GROUP
            and self.path.parent == group[0].path.parent
            and not any(self.defines & (each.defines | each.uses) or self.uses & each.defines for each in group)
        )


def grouped(paths):
    groups = []
    for source in map(Source, sorted(paths)):
        fitting = next(filter(source.fits, groups), None)
        if fitting:
            fitting.append(source)
        else:
            groups.append([source])
    return [[source.path for source in group] for group in groups]


class Lint:
    def __init__(self, build_folder):
        self.build_folder = build_folder
        self.folder = build_folder / "lint"
        self.folder.mkdir(exist_ok=True)
        commands = json.loads((build_folder / "compile_commands.json").read_text())
        self.commands = {pathlib.Path(os.path.normpath(build_folder / each["file"])): each for each in commands}

    def sources(self):
        return [source for source in self.commands if source.is_relative_to(ROOT / "src") and source.parent.name != "pch"]

    def command(self, source, checked):
        """How the build compiles `source`, for the generated file `checked`."""
        entry = self.commands[source]
        # A group contains names of several sources. The build itself has this warning.
        arguments = entry["command"].replace(entry["file"], str(checked)).replace("-Wshadow", "")
        return arguments + f" -I{source.parent}"

    def check(self, sources):
        """Returns the findings in these sources, one text each."""
        name = "-".join([sources[0].parent.name, *(source.stem for source in sources[:2]), str(len(sources))])
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        checked = folder / f"{name}.cc"
        checked.write_text(
            "".join(f'#include "{source}"  // NOLINT(bugprone-suspicious-include)\n' for source in sources)
        )
        (folder / "compile_commands.json").write_text(
            json.dumps(
                [
                    {
                        "directory": str(self.build_folder),
                        "file": str(checked),
                        "command": self.command(sources[0], checked),
                    }
                ]
            )
        )
        ran = subprocess.run(
            [CLANG_TIDY, "-quiet", f"--config-file={ROOT / '.clang-tidy'}", "-p", folder, checked],
            capture_output=True,
            text=True,
        )
        if "[clang-diagnostic-error" in ran.stdout and len(sources) > 1:
            half = len(sources) // 2
            return self.check(sources[:half]) + self.check(sources[half:])
        findings = re.findall(r"^.*(?:warning|error): .*$", ran.stdout, re.MULTILINE)
        if ran.returncode != 0 and not findings:
            return [f"{name}: {ran.stderr.strip() or 'clang-tidy failed'}"]
        return findings


def main():
    lint = Lint(pathlib.Path(sys.argv[1]).resolve())
    groups = grouped(lint.sources())
    if not groups:
        sys.exit("lint: the build has no source of src/")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = sorted({finding for found in pool.map(lint.check, groups) for finding in found})
    print("\n".join(findings), end="\n" if findings else "")
    print(f"lint: {sum(map(len, groups))} sources in {len(groups)} groups, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
