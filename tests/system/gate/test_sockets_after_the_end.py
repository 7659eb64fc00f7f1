"""After the rules are removed, no data of the agent is sent, although TCP retransmits for minutes
after a process has ended."""

import time

import pytest

from support.internet import UNLISTED

RETRANSMISSION = 4.0  # seconds; enough for several retransmissions

TO_THE_GATE = """
s = socket.socket(socket.AF_INET6 if ':' in {address!r} else socket.AF_INET)
s.connect(({address!r}, 53))
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
s.setblocking(False)
s.send(b'secret' * 10000)
"""
IN_FLIGHT = """
a, b = socket.socketpair()
for each in (s, a):
    socket.send_fds(b, [b'x'], [each.fileno()])
socket.send_fds(a, [b'x'], [b.fileno()])
a.close(); b.close(); s.close()
"""

# A second connection between the same addresses and ports: the kernel allows it if only one of the
# two is bound to a device. It completes and is closed, and the kernel then finds it first.
SHADOWED = """
def connect(address):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', 16000))
    s.settimeout(5)
    s.connect((address, 53))
    return s

first = connect({address!r})
first.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
first.send(b'secret' * 1000)
first.close()
second = connect({second!r})
second.shutdown(socket.SHUT_WR)
assert second.recv(1) == b''
second.close()
"""


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture(params=[["--scope", "container"], ["--scope", "user"]], ids=["container", "user"])
def scope(request, who):
    if who == "root" and "user" in request.param:
        pytest.skip("--scope user needs an ordinary user")
    return request.param


def packets_after(internet, container, who, flags, script, mapped=False):
    agent = container.start_agent(*flags, who=who, pid_1=False)
    for family in (4, 6):
        address = UNLISTED[family]
        second = "::ffff:" + address if family == 4 and mapped else address
        outcome = agent.python(script.format(address=address, second=second))
        assert outcome["reached"], outcome
    agent.session.close_stdin()
    ended = agent.session.wait()
    assert ended.status == 0, ended
    assert not container.rules()
    internet.forget()
    time.sleep(RETRANSMISSION)
    return internet.packets()


def test_a_closed_socket_sends_nothing(internet, container, who, scope):
    assert packets_after(internet, container, who, scope, TO_THE_GATE) == []


def test_a_socket_in_flight_between_other_sockets_sends_nothing(internet, container, who, scope):
    assert packets_after(internet, container, who, scope, TO_THE_GATE + IN_FLIGHT) == []


@pytest.mark.parametrize("mapped", [False, True], ids=["same-family", "mapped"])
def test_a_closed_socket_with_the_addresses_of_another_sends_nothing(internet, container, who, scope, mapped):
    assert packets_after(internet, container, who, scope, SHADOWED, mapped) == []


def test_a_socket_that_was_passed_to_another_process_sends_nothing_past_the_rules(container, who):
    """A user's socket is destroyed. Root's sockets may belong to another process, so the rules
    stay."""
    holder = container.start_process_without_gate(who)
    assert holder.python("""
unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()
unix.bind('\\0holder')
tcp.bind(('127.0.0.1', 7700))
for each in (unix, tcp):
    each.listen()
sys.modules['__main__'].kept['holder'] = unix, tcp
""")["reached"]
    agent = container.start_agent("--allow-socket", "@holder", who=who, pid_1=False)
    outcome = agent.python("""
sends, passes = socket.socket(), socket.socket(socket.AF_UNIX)
sends.connect(('127.0.0.1', 7700))
sends.setblocking(False)
try:
    while True:
        sends.send(b'secret' * 10000)
except BlockingIOError:
    pass
passes.connect('\\0holder')
socket.send_fds(passes, [b'x'], [sends.fileno()])
""")
    assert outcome["reached"], outcome
    agent.session.close_stdin()
    ended = agent.session.wait()
    assert ended.status == 0, ended
    assert ("still has something to send" in ended.stderr) == bool(container.rules()) == (who == "root"), ended
    holder.session.close_stdin()
    holder.session.wait()
    leave = container.boot("true", flags=["--user", "agent"] if who == "agent" else [], pid_1=False)
    assert leave.status == 0 and not container.rules(), leave
