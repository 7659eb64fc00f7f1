"""--scope user: the agent's user is confined as in its own container. Other users of the machine
are not affected."""

import os
import socket

import pytest

from support.agent import code
from support.behaviours import host
from support.internet import ALLOWED, PUBLIC_RESOLVER, RESOLVER, UNLISTED
from support.outcomes import assert_reached, assert_refused
from support.rootfs import AGENT, OTHER
from support.services import plain
from support.waiting import eventually

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
def confined(request, container, agent):
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
    """Connects without sending data: the listening service does not answer."""
    return agent.python(f"socket.create_connection(({address!r}, {port}), 3).close()")


# The agent is confined ----------------------------------------------------------------------------

def test_the_agent_cannot_reach_an_unlisted_address(internet, confined, transport, family):
    assert_refused(confined.connect(UNLISTED[family], 443, transport), internet)


def test_the_agent_reaches_an_allowed_name_on_its_port(internet, confined, family):
    assert confined.resolves("allowed.example", family) == [ALLOWED[family]]
    assert_reached(confined.connect(ALLOWED[family], 443))
    internet.forget()
    assert_refused(confined.connect(ALLOWED[family], 80), internet)


def test_the_agents_unlisted_name_is_not_sent(internet, confined, transport, family):
    for server in (RESOLVER, PUBLIC_RESOLVER, LOOPBACK):
        assert code(confined.asks("unlisted.example", server=server[family], transport=transport)) == "NXDOMAIN"
    assert internet.packets() == []


def test_the_agents_c_library_asks_the_gate_although_resolv_conf_names_another_server(internet, confined):
    assert confined.run("getent", "ahostsv4", "unlisted.example")["status"] != 0
    assert ALLOWED[4] in confined.run("getent", "ahostsv4", "allowed.example")["out"]
    assert "unlisted.example" not in internet.upstream.names()


def test_a_user_namespace_does_not_make_the_agent_another_user(internet, confined):
    script = f"import socket; socket.create_connection(({UNLISTED[4]!r}, 443), 0.3)"
    assert confined.run("unshare", "-Ur", "/usr/bin/python3", "-IS", "-c", script)["status"] != 0
    assert internet.packets() == []


def test_the_self_test_ran_and_everything_was_held(container, agent):
    probes = {event["probe"]: event["outcome"] for event in container.audit("probe")}
    assert len(probes) > 20 and set(probes.values()) <= {"held", "not_tried"}
    assert probes["TCP to an unlisted IPv4 address"] == probes["UDP to an unlisted IPv6 address"] == "held"


def test_a_denied_packet_is_audited(container, confined):
    confined.connect(UNLISTED[4], 9000)
    container.eventually_audited("deny", kind="packet", address=UNLISTED[4], port=9000, uid=AGENT)


# It cannot get out through other users ------------------------------------------------------------

@pytest.mark.parametrize("sport", [45001])
def test_the_agent_cannot_reuse_another_users_finished_flow(internet, container, confined, bystander, sport, family):
    """For a while, the kernel accepts packets of any process with that port as part of the flow."""
    source = (container.link.address[family], sport)
    assert_reached(bystander.connect(UNLISTED[family], 443, "udp", source=source))
    internet.forget()
    assert_refused(confined.connect(UNLISTED[family], 443, "udp", source=source), internet)


def test_the_agent_cannot_reuse_the_flow_of_another_users_question(internet, container, confined, bystander, family):
    source = (container.link.address[family], 45002)
    assert bystander.asks("unlisted.example", server=RESOLVER[family])
    bystander.connect(RESOLVER[family], 53, "udp", source=source)
    internet.forget()
    confined.connect(RESOLVER[family], 53, "udp", source=source)
    assert internet.packets() == [] and internet.upstream.queries == []


def test_the_agent_cannot_reuse_the_port_of_a_question_of_the_gate(internet, confined):
    confined.resolves("allowed.example")
    asked = [q for q in internet.upstream.queries if q.transport == "udp"]
    if not asked:
        return  # from the cache: the first test of the module asked for it
    source = (plain(asked[0].client[0]), asked[0].client[1])
    internet.forget()
    confined.connect(asked[0].server, 53, "udp", source=source)
    assert internet.upstream.queries == [] and internet.packets() == []


def test_another_users_local_service_cannot_be_reached(container, confined, bystander, family):
    listen(bystander, "tcp", ROOTS_PORT)
    try:
        for address in (LOOPBACK[family], container.link.address[family]):
            outcome = connect_only(confined, address, ROOTS_PORT)
            assert outcome["error"] == "ECONNREFUSED" and outcome["seconds"] < 2.5, outcome
    finally:
        bystander.close_flow("tcp")


FAST_OPEN, MSG_FASTOPEN = 23, 0x20000000


