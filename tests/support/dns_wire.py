"""DNS messages as octets, as far as a small client or server needs them. Needs no dnspython, since
demo and benchmarks do without."""

import ipaddress
import struct
from typing import NamedTuple

TYPE_A, TYPE_AAAA = 1, 28
IP_VERSION = {TYPE_A: 4, TYPE_AAAA: 6}
NO_ERROR, NO_SUCH_NAME = 0x8180, 0x8183  # flags of a reply


class NoAddress(Exception):
    pass


class Question(NamedTuple):
    name: str  # in lower case, without the final dot
    type: int
    octets: bytes


def question(name, type=TYPE_A, number=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", type, 1)


def read_question(message):
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    type, = struct.unpack_from("!H", message, at + 1)
    return Question(".".join(labels), type, message[12:at + 5])


def reply(message, asked, addresses, ttl):
    """The reply to a message that asks this question: those addresses that have its type. None for
    a name that does not exist."""
    found = [address.packed for address in map(ipaddress.ip_address, addresses or [])
             if address.version == IP_VERSION.get(asked.type)]
    flags = NO_SUCH_NAME if addresses is None else NO_ERROR
    records = b"".join(struct.pack("!HHHIH", 0xC00C, asked.type, 1, ttl, len(address)) + address for address in found)
    return message[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0) + asked.octets + records


def ask(asker, name):
    """Asks over this connected socket, and returns the reply. It must have one record."""
    asker.send(question(name))
    answer = asker.recv(2048)
    _, flags, _, answers, *_ = struct.unpack_from("!6H", answer)
    if flags & 0xf or answers != 1:
        raise NoAddress(f"{name}: {answer.hex()}")
    return answer
