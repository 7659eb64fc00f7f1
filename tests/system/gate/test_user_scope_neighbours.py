"""--scope user: the agent's use of ports and flows does not affect other users, and its closed
sockets send nothing out."""

import time

import pytest

from support.behaviours import host
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.rootfs import OTHER

FIRST_PORT, PORTS = 40000, 400
SERVICE = 5432
LOCAL_RESOLVER = "127.0.0.53"
LINGERING = 3  # seconds; the kernel retransmits after 0.2, 0.4, 0.8 …
AT_ONCE, A_SECOND = 4096, 250  # as in nft/ruleset.h


@pytest.fixture(scope="module")
def container(shared_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("unlisted.example", host(UNLISTED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container):
    return container.start_agent("--scope", "user", "--allow", "allowed.example")


@pytest.fixture(scope="module")
def bystander(container, agent):
    return container.start_process_beside(agent, uid=OTHER)


def from_each_port(address, port, action, kind="SOCK_DGRAM"):
    return f"""
value = 0
skipped = []  # ports that are in use
for number in range({PORTS}):
    with socket.socket(socket.AF_INET{'6' if ':' in address else ''}, socket.{kind}) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(({'"::"' if ':' in address else '"0.0.0.0"'}, {FIRST_PORT} + number))
        except OSError:
            skipped.append(number)
            continue
        try:
            {action}
        except OSError:
            pass
"""


def test_another_users_lookups_go_to_the_server_that_they_ask(internet, container, agent, bystander, family):
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\x08unlisted\x07example\0\0\1\0\1"
    assert agent.python(from_each_port(RESOLVER[family], 53, f"s.sendto({question!r}, ({RESOLVER[family]!r}, 53))"))["reached"]
    internet.forget()
    outcome = bystander.python(from_each_port(RESOLVER[family], 53, f"""
            if number % 10:
                continue
            s.settimeout(1)
            s.sendto({question!r}, ({RESOLVER[family]!r}, 53))
            value += s.recv(512)[3] & 15 == 0"""))
    assert outcome["answer"] == PORTS / 10, outcome
    assert len(internet.upstream.queries) == PORTS / 10


def test_another_users_lookups_at_a_resolver_of_this_host_are_answered(container, agent, bystander):
    container.link.network.sysctl("ipv4/ip_unprivileged_port_start", 0)
    assert bystander.python(f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(({LOCAL_RESOLVER!r}, 53))
s.settimeout(1)
sys.modules["__main__"].kept["resolver"] = s""")["reached"]
    agent.python(from_each_port(LOCAL_RESOLVER, 53, f"s.sendto(b'0' * 30, ({LOCAL_RESOLVER!r}, 53))"))
    outcome = bystander.python("resolver = sys.modules['__main__'].kept['resolver']\n"
                               + from_each_port(LOCAL_RESOLVER, 53, f"""
            if number % 10:
                continue
            s.settimeout(1)
            s.sendto(b"question", ({LOCAL_RESOLVER!r}, 53))
            resolver.sendto(b"answer", resolver.recvfrom(100)[1])
            value += s.recv(512) == b'answer'"""))
    assert outcome["answer"] == PORTS / 10, outcome


def test_another_users_connections_to_a_local_service_are_accepted(container, agent, bystander, family):
    loopback = "::1" if family == 6 else "127.0.0.1"
    assert bystander.python(f"""
s = socket.create_server(({loopback!r}, {SERVICE}), family=socket.AF_INET{'6' if family == 6 else ''}, backlog=512)
sys.modules["__main__"].kept["service"] = s""")["reached"]
    agent.python(from_each_port(loopback, SERVICE, f"s.setblocking(False); s.connect(({loopback!r}, {SERVICE}))", "SOCK_STREAM"))
    outcome = bystander.python("service = sys.modules['__main__'].kept['service']\n"
                               + from_each_port(loopback, SERVICE, f"""
            if number % 16:
                continue
            s.settimeout(0.9)
            s.connect(({loopback!r}, {SERVICE}))
            value += 1""", "SOCK_STREAM") + "\nvalue += sum(number % 16 == 0 for number in skipped)")
    bystander.close_flow("service")
    assert outcome.get("answer") == PORTS / 16, outcome


def test_the_number_of_the_agents_flows_is_bounded(container, agent):
    begin = int(container.link.network.command("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))
    outcome = agent.python("""
value = 0
for last in range(1, 4):
    service = socket.create_server((f"127.0.1.{last}", 7000), backlog=16)
    for number in range(4000):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", 20000 + number))
            try:
                s.connect(service.getsockname())
                service.accept()[0].close()
            except OSError:
                value += 1
    service.close()
""", patience=60)
    assert outcome["reached"], outcome
    now = int(container.link.network.command("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))
    most = AT_ONCE + A_SECOND * (outcome["seconds"] + 1)
    assert outcome["answer"] >= 12000 - most and now - begin <= most + 100, (begin, now, outcome)


@pytest.mark.parametrize("to", ["the resolver", "an unlisted address"])
def test_a_closed_socket_sends_nothing_past_the_redirect(internet, container, agent, family, to):
    address = RESOLVER[family] if to == "the resolver" else UNLISTED[family]
    internet.forget()
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_STREAM)
s.settimeout(1)
s.connect(({address!r}, 53))
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.setblocking(False)
value = s.send(b"secret" * 10000)
s.close()""")
    time.sleep(LINGERING)
    assert internet.packets() == [] and outcome["reached"], outcome


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_another_users_closed_connection_to_a_dns_server_delivers_what_it_sent(container, agent, bystander, address):
    container.link.network.sysctl("ipv4/ip_unprivileged_port_start", 0)
    outcome = bystander.python(f"""
server = socket.create_server(({address!r}, 53), family=socket.AF_INET{'6' if ':' in address else ''})
client = socket.create_connection(({address!r}, 53))
client.setblocking(False)
sent = 0
try:
    while True:
        sent += client.send(b"x" * 65536)
except BlockingIOError:
    client.close()
peer, _ = server.accept()
peer.settimeout(3)
while piece := peer.recv(1 << 20):
    sent -= len(piece)
server.close()
value = sent""")
    assert outcome.get("answer") == 0, outcome
