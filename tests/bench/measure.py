"""Runs the measurements of one module in its own namespaces, and prints each figure as a line of
JSON.

bench.__main__ runs it as root: python3 -m bench.measure MODULE whole|small
"""

import dataclasses
import json
import os
import sys

from bench import admissions, boot, collector, memory, pid1
from bench.dns import answers
from bench.figures import Effort
from bench.names import figures as names
from bench.relay import figures as relay

MODULES = {"boot": boot, "pid1": pid1, "dns": answers, "admissions": admissions, "memory": memory,
           "names": names, "relay": relay, "collector": collector}


def main():
    name, effort = sys.argv[1:]
    figures = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of a measured program is not a figure
    for figure in MODULES[name].measure(Effort(small=effort == "small")):
        figure.check()
        print(json.dumps(dataclasses.asdict(figure)), file=figures, flush=True)


if __name__ == "__main__":
    main()
