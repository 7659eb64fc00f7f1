"""Makes orphans. `orphans.py COUNT`: they end at once. `orphans.py COUNT held`: they end when a
line is read. Then waits for a line, and exits with status 9."""

import os
import sys

count, held = int(sys.argv[1]), sys.argv[2:] == ["held"]
reading, writing = os.pipe()
for _ in range(count):
    parent = os.fork()
    if parent == 0:
        if os.fork() == 0 and held:
            os.close(writing)
            os.read(reading, 1)
        os._exit(0)
    os.waitpid(parent, 0)
os.write(1, b"made\n")
if held:
    sys.stdin.readline()
    os.close(writing)
    os.write(1, b"let go\n")
sys.stdin.readline()
sys.exit(9)
