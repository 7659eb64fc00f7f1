"""Ignores every signal that can be ignored. So does its child, which has a session of its own."""

import os
import signal

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
os.write(1, b"ready\n")
while True:
    signal.pause()
