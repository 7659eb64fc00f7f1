"""ClientHellos of TLS, octet by octet, also ones that no library writes."""

import struct

HANDSHAKE, CHANGE_CIPHER_SPEC, APPLICATION_DATA = 22, 20, 23
SERVER_NAME, ALPN, PADDING, ENCRYPTED_HELLO = 0, 16, 21, 0xFE0D
SHA256_OF_A_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
P384 = 24
SESSION = bytes(range(32))


def extension(kind, content):
    return struct.pack("!HH", kind, len(content)) + content


def server_name(*names):
    """The extension with these names, which are text or octets."""
    octets = [name if isinstance(name, bytes) else name.encode() for name in names]
    listed = b"".join(struct.pack("!BH", 0, len(name)) + name for name in octets)
    return extension(SERVER_NAME, struct.pack("!H", len(listed)) + listed)


_SHARE = extension(51, struct.pack("!HHH", 36, 29, 32) + bytes(range(1, 33)))  # x25519
_REST = (extension(43, b"\x04\x03\x04\x03\x03") + extension(10, struct.pack("!HHH", 4, 29, P384)) + _SHARE +
         extension(13, struct.pack("!HHHHHH", 10, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805)) + extension(11, b"\x01\x00"))


def message(*names, before=b"", after=b"", padding=0):
    """The handshake message. Without names it has no extension server_name.

    before, after: further extensions
    padding: the octets of the extension padding, which comes first
    """
    extensions = (extension(PADDING, bytes(padding)) if padding else b"") + before + \
        (server_name(*names) if names else b"") + _REST + after
    suites = struct.pack("!HHHHHH", 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0x00FF)
    body = (b"\x03\x03" + bytes(range(32, 64)) + bytes([len(SESSION)]) + SESSION + struct.pack("!H", len(suites)) + suites +
            b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions)
    return b"\x01" + len(body).to_bytes(3, "big") + body


def record(content, kind=HANDSHAKE):
    return struct.pack("!BHH", kind, 0x0301, len(content)) + content


def records(content, size=16384, kind=HANDSHAKE):
    """The content in records of at most `size` octets."""
    return b"".join(record(content[at:at + size], kind) for at in range(0, len(content), size))


def hello(*names, **how):
    return records(message(*names, **how))


def retry_request():
    """A HelloRetryRequest that asks for a key share of P-384."""
    extensions = extension(43, b"\x03\x04") + extension(51, struct.pack("!H", P384))
    body = (b"\x03\x03" + SHA256_OF_A_RETRY + bytes([len(SESSION)]) + SESSION + b"\x13\x01\x00" +
            struct.pack("!H", len(extensions)) + extensions)
    return record(b"\x02" + len(body).to_bytes(3, "big") + body)
