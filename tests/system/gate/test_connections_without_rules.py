"""--scope user, and another root of the machine removes the rules for a moment. When they are back,
the connections that the agent began meanwhile have ended: the kernel would send what is left in a
closed one, and such packets have no owner that a rule could match."""

import contextlib
import fcntl
import signal
import socket
import struct
import sys
import termios
import threading

import pytest

from support.behaviours import host
from support.internet import ALLOWED, UNLISTED
from support.waiting import eventually

RETRANSMISSION = 3.0  # seconds; enough for several retransmissions
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
OWN_PORT = 7400
ACCOMPLICE_PORT = 7777

# A signed connection (RFC 2385) ignores the rules' refusal, a RST without a signature.
SIGN = """
def sign(connection, peer):
    octets = socket.inet_pton(connection.family, peer)
    address = struct.pack("=H2x4s120x" if len(octets) == 4 else "=H6x16s104x", connection.family, octets)
    key = struct.pack("=BBHI80s", 0, 0, 3, 0, b"key")
    connection.setsockopt(socket.IPPROTO_TCP, 14, address + key)  # TCP_MD5SIG
"""
CONNECT = SIGN + """
s = socket.socket({family})
sign(s, {address!r})
s.settimeout(3)
s.connect(({address!r}, {port}))
s.setblocking(False)
sys.modules["__main__"].kept["meanwhile"] = s"""
# More than the accomplice's window, so that some is left.
SEND_AND_CLOSE = """
s = sys.modules["__main__"].kept.pop("meanwhile")
with contextlib.suppress(OSError):
    while True:
        s.send(b"secret" * 10000)
s.close()"""


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


@pytest.fixture
def agent(internet, container, family):
    agent = container.start_agent("--scope", "user", "--allow", "allowed.example")
    agent.resolves("allowed.example", family)
    internet.forget()
    return agent


@pytest.fixture
def accomplice(internet, container, family):
    """A listener outside. The kernel accepts its connections, and nobody reads."""
    functions = {"socket": socket, "struct": struct}
    exec(SIGN, functions)
    with internet.network.entered():
        listener = socket.create_server((UNLISTED[family], ACCOMPLICE_PORT), family=FAMILIES[family])
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        functions["sign"](listener, container.link.address[family])
        listener.settimeout(5)
        yield listener


@contextlib.contextmanager
def without_rules(container, agent):
    rules = container.rules()
    agent.session.signal(signal.SIGSTOP)
    try:
        container.nft("delete table inet ostiary")
        yield
    finally:
        agent.session.signal(signal.SIGCONT)
    eventually(lambda: container.rules() == rules, "the rules are right")
    container.eventually_audited("tampering", response="repaired")


def run(agent, script):
    outcome = agent.python("import contextlib, struct\n" + script)
    assert outcome["reached"], outcome


def connecting(family):
    return CONNECT.format(family=int(FAMILIES[family]), address=UNLISTED[family], port=ACCOMPLICE_PORT)


def waiting(connection):
    """The number of octets that have arrived and are not read."""
    number = bytearray(4)
    fcntl.ioctl(connection, termios.FIONREAD, number)
    return int.from_bytes(number, sys.byteorder)


def read_all(connection):
    """The number of octets that arrive until nothing comes for a while."""
    connection.settimeout(RETRANSMISSION)
    octets = 0
    with contextlib.suppress(OSError):
        while data := connection.recv(1 << 20):
            octets += len(data)
    return octets


def test_one_that_the_agent_closed_meanwhile_sends_nothing_more(internet, container, agent, accomplice, family):
    with without_rules(container, agent):
        run(agent, connecting(family) + SEND_AND_CLOSE)
        other_end, _ = accomplice.accept()
    arrived = waiting(other_end)
    with other_end:
        assert read_all(other_end) == arrived


def test_one_that_the_agent_closes_later_sends_nothing(internet, container, agent, accomplice, family):
    with without_rules(container, agent):
        run(agent, connecting(family))
        other_end, _ = accomplice.accept()
    with other_end:
        run(agent, SEND_AND_CLOSE)
        assert read_all(other_end) == 0


