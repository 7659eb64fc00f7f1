"""The page that agent, outside and operator share. tests/hunt/shared.h has the same offsets."""

import mmap
import struct

WORKERS, REMEMBERED = 8, 64
FIRST_WORKER = 152
SIZE = FIRST_WORKER + WORKERS * 8 * (1 + REMEMBERED)


class _Number:
    """A number in the page: read from there, and written there, at each use."""

    def __init__(self, offset, form):
        self._offset, self._form = offset, form

    def __get__(self, page, owner):
        return struct.unpack_from(self._form, page.map, self._offset)[0]

    def __set__(self, page, value):
        struct.pack_into(self._form, page.map, self._offset, value)


class Page:
    """All three processes see an assignment such as page.stop = 1 at once."""

    stop = _Number(0, "I")
    pause = _Number(4, "I")
    excused = _Number(8, "I")
    epoch = _Number(12, "I")
    ended = _Number(16, "I")
    times = _Number(20, "I")
    request = _Number(24, "Q")
    request_done = _Number(32, "Q")
    request_seed = _Number(40, "Q")
    wire_packets = _Number(48, "Q")
    wire_lost = _Number(56, "Q")
    wire_excused = _Number(64, "Q")
    wire_admitted = _Number(72, "Q")
    injected = _Number(80, "Q")
    questions = _Number(88, "Q")
    restarts = _Number(96, "Q")
    excused_until = _Number(104, "Q")
    flushes = _Number(112, "Q")
    killed_until = _Number(120, "Q")
    relayed = _Number(128, "Q")
    named = _Number(136, "Q")
    relay_kills = _Number(144, "Q")

    def __init__(self, path):
        path.write_bytes(bytes(SIZE))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def programs(self):
        """The number of programs that have been run."""
        return sum(struct.unpack_from("Q", self.map, FIRST_WORKER + worker * 8 * (1 + REMEMBERED))[0]
                   for worker in range(WORKERS))
