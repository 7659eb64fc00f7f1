"""Programs for an agent that send packets with a false header and a secret as payload. They
return nothing: the test looks at the wire."""

import struct

SECRET = b"the-secret-of-the-agent-" * 8
ACCOMPLICE = {4: "203.0.113.99", 6: "2001:db8:99::99"}


def checksum(octets):
    """The checksum of the Internet, for an even number of octets."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    return ~(total + (total >> 16) + (total + (total >> 16) >> 16)) & 0xFFFF


_BEGIN = f"""
SECRET = {SECRET!r}
ACCOMPLICE = {ACCOMPLICE!r}
IPV6_FREEBIND, IPV6_RTHDR, IP_MULTICAST_IF, IP_FREEBIND = 78, 57, 32, 15
def attempt(action):
    try:
        action()
    except OSError:
        pass
def index_of(name):
    return socket.if_nametoindex(name)
"""


def from_a_foreign_source(kind, to, port):
    """An IPv6 socket may bind any address."""
    return _BEGIN + f"""
for source in (ACCOMPLICE[6], "fe80::99"):
    with socket.socket(socket.AF_INET6, socket.{'SOCK_DGRAM' if kind == 'udp' else 'SOCK_STREAM'}) as s:
        s.settimeout(0.05)
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        s.bind((source, 0, 0, index_of("eth0") if source.startswith("fe80") else 0))
        attempt(lambda: s.connect(({to!r}, {port})))
        for _ in range({3 if kind == 'udp' else 1}):
            attempt(lambda: s.send(SECRET))
"""


def from_a_multicast_interface(to, port):
    """A failed connect() changes the source of the corked datagram."""
    return _BEGIN + f"""
for number in range(40):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        interface = struct.pack("4s4si", b"\\0" * 4, socket.inet_aton(ACCOMPLICE[4]), index_of("eth0"))
        attempt(lambda: s.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_IF, interface))
        attempt(lambda: s.sendto(SECRET, socket.MSG_MORE, ({to!r}, {port})))
        attempt(lambda: s.connect(("224.0.0.1", {port})))
        attempt(lambda: s.send(b""))
"""


def from_a_mapped_address(own):
    """An IPv6 ping socket that was connected over IPv4."""
    return _BEGIN + f"""
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6) as s:
    attempt(lambda: s.connect(("::ffff:{own}", 0)))
    for _ in range(3):
        attempt(lambda: s.sendto(b"\\x80\\0\\0\\0\\0\\0\\0\\0" + SECRET, ("::", 0)))
"""


def by_a_source_route(admitted, port):
    """The admitted host would forward the packet."""
    return _BEGIN + f"""
final = socket.inet_pton(socket.AF_INET6, ACCOMPLICE[6])
first = socket.inet_pton(socket.AF_INET6, {admitted[6]!r})
segments = struct.pack("!BBBBBBH", 0, 4, 4, 1, 1, 0, 0) + final + first
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET6, kind) as s:
        s.settimeout(0.2)
        attempt(lambda: s.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, segments))
        attempt(lambda: s.connect(({admitted[6]!r}, {port})))
        attempt(lambda: s.send(SECRET))
for option in (131, 137):  # loose, strict
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(0.2)
        route = bytes([option, 11, 4]) + socket.inet_aton({admitted[4]!r}) + socket.inet_aton(ACCOMPLICE[4]) + b"\\0"
        attempt(lambda: s.setsockopt(socket.IPPROTO_IP, 4, route))
        attempt(lambda: s.connect((ACCOMPLICE[4], {port})))
        attempt(lambda: s.send(SECRET))
"""


def along_another_route(family, towards, own, port):
    """A corked datagram has the route of the first destination and the header of the second, in
    an accepted flow."""
    kind = "AF_INET6" if family == 6 else "AF_INET"
    return _BEGIN + f"""
