"""Leaves a zombie child, then executes the command in its arguments."""

import os
import sys

child = os.fork() or os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
os.execvp(sys.argv[1], sys.argv[1:])
