"""Reports the signals that it and a child in its process group receive."""

import os
import signal

NAMES = ["HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "ALRM"]
SIGNALS = {getattr(signal, f"SIG{name}"): name for name in NAMES}


def say(text):
    os.write(1, f"{text}\n".encode())


signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
who = "agent" if os.fork() else "child"
say(f"{who} ready")
while True:
    say(f"{who} {SIGNALS[signal.sigwait(SIGNALS)]}")
