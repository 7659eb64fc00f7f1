"""Reads and writes protocol buffers without a schema: a message is a list of field values by number."""

import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(data):
    """{number: [value, …]} of a message. A value is an int, or bytes that may be another message."""
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


def field(number, value):
    """A field of a message: an int that is not negative, a float, or bytes."""
    if isinstance(value, bytes):
        return _as_varint(number << 3 | BYTES) + _as_varint(len(value)) + value
    if isinstance(value, float):
        return _as_varint(number << 3 | FIXED64) + struct.pack("<d", value)
    return _as_varint(number << 3 | VARINT) + _as_varint(value)


def signed(value):
    """The value of an int64 field."""
    return value - (1 << 64) if value >> 63 else value


def double(value):
    """The value of a double field."""
    return struct.unpack("<d", value.to_bytes(8, "little"))[0]


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _as_varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _as_varint(value >> 7)
