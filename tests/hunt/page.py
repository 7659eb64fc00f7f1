"""The page that agent, outside and operator share. tests/hunt/shared.h has the same offsets."""

import mmap
import struct

WORKERS, REMEMBERED = 8, 64
FIRST_WORKER = 120
SIZE = FIRST_WORKER + WORKERS * 8 * (1 + REMEMBERED)
FIELDS = {"stop": (0, "I"), "pause": (4, "I"), "excused": (8, "I"), "epoch": (12, "I"), "ended": (16, "I"),
          "times": (20, "I"), "request": (24, "Q"), "request_done": (32, "Q"), "request_seed": (40, "Q"),
          "wire_packets": (48, "Q"), "wire_lost": (56, "Q"), "wire_excused": (64, "Q"), "wire_admitted": (72, "Q"),
          "injected": (80, "Q"), "questions": (88, "Q"), "restarts": (96, "Q"),
          "excused_until": (104, "Q"), "flushes": (112, "Q")}


class Page:
    """All three processes see an assignment such as page.stop = 1 at once."""

    def __init__(self, path):
        path.write_bytes(bytes(SIZE))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            object.__setattr__(self, "_map", mmap.mmap(file.fileno(), SIZE))

    def __getattr__(self, name):
        offset, form = FIELDS[name]
        return struct.unpack_from(form, self._map, offset)[0]

    def __setattr__(self, name, value):
        offset, form = FIELDS[name]
        struct.pack_into(form, self._map, offset, value)

    def programs(self):
        """The number of programs that have been run."""
        return sum(struct.unpack_from("Q", self._map, FIRST_WORKER + worker * 8 * (1 + REMEMBERED))[0]
                   for worker in range(WORKERS))