for number in range(20):
    for second in ({own!r}, {'"::1"' if family == 6 else '"127.0.0.1"'}):
        with socket.socket(socket.{kind}, socket.SOCK_DGRAM) as service, socket.socket(socket.{kind}, socket.SOCK_DGRAM) as s:
            service.bind((second, 0))
            service.settimeout(0.01)
            s.bind((second, 0))
            attempt(lambda: s.sendto(b"hello", service.getsockname()))
            attempt(lambda: service.sendto(b"hello", service.recvfrom(10)[1]))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with socket.socket(socket.{kind}, socket.SOCK_DGRAM) as corked:
                port_of_s = s.getsockname()[1]
                s.close()
                corked.bind(("::" if {family} == 6 else "0.0.0.0", port_of_s))
                attempt(lambda: corked.sendto(SECRET, socket.MSG_MORE, ({towards!r}, {port})))
                attempt(lambda: corked.connect(service.getsockname()))
                attempt(lambda: corked.send(b""))
"""


# Directly onto the link ---------------------------------------------------------------------------

_LINK = """
SO_DONTROUTE, IP_PKTINFO, IP_UNICAST_IF, IPV6_PKTINFO, IPV6_UNICAST_IF = 5, 8, 50, 50, 76
def device(s, name):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
def unrouted(s):
    s.setsockopt(socket.SOL_SOCKET, SO_DONTROUTE, 1)
def chosen(s, name):
    if s.family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_IF, struct.pack("!I", index_of(name)))
    else:
        s.setsockopt(socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack("!I", index_of(name)))
def with_pktinfo(s, name, flags=0):
    if s.family == socket.AF_INET6:
        info = (socket.IPPROTO_IPV6, IPV6_PKTINFO, struct.pack("16sI", bytes(16), index_of(name)))
    else:
        info = (socket.IPPROTO_IP, IP_PKTINFO, struct.pack("I8x", index_of(name)))
    s.sendmsg([SECRET], [info], flags, TO)
def say(s, flags=0):
    s.connect(TO)
    s.send(SECRET, flags)
    if s.type == socket.SOCK_STREAM:
        s.recv(10)
"""

# The statements before say(s), or instead of it, on a new socket s. `near` is an address on the
# link, `interface` an interface of the container.
STRAIGHT = {
    "SO_DONTROUTE": "unrouted(s); say(s)",
    "SO_DONTROUTE when connected": "s.connect(TO); unrouted(s); s.send(SECRET)",
    "SO_DONTROUTE on an interface": "device(s, {interface!r}); unrouted(s); say(s)",
    "an interface": "device(s, {interface!r}); say(s)",
    "an interface when connected": "s.connect(TO); unrouted(s); device(s, {interface!r}); s.send(SECRET)",
}
STRAIGHT_BY_DATAGRAM = {
    "MSG_DONTROUTE": "s.sendto(SECRET, socket.MSG_DONTROUTE, TO)",
    "MSG_DONTROUTE on an interface": "device(s, {interface!r}); s.sendto(SECRET, socket.MSG_DONTROUTE, TO)",
    "SO_DONTROUTE and IP_PKTINFO": "unrouted(s); with_pktinfo(s, {interface!r})",
    "MSG_DONTROUTE and IP_PKTINFO": "with_pktinfo(s, {interface!r}, socket.MSG_DONTROUTE)",
    "SO_DONTROUTE and IP_UNICAST_IF": "unrouted(s); chosen(s, {interface!r}); s.sendto(SECRET, TO)",
    "a corked datagram": "s.sendto(SECRET, socket.MSG_MORE, NEAR); s.connect(TO); s.send(b'')",
    "a corked datagram without a route": "unrouted(s); s.sendto(SECRET, socket.MSG_MORE, NEAR); s.connect(TO); s.send(b'')",
    "IP_PKTINFO": "with_pktinfo(s, {interface!r})",
    "IP_UNICAST_IF": "chosen(s, {interface!r}); s.sendto(SECRET, TO)",
}


def straight(form, kind, to, port, near, interface="eth0", mapped=False):
    """With `mapped`, an IPv6 socket sends IPv4 packets."""
    six = mapped or ":" in to
    prefix = "::ffff:" if mapped else ""
    return _BEGIN + _LINK + f"""
TO, NEAR = ({prefix + to!r}, {port}), ({prefix + near!r}, {port})
with socket.socket(socket.AF_INET{'6' if six else ''}, socket.{'SOCK_DGRAM' if kind == 'udp' else 'SOCK_STREAM'}) as s:
    s.settimeout(0.3)
    def send():
        {(STRAIGHT | STRAIGHT_BY_DATAGRAM)[form].format(interface=interface)}
    attempt(send)
    attempt(send)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that nothing is sent after this test
"""
