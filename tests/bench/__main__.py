"""Runs the measurements, prints them, and writes docs/benchmarks.md with its plots and figures.
See scripts/bench."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from bench import collector, machine, page, record, table
from bench.figures import Figure
from bench.measure import MODULES
from bench.programs import OSTIARY
from support.project import ROOT

DOCS = ROOT / "docs"


def measured(module, effort):
    """The figures of a module, one by one. Raises an exception if one could not be measured."""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    command = [*as_root, "env", f"PYTHONPATH={ROOT / 'tests'}", f"OSTIARY_BINARY={OSTIARY}",
               "unshare", "-mn", "--propagation", "private", "--kill-child", "-f",
               sys.executable, "-B", "-m", "bench.measure", module, effort]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield Figure.from_json(json.loads(line))
    if process.returncode != 0:
        raise RuntimeError(f"{module} could not be measured")


def arguments():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--small", action="store_true", help="only whether everything can be measured")
    parser.add_argument("--into", type=pathlib.Path, metavar="FOLDER",
                        help="write the page there, with the figures of modules that were not measured as they are there; "
                             "else a whole run writes it to docs/")
    parser.add_argument("--page", action="store_true", help="measure nothing: make the page anew from its figures")
    given = parser.parse_args()
    if unknown := set(given.modules) - set(MODULES):
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MODULES)}")
    return given


def main():
    given = arguments()
    into = given.into or (None if given.small or given.modules else DOCS)
    if given.page:
        page.write(record.read(into or DOCS), into or DOCS)
        return 0
    figures, failures = [], []
    modules = given.modules or list(MODULES)
    if "collector" in modules and (missing := collector.missing()):
        print(missing, file=sys.stderr)
        modules.remove("collector")
        if not given.small:
            failures.append(missing)
    for module in modules:
        try:
            for figure in measured(module, "small" if given.small else "whole"):
                figures.append(figure)
                print(table.of(figure), flush=True)
        except RuntimeError as error:
            failures.append(error)
            print(error, file=sys.stderr, flush=True)
    print(table.bounds(figures))
    if into and not failures:
        measured_now = record.Record(machine.facts(), figures)
        keeps_others = given.modules and (into / record.NAME).exists()
        record.write(record.merged(record.read(into), measured_now) if keeps_others else measured_now, into)
        page.write(record.read(into), into)
    return 1 if failures else 0


sys.exit(main())
