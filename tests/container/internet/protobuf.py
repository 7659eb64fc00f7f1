"""Protocol buffers without a schema: a message is the list of its fields' values, by number."""

import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(data):
    """{number: [value, …]} of a message; a value is an int, or bytes, which may be a message again."""
    found, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == VARINT:
            value, at = _varint(data, at)
        elif key & 7 == BYTES:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        elif key & 7 in (FIXED64, FIXED32):
            size = 8 if key & 7 == FIXED64 else 4
            value, at = int.from_bytes(data[at:at + size], "little"), at + size
        else:
            raise ValueError(f"wire type {key & 7} at {at}")
        if at > len(data):
            raise ValueError("ends in the middle of a field")
        found.setdefault(key >> 3, []).append(value)
    return found


def signed(value):
    """What an int64 field holds."""
    return value - (1 << 64) if value >> 63 else value


def double(value):
    """What a double field holds."""
    return struct.unpack("<d", value.to_bytes(8, "little"))[0]


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
