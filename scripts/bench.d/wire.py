"""DNS messages, as far as a benchmark needs them."""

import struct


def question(name, identifier):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", identifier, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


class NoAddress(Exception):
    pass


def ask(asker, name, identifier=1):
    """Over that connected socket."""
    asker.send(question(name, identifier))
    answer = asker.recv(2048)
    _, flags, _, answers, *_ = struct.unpack_from("!6H", answer)
    if flags & 0xf or answers != 1:
        raise NoAddress(f"{name}: {answer.hex()}")
    return answer
