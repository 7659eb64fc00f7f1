"""A process 1 that outlives its children: it starts COUNT idle processes and COMMAND, reaps all
children, and reports when COMMAND ends.

init.py COUNT COMMAND...
"""

import os
import signal
import sys


def start(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(127)
    return child


def run():
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.execvp(sys.argv[2], sys.argv[2:])


for _ in range(int(sys.argv[1])):
    start(signal.pause)
child = start(run)
while True:
    try:
        ended, status = os.wait()
    except ChildProcessError:
        signal.pause()
    if ended == child:
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
