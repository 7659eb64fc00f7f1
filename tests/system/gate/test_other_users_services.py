"""With --scope user, the agent can reach a service of another user only if a rule names this host."""

import pytest

from support.behaviours import host
from support.internet import ALLOWED
from support.rootfs import OTHER

MSG_FASTOPEN, TCP_FASTOPEN, NO_COOKIE = 0x20000000, 23, 34
LISTENS = "import builtins; builtins.l = l"  # keeps the socket after the program's end

# A connection of the agent to its own service, which resets it; `early` fetches a cookie for TCP
# Fast Open.
OWN_CONNECTION = f"""
def own_connection(port, source, early):
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("127.0.0.1", port))
    if early: l.setsockopt(6, {TCP_FASTOPEN}, 5)
    l.listen(1)
    c = socket.socket(); c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); c.bind(("127.0.0.1", source))
    if early: c.sendto(b"x", {MSG_FASTOPEN}, ("127.0.0.1", port))
    else: c.connect(("127.0.0.1", port))
    a = l.accept()[0]
    if early: a.recv(1)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    l.close(); a.close(); c.close()
"""


@pytest.fixture
def container(new_container):
    container = new_container()
    container.link.network.sysctl("ipv4/tcp_fastopen", 3)
    return container


@pytest.mark.parametrize("near", ["loopback", "own"])
def test_a_corked_datagram_is_not_delivered_to_this_host(internet, container, near):
    """The kernel would deliver the datagram here: its route is to this host, but its header has
    an admitted address."""
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--scope", "user", "--allow", "allowed.example:4443/udp")
    other = container.start_process_beside(agent, uid=OTHER)
    agent.resolves("allowed.example", 4)
    other.python(f"""
l = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); l.bind(("0.0.0.0", 4443)); l.settimeout(0.5)
{LISTENS}""")
    first = container.link.address[4] if near == "own" else "127.0.0.1"
    agent.python(f"""
for _ in range(2):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for step in (lambda: s.sendto(b"the-secret", socket.MSG_MORE, ({first!r}, 4443)),
                 lambda: s.connect(({ALLOWED[4]!r}, 4443)), lambda: s.send(b"")):
        try: step()
        except OSError: pass""")
    heard = other.python("import builtins\nvalue = str(builtins.l.recvfrom(100))")
    assert not heard["reached"], heard


@pytest.mark.parametrize("before", ["nothing", "an own connection"])
def test_a_syn_to_another_users_service_brings_no_data(container, before):
    agent = container.start_agent("--scope", "user")
    other = container.start_process_beside(agent, uid=OTHER)
    if before == "an own connection":
        prepared = agent.python(OWN_CONNECTION + """
own_connection(5555, 45556, early=False)
own_connection(5555, 45556, early=True)
own_connection(4444, 45555, early=False)""", patience=20)
        assert prepared["reached"], prepared
    other.python(f"""
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("127.0.0.1", 4444))
l.setsockopt(6, {TCP_FASTOPEN}, 5); l.listen(5); l.settimeout(1)
{LISTENS}""")
    agent.python(f"""
c = socket.socket(); c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); c.bind(("127.0.0.1", 45555)); c.settimeout(0.3)
try: c.sendto(b"the-secret", {MSG_FASTOPEN}, ("127.0.0.1", 4444))
except OSError: pass""")
    heard = other.python("import builtins\na = builtins.l.accept()[0]; a.settimeout(1); value = a.recv(100).decode()")
    assert not heard["reached"], heard


def test_a_name_that_leads_to_this_hosts_public_address_opens_no_service_of_others(internet, container):
    own = container.link.address[6]
    internet.upstream.name("allowed.example", host({4: ALLOWED[4], 6: own}))
    agent = container.start_agent("--scope", "user", "--allow", "allowed.example:7443")
    other = container.start_process_beside(agent, uid=OTHER)
    other.python(f"""
l = socket.create_server(("::", 7443), family=socket.AF_INET6)
l.settimeout(3)
{LISTENS}""")
    assert agent.asks_for("allowed.example", "AAAA") == [own]
    agent.python(f"socket.create_connection(({own!r}, 7443), 1).sendall(b'the-secret')")
    heard = other.python("import builtins\na = builtins.l.accept()[0]; a.settimeout(1); value = a.recv(100).decode()")
    assert not heard["reached"], heard


@pytest.mark.parametrize("timestamps", [0, 1])
def test_a_syn_brings_no_data_to_a_service_that_asks_for_no_cookie(container, timestamps):
    container.link.network.sysctl("ipv4/tcp_timestamps", timestamps)
    agent = container.start_agent("--scope", "user")
    other = container.start_process_beside(agent, uid=OTHER)
    other.python(f"""
l = socket.socket(); l.bind(("127.0.0.1", 4444)); l.setsockopt(6, {TCP_FASTOPEN}, 5); l.setsockopt(6, {NO_COOKIE}, 1)
l.listen(5); l.settimeout(1)
{LISTENS}""")
    agent.python(f"""
c = socket.socket(); c.setsockopt(6, {NO_COOKIE}, 1); c.settimeout(0.3)
c.sendto(b"secret", {MSG_FASTOPEN}, ("127.0.0.1", 4444))""")
    heard = other.python("import builtins\na = builtins.l.accept()[0]; a.settimeout(1); value = a.recv(100).decode()")
    assert not heard["reached"], heard
