"""--scope user: the agent's user is held as in a container of its own; whoever else is on the machine is not touched."""

import os
import socket

import pytest

from support.behaviours import host
from support.outcomes import assert_reached, assert_refused
from support.rootfs import AGENT, OTHER
from support.services import plain
from support.agent import code
from support.waiting import eventually
from support.internet import ALLOWED, PUBLIC_RESOLVER, RESOLVER, UNLISTED

OSTIARY = "/opt/bin/ostiary"
USER_SCOPE = ["--scope", "user"]
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
OWN_PORT, ROOTS_PORT, OPENED_PORT = 7400, 7500, 7600


@pytest.fixture(scope="module")
def container(shared_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("unlisted.example", host(UNLISTED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container):
    return container.start_agent(*USER_SCOPE, "--allow", "allowed.example", "--allow", f"127.0.0.1:{OPENED_PORT}",
                      "--allow", f"[::1]:{OPENED_PORT}")


@pytest.fixture(scope="module", params=["the agent", "ostiary exec"])
def held(request, container, agent):
    return agent if request.param == "the agent" else container.start_process_beside(agent, OSTIARY, "exec", "--")


@pytest.fixture(scope="module", params=[0, OTHER], ids=["root", "another user"])
def bystander(request, container, agent):
    return container.start_process_beside(agent, uid=request.param)


@pytest.fixture(params=["tcp", "udp"])
def transport(request):
    return request.param


def listen(agent, handle, port, transport="tcp"):
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET6, socket.{'SOCK_STREAM' if transport == 'tcp' else 'SOCK_DGRAM'})
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", {port}))
{'s.listen()' if transport == 'tcp' else ''}
sys.modules["__main__"].kept[{handle!r}] = s""")
    assert outcome["reached"], outcome


def connect_only(agent, address, port):
    """Without a word: the service that listens does not answer."""
    return agent.python(f"socket.create_connection(({address!r}, {port}), 3).close()")


# The agent is held ------------------------------------------------------------------------------------------

def test_the_agent_cannot_reach_an_unlisted_address(internet, held, transport, family):
    assert_refused(held.connect(UNLISTED[family], 443, transport), internet)


def test_the_agent_reaches_an_allowed_name_on_its_port(internet, held, family):
    assert held.resolves("allowed.example", family) == [ALLOWED[family]]
    assert_reached(held.connect(ALLOWED[family], 443))
    internet.forget()
    assert_refused(held.connect(ALLOWED[family], 80), internet)


def test_the_agents_unlisted_name_is_not_sent(internet, held, transport, family):
    for server in (RESOLVER, PUBLIC_RESOLVER, LOOPBACK):
        assert code(held.asks("unlisted.example", server=server[family], transport=transport)) == "NXDOMAIN"
    assert internet.packets() == []


def test_the_agents_c_library_asks_the_gate_though_resolv_conf_names_another(internet, held):
    assert held.run("getent", "ahostsv4", "unlisted.example")["status"] != 0
    assert ALLOWED[4] in held.run("getent", "ahostsv4", "allowed.example")["out"]
    assert "unlisted.example" not in internet.upstream.names()


def test_a_user_namespace_is_no_other_user(internet, held):
    script = f"import socket; socket.create_connection(({UNLISTED[4]!r}, 443), 0.3)"
    assert held.run("unshare", "-Ur", "/usr/bin/python3", "-IS", "-c", script)["status"] != 0
    assert internet.packets() == []


def test_the_self_test_was_made_and_held(container, agent):
    probes = {event["probe"]: event["outcome"] for event in container.audit("probe")}
    assert len(probes) > 20 and set(probes.values()) <= {"held", "not_tried"}
    assert probes["TCP to an unlisted IPv4 address"] == probes["UDP to an unlisted IPv6 address"] == "held"


def test_a_denied_packet_is_audited(container, held):
    held.connect(UNLISTED[4], 9000)
    container.eventually_audited("deny", kind="packet", address=UNLISTED[4], port=9000, uid=AGENT)


# Nor can it get out through somebody else -------------------------------------------------------------------

@pytest.mark.parametrize("sport", [45001])
def test_another_users_finished_flow_is_no_way_out(internet, container, held, bystander, sport, family):
    """For a while the kernel takes whoever has the port for the one who began the flow."""
    source = (container.link.address[family], sport)
    assert_reached(bystander.connect(UNLISTED[family], 443, "udp", source=source))
    internet.forget()
    assert_refused(held.connect(UNLISTED[family], 443, "udp", source=source), internet)


def test_another_users_question_is_no_way_out(internet, container, held, bystander, family):
    source = (container.link.address[family], 45002)
    assert bystander.asks("unlisted.example", server=RESOLVER[family])
    bystander.connect(RESOLVER[family], 53, "udp", source=source)
    internet.forget()
    held.connect(RESOLVER[family], 53, "udp", source=source)
    assert internet.packets() == [] and internet.upstream.queries == []


def test_the_port_of_a_finished_question_of_the_gates_is_no_way_out(internet, held):
    held.resolves("allowed.example")
    asked = [q for q in internet.upstream.queries if q.transport == "udp"]
    if not asked:
        return  # from the cache; the first of the module's tests asked
    source = (plain(asked[0].client[0]), asked[0].client[1])
    internet.forget()
    held.connect(asked[0].server, 53, "udp", source=source)
    assert internet.upstream.queries == [] and internet.packets() == []


def test_a_local_service_of_somebody_elses_is_not_reached(container, held, bystander, family):
    listen(bystander, "tcp", ROOTS_PORT)
    try:
        for address in (LOOPBACK[family], container.link.address[family]):
            outcome = connect_only(held, address, ROOTS_PORT)
            assert outcome["error"] == "ECONNREFUSED" and outcome["seconds"] < 2.5, outcome
    finally:
        bystander.close_flow("tcp")


FAST_OPEN, MSG_FASTOPEN = 23, 0x20000000


def test_a_local_service_of_somebody_elses_hears_no_word_that_comes_with_the_beginning(container, held, bystander, family):
    """TCP Fast Open. The cookie is one of the addresses, so that any service of the agent's own gives it."""
    kind = "socket.AF_INET" + ("6" if family == 6 else "")
    serve = f"""
s = socket.socket({kind}, socket.SOCK_STREAM)
s.setsockopt(socket.IPPROTO_TCP, {FAST_OPEN}, 5)
s.bind(({LOOPBACK[family]!r}, 0))
s.listen()
s.settimeout(0.5)
sys.modules["__main__"].kept["early"] = s
value = s.getsockname()[1]"""
    container.link.network.sysctl("ipv4/tcp_fastopen", 3)
    try:
        port = bystander.python(serve)["answer"]
        outcome = held.python(serve + f"""
for to in (value, {port}):
    c = socket.socket(s.family, socket.SOCK_STREAM)
    c.setblocking(to == value)
    try:
        c.sendto(b"word", {MSG_FASTOPEN}, ({LOOPBACK[family]!r}, to))
    except BlockingIOError:
        sys.modules["__main__"].kept["tried"] = c
value = s.accept()[0].recv(10).decode()""")
        assert outcome.get("answer") == "word", outcome
        heard = bystander.python("""sys.modules["__main__"].kept["early"].accept()[0].recv(10)""")
        assert heard.get("error") == "timeout", heard
    finally:
        container.link.network.sysctl("ipv4/tcp_fastopen", 1)
        held.close_flow("early")
        bystander.close_flow("early")


def test_a_local_service_of_somebody_elses_hears_nothing_over_udp(held, bystander, family):
    listen(bystander, "udp", ROOTS_PORT, "udp")
    outcome = held.connect(LOOPBACK[family], ROOTS_PORT, "udp")
    assert outcome["error"] in ("EPERM", "EACCES", "ECONNREFUSED"), outcome
    heard = bystander.python("""
s = sys.modules["__main__"].kept["udp"]
s.settimeout(0.1)
s.recv(10)""")
    bystander.close_flow("udp")
    assert heard.get("error") == "timeout", heard


def test_a_local_service_that_a_rule_names_is_reached(held, bystander, family):
    listen(bystander, "opened", OPENED_PORT)
    try:
        assert_reached(connect_only(held, LOOPBACK[family], OPENED_PORT))
    finally:
        bystander.close_flow("opened")


def test_the_agents_own_services_are_reached(container, held, family):
    for number, address in enumerate((LOOPBACK[family], container.link.address[family])):
        port = OWN_PORT + 10 * family + number
        outcome = held.python(f"""
server = socket.create_server(("::", {port}), family=socket.AF_INET6, dualstack_ipv6=True)
client = socket.create_connection(({address!r}, {port}), timeout=1)
peer, _ = server.accept()
server.close()
peer.sendall(b"welcome")
peer.close()
value = client.recv(10).decode()""")
        assert outcome["reached"] and outcome["answer"] == "welcome", outcome


def test_a_port_of_the_agents_can_be_reached_from_outside(container, agent, family):
    assert container.connect_from_outside(agent, 7000 + family, family) == b"hello"


# Nobody else is touched -------------------------------------------------------------------------------------

def test_others_reach_whatever_they_like(bystander, transport, family):
    for port in (443, 80, 9999):
        assert_reached(bystander.connect(UNLISTED[family], port, transport))


def test_others_questions_go_where_they_send_them(internet, bystander, transport, family):
    reply = bystander.asks("unlisted.example", "A" if family == 4 else "AAAA", server=RESOLVER[family],
                           transport=transport)
    assert code(reply) == "NOERROR"
    assert [query.server for query in internet.upstream.queries] == [RESOLVER[family]]


def test_resolv_conf_stays_as_it_is(container, agent):
    assert container.read("/etc/resolv.conf") == "".join(f"nameserver {RESOLVER[family]}\n" for family in (4, 6))


def test_others_loopback_is_theirs(bystander, transport, family):
    outcome = bystander.python(f"""
kind = socket.{'SOCK_STREAM' if transport == 'tcp' else 'SOCK_DGRAM'}
server = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, kind)
server.bind(({LOOPBACK[family]!r}, 0))
if kind == socket.SOCK_STREAM:
    server.listen()
client = socket.socket(server.family, kind)
client.settimeout(1)
client.connect(server.getsockname())
client.send(b"hello")
peer = server.accept()[0] if kind == socket.SOCK_STREAM else server
value = peer.recv(10).decode()""")
    assert outcome.get("answer") == "hello", outcome


def test_others_reach_the_agents_services(agent, bystander, family):
    port = 7100 + family
    listen(agent, f"for others {bystander.session.pid}", port)
    try:
        assert_reached(connect_only(bystander, LOOPBACK[family], port))
    finally:
        agent.close_flow(f"for others {bystander.session.pid}")


def test_what_is_forwarded_for_others_passes(internet, container, agent, family):
    with container.container_inside(family) as out:
        eventually(lambda: out.sendto(b"out", (UNLISTED[family], 443)) and internet.packets(), "it is forwarded")


# Beginning and end ------------------------------------------------------------------------------------------

@pytest.fixture
def other_home(new_container):
    return new_container()


def refused(container, status, *flags, **how):
    result = container.boot("touch", "/work/started", flags=[*USER_SCOPE, *flags], **how)
    assert result.status == status and not container.exists("/work/started"), result
    assert container.tables() == []
    return result.stderr.splitlines()[-1]


def test_root_cannot_be_told_from_the_others(other_home):
    assert "--user" in refused(other_home, 78)


def test_the_gates_own_user_is_not_the_agents(other_home):
    assert "53053" in refused(other_home, 78, "--user", "53053:53053")


def test_another_word_is_refused(other_home):
    result = other_home.boot("true", flags=["--scope", "users", "--user", "agent"])
    assert result.status == 78 and "container nor user" in result.stderr, result


def test_a_user_that_has_a_process_already_is_refused(other_home):
    earlier = other_home.launch("sleep", "1000", uid=AGENT)
    eventually(lambda: open(f"/proc/{earlier.pid}/comm").read() == "sleep\n", "it runs")
    result = other_home.beside(earlier, OSTIARY, "run", "--no-derive", *USER_SCOPE, "--user", "agent", "--", "true")
    line = result.stderr.splitlines()[-1]
    assert result.status == 69 and "process 1 (sleep)" in line and "user of its own" in line, result
    assert other_home.tables() == []


@pytest.mark.parametrize("fd, name", [(0, "standard input"), (1, "standard output")])
def test_a_network_socket_that_somebody_else_made_is_not_inherited(other_home, fd, name):
    result = other_home.boot("touch", "/work/started", flags=[*USER_SCOPE, "--user", "agent"],
                             prepare=lambda: os.dup2(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(), fd))
    assert result.status == 69 and not other_home.exists("/work/started"), result
    assert f"{name} is a network socket" in result.stderr


@pytest.mark.parametrize("mode, status", [(0o666, 69), (0o600, 0)], ids=["open to all", "root's"])
def test_a_service_that_acts_for_whoever_asks_is_found(other_home, mode, status):
    other_home.mkdir("/run/nscd")
    path = str(other_home.at("/run/nscd/socket"))
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(path)
        service.listen()
        os.chmod(path, mode)
        result = other_home.boot("touch", "/home/agent/started", flags=[*USER_SCOPE, "--user", "agent"])
        assert result.status == status and other_home.exists("/home/agent/started") == (status == 0), result
        assert ("/run/nscd/socket" in result.stderr) == (status != 0)


def test_nor_is_it_by_a_further_session(container, agent):
    result = container.beside(agent.session, OSTIARY, "exec", "--", "true",
                         prepare=lambda: os.dup2(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(), 0))
    assert result.status == 69 and "standard input is a network socket" in result.stderr, result


def test_the_rules_go_at_the_end(other_home):
    agent = other_home.start_agent(*USER_SCOPE)
    assert other_home.rules()
    agent.session.close_stdin()
    assert agent.session.wait().status == 0
    assert other_home.rules() == ""


def test_the_plan_says_so(other_home):
    plan = other_home.plan(*USER_SCOPE, "--user", "agent")
    assert plan["scope"] == "user" and other_home.plan()["scope"] == "container"
    assert "user 1000 alone" in other_home.run("plan", *USER_SCOPE, "--user", "agent").stdout


def test_rules_that_somebody_deletes_come_back(internet, other_home, family):
    agent = other_home.start_agent(*USER_SCOPE)
    rules = other_home.rules()
    other_home.nft("delete", "table", "inet", "ostiary")
    eventually(lambda: other_home.rules() == rules, "the rules are back")
    assert_refused(agent.connect(UNLISTED[family], 443), internet)
