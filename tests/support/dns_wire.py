"""A DNS question and its answer, as far as a benchmark needs them."""

import struct


class NoAddress(Exception):
    pass


def ask(asker, name):
    """Asks over this connected socket."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    asker.send(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1))
    answer = asker.recv(2048)
    _, flags, _, answers, *_ = struct.unpack_from("!6H", answer)
    if flags & 0xf or answers != 1:
        raise NoAddress(f"{name}: {answer.hex()}")
    return answer