def test_one_to_an_allowed_host_goes_on(container, agent, family):
    agent.open_flow("kept", ALLOWED[family], 443)
    with without_rules(container, agent):
        pass
    eventually(lambda: ALLOWED[family] in container.admitted_addresses(), "it is admitted again")
    assert agent.use_flow("kept")["reached"]


def test_one_between_the_agents_own_processes_goes_on(container, agent, family):
    loopback = "127.0.0.1" if family == 4 else "::1"
    run(agent, f"""
listener = socket.create_server(({loopback!r}, {OWN_PORT}), family={int(FAMILIES[family])})
client = socket.create_connection(({loopback!r}, {OWN_PORT}), 3)
server, _ = listener.accept()
sys.modules["__main__"].kept["own"] = listener, client, server""")
    with without_rules(container, agent):
        pass
    run(agent, """
_, client, server = sys.modules["__main__"].kept["own"]
for one, other in ((client, server), (server, client)):
    one.settimeout(3)
    other.settimeout(3)
    one.sendall(b"hello")
    assert other.recv(5) == b"hello" """)


def test_one_that_the_other_side_sends_in_first_ends(container, agent, accomplice, family):
    """The kernel then takes it as begun outside."""
    stop = threading.Event()

    def send():
        with contextlib.suppress(OSError):
            while not stop.wait(0.001):
                other_end.send(b"come in")

    with without_rules(container, agent):
        run(agent, connecting(family))
        other_end, _ = accomplice.accept()
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
    with other_end:
        run(agent, SEND_AND_CLOSE)
        assert read_all(other_end) == 0
        stop.set()


@pytest.mark.parametrize("answered", [False, True])
def test_a_flow_of_datagrams_goes_on_only_if_the_other_side_answers_when_the_rules_are_back(internet, container, agent, family,
                                                                                           answered):
    with internet.network.entered():
        other_end = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
    send = f'''
s = sys.modules["__main__"].kept.setdefault("datagrams", socket.socket({int(FAMILIES[family])}, socket.SOCK_DGRAM))
with contextlib.suppress(PermissionError):
    s.sendto(b"%s", ({UNLISTED[family]!r}, {ACCOMPLICE_PORT}))'''
    with other_end:
        other_end.bind((UNLISTED[family], ACCOMPLICE_PORT))
        other_end.settimeout(1)
        with without_rules(container, agent):
            run(agent, send % "meanwhile")
            octets, agents_address = other_end.recvfrom(100)
            assert octets == b"meanwhile"
        if answered:
            other_end.sendto(b"answer", agents_address)
        run(agent, send % "later")
        if answered:
            assert other_end.recv(100) == b"later"
        else:
            with pytest.raises(TimeoutError):
                other_end.recv(100)


def test_clients_that_connect_without_pause_do_not_keep_the_rules_from_being_repaired(internet, container, agent, family):
    run(agent, f"""
import threading
listener = socket.create_server(("::", {OWN_PORT}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
def accept():
    while True:
        kept.append(listener.accept()[0])
        del kept[:-50]
kept = sys.modules["__main__"].kept.setdefault("accepted", [])
threading.Thread(target=accept, daemon=True).start()""")
    stop = threading.Event()

    def connect():
        with internet.network.entered():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    socket.create_connection((container.link.address[family], OWN_PORT), 0.1).close()

    clients = [threading.Thread(target=connect) for _ in range(2)]
    for each in clients:
        each.start()
    try:
        for number in range(1, 4):
            container.nft("delete table inet ostiary")
            eventually(lambda: len(container.audit("tampering", response="repaired")) == number, "it is repaired")
    finally:
        stop.set()
        for each in clients:
            each.join()


def test_a_service_answers_new_connections(container, agent, family):
    with without_rules(container, agent):
        pass
    assert container.connect_from_outside(agent, OWN_PORT, family) == b"hello"
