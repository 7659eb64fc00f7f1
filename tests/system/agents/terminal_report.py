"""Reports whether it is in the terminal's foreground, and the size of the terminal: at the start,
and after each change. Ends when it reads a line."""

import os
import signal
import sys


def say(text):
    os.write(1, f"{text}\n".encode())


def say_size(*_):
    size = os.get_terminal_size(0)
    say(f"size {size.lines}x{size.columns}")


signal.signal(signal.SIGWINCH, say_size)
say(f"own group {os.getpgrp() == os.getpid()}")
say(f"foreground {os.tcgetpgrp(0) == os.getpgrp()}")
say_size()
sys.stdin.readline()
