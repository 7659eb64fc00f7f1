"""Runs the measurements of one module in its own namespaces, and prints each figure as a line of
JSON.

run.py calls it as root: measure.py MODULE whole|small
"""

import dataclasses
import importlib
import json
import os
import sys

from figures import Effort


def main():
    name, effort = sys.argv[1:]
    figures = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of a measured program is not a figure
    for figure in importlib.import_module(name).measure(Effort(small=effort == "small")):
        figure.check()
        print(json.dumps(dataclasses.asdict(figure)), file=figures, flush=True)


main()
