"""A process whose first thread has ended while the second runs: /proc shows the process as a
zombie."""

import ctypes
import signal
import threading
import time

EXIT = 60 if ctypes.sizeof(ctypes.c_long) == 8 and __import__("platform").machine() == "x86_64" else 93

signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(1000,)).start()
print("ready", flush=True)
ctypes.CDLL(None).syscall(EXIT, 0)