def test_another_users_local_service_gets_no_data_with_a_syn(container, confined, bystander, family):
    """TCP Fast Open. The cookie depends only on the addresses, so that the agent can get it from
    its own service."""
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
        outcome = confined.python(serve + f"""
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
        confined.close_flow("early")
        bystander.close_flow("early")


def test_another_users_local_service_gets_no_datagram(confined, bystander, family):
    listen(bystander, "udp", ROOTS_PORT, "udp")
    outcome = confined.connect(LOOPBACK[family], ROOTS_PORT, "udp")
    assert outcome["error"] in ("EPERM", "EACCES", "ECONNREFUSED"), outcome
    heard = bystander.python("""
s = sys.modules["__main__"].kept["udp"]
s.settimeout(0.1)
s.recv(10)""")
    bystander.close_flow("udp")
    assert heard.get("error") == "timeout", heard


def test_a_local_service_that_a_rule_names_can_be_reached(confined, bystander, family):
    listen(bystander, "opened", OPENED_PORT)
    try:
        assert_reached(connect_only(confined, LOOPBACK[family], OPENED_PORT))
    finally:
        bystander.close_flow("opened")


def test_the_agents_own_services_can_be_reached(container, confined, family):
    for number, address in enumerate((LOOPBACK[family], container.link.address[family])):
        port = OWN_PORT + 10 * family + number
        outcome = confined.python(f"""
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


# Other users are not affected ---------------------------------------------------------------------

def test_other_users_can_reach_everything(bystander, transport, family):
    for port in (443, 80, 9999):
        assert_reached(bystander.connect(UNLISTED[family], port, transport))


def test_other_users_questions_go_to_the_server_that_they_ask(internet, bystander, transport, family):
    reply = bystander.asks("unlisted.example", "A" if family == 4 else "AAAA", server=RESOLVER[family],
                           transport=transport)
    assert code(reply) == "NOERROR"
    assert [query.server for query in internet.upstream.queries] == [RESOLVER[family]]


def test_resolv_conf_does_not_change(container, agent):
    assert container.read("/etc/resolv.conf") == "".join(f"nameserver {RESOLVER[family]}\n" for family in (4, 6))


def test_other_users_can_use_loopback(bystander, transport, family):
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


def test_other_users_can_reach_the_agents_services(agent, bystander, family):
    port = 7100 + family
    listen(agent, f"for others {bystander.session.pid}", port)
    try:
        assert_reached(connect_only(bystander, LOOPBACK[family], port))
    finally:
        agent.close_flow(f"for others {bystander.session.pid}")


def test_forwarded_packets_of_others_pass(internet, container, agent, family):
    with container.container_inside(family) as out:
        eventually(lambda: out.sendto(b"out", (UNLISTED[family], 443)) and internet.packets(), "it is forwarded")


# Start and end ------------------------------------------------------------------------------------

@pytest.fixture
def private_container(new_container):
    return new_container()


def refused(container, status, *flags, **how):
    result = container.boot("touch", "/work/started", flags=[*USER_SCOPE, *flags], **how)
    assert result.status == status and not container.exists("/work/started"), result
    assert container.tables() == []
    return result.stderr.splitlines()[-1]


def test_root_cannot_be_the_agents_user(private_container):
    assert "--user" in refused(private_container, 78)


def test_the_gates_user_cannot_be_the_agents_user(private_container):
    assert "53053" in refused(private_container, 78, "--user", "53053:53053")


def test_another_scope_is_refused(private_container):
    result = private_container.boot("true", flags=["--scope", "users", "--user", "agent"])
    assert result.status == 78 and "container nor user" in result.stderr, result


def test_a_user_that_already_has_a_process_is_refused(private_container):
    earlier = private_container.launch("sleep", "1000", uid=AGENT)
    eventually(lambda: open(f"/proc/{earlier.pid}/comm").read() == "sleep\n", "it runs")
    result = private_container.beside(earlier, OSTIARY, "run", "--no-derive", *USER_SCOPE, "--user", "agent", "--", "true")
    line = result.stderr.splitlines()[-1]
    assert result.status == 69 and "process 1 (sleep)" in line and "user of its own" in line, result
    assert private_container.tables() == []


@pytest.mark.parametrize("fd, name", [(0, "standard input"), (1, "standard output")])
def test_a_network_socket_of_another_process_is_not_inherited(private_container, fd, name):
    result = private_container.boot("touch", "/work/started", flags=[*USER_SCOPE, "--user", "agent"],
                                    prepare=lambda: os.dup2(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(), fd))
    assert result.status == 69 and not private_container.exists("/work/started"), result
    assert f"{name} is a network socket" in result.stderr


@pytest.mark.parametrize("mode, status", [(0o666, 69), (0o600, 0)], ids=["all users", "root only"])
def test_a_service_that_acts_for_its_clients_is_found(private_container, mode, status):
    private_container.mkdir("/run/nscd")
    path = str(private_container.at("/run/nscd/socket"))
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(path)
        service.listen()
        os.chmod(path, mode)
        result = private_container.boot("touch", "/home/agent/started", flags=[*USER_SCOPE, "--user", "agent"])
        assert result.status == status and private_container.exists("/home/agent/started") == (status == 0), result
        assert ("/run/nscd/socket" in result.stderr) == (status != 0)


def test_a_session_does_not_inherit_a_network_socket_either(container, agent):
    result = container.beside(agent.session, OSTIARY, "exec", "--", "true",
                              prepare=lambda: os.dup2(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(), 0))
    assert result.status == 69 and "standard input is a network socket" in result.stderr, result


def test_the_rules_are_removed_at_the_end(private_container):
    agent = private_container.start_agent(*USER_SCOPE)
    assert private_container.rules()
    agent.session.close_stdin()
    assert agent.session.wait().status == 0
    assert private_container.rules() == ""


def test_the_plan_shows_the_scope(private_container):
    plan = private_container.plan(*USER_SCOPE, "--user", "agent")
    assert plan["scope"] == "user" and private_container.plan()["scope"] == "container"
    assert "user 1000 alone" in private_container.run("plan", *USER_SCOPE, "--user", "agent").stdout


def test_deleted_rules_are_restored(internet, private_container, family):
    agent = private_container.start_agent(*USER_SCOPE)
    rules = private_container.rules()
    private_container.nft("delete", "table", "inet", "ostiary")
    eventually(lambda: private_container.rules() == rules, "the rules are back")
    internet.forget()  # without the rules, the last packets of a closed connection leave
    assert_refused(agent.connect(UNLISTED[family], 443), internet)
