"""An Internet in which several names share an address, as behind a content delivery network. Its
servers at port 443 and 8443 (TLS), and at 80 and 8080 (HTTP), record every octet that they get."""

import contextlib
import signal
import socket
import ssl
import threading

from support import lenient_web
from support.authority import Authority
from support.behaviours import host
from support.hello import HANDSHAKE, retry_request
from support.internet import Internet
from support.outcomes import AT_ONCE
from support.sandbox import AGENTS
from support.services import PORTS, plain
from support.waiting import PATIENCE, eventually

SHARED = {4: "198.51.100.80", 6: "2001:db8:80::80"}  # of allowed.example, of second.example and of evil.example
ELSEWHERE = {4: "198.51.100.81", 6: "2001:db8:81::81"}
RAW = {4: "198.51.100.82", 6: "2001:db8:82::82"}  # sends first
MIXED = {4: "198.51.100.83", 6: "2001:db8:83::83"}
RETRYING = {4: "198.51.100.84", 6: "2001:db8:84::84"}  # asks for a second hello, and takes what comes
PICKY = {4: "198.51.100.85", 6: "2001:db8:85::85"}  # a real server that asks for another key share
QUIET = {4: "198.51.100.86", 6: "2001:db8:86::86"}  # takes what comes, and ends the connection after a hello
FREE = {4: "198.51.100.87", 6: "2001:db8:87::87"}  # for servers of a test
UNADMITTED = {4: "198.51.100.88", 6: "2001:db8:88::88"}
PLACES = {"allowed": SHARED, "second": SHARED, "evil": SHARED, "odd": SHARED, "elsewhere": ELSEWHERE, "raw": RAW,
          "mixed": MIXED, "web.mixed": MIXED, "retrying": RETRYING, "picky": PICKY, "quiet": QUIET, "free": FREE}
NAMES = [f"{name}.example" for name in PLACES]
BANNER = b"SSH-2.0-stand-in\r\n"
FATAL_ALERT = bytes.fromhex("15030300020228")
HOSTED_PORTS = (443, 8443)
WEB_PORTS = (80, 8080)
RESET = ("ECONNRESET", "EPIPE")  # the latter if the client sends after the reset


class Visit:
    """One connection to a server, and the octets that the server got."""

    def __init__(self, connection, address, port):
        self.connection, self.address, self.port = connection, address, port
        self.octets, self.name, self.ended = b"", None, None
        self.requests = []  # of HTTP: the first line, the host and the body of each

    def read(self):
        """The next octets; none if the client has ended the connection."""
        try:
            data = self.connection.recv(65536)
        except OSError as error:
            self.ended = error
            return b""
        self.octets += data
        self.ended = None if data else "closed"
        return data

    def send(self, data):
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def end(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class HostingInternet(Internet):
    def __init__(self, directory):
        super().__init__([port for port in PORTS if port not in HOSTED_PORTS + WEB_PORTS])
        self.authority = Authority(directory, NAMES)
        self.visited = []
        self.files = {}  # of the servers of HTTP: see lenient_web.serve()
        tls, picky = self.authority.server(), self.authority.server()
        picky.set_ecdh_curve("secp384r1")
        for context in (tls, picky):
            context.sni_callback = _note_name
            context.set_alpn_protocols(["http/1.1", "h2"])
        with_tls = lambda visit: _serve(visit, tls)
        web = lambda visit: lenient_web.serve(visit, self.files)
        self._listeners = []
        for where, serve in ((SHARED, with_tls), (ELSEWHERE, with_tls), (MIXED, with_tls), (UNADMITTED, with_tls),
                             (PICKY, lambda visit: _serve(visit, picky)), (RAW, _greet), (RETRYING, _ask_again),
                             (QUIET, _take_a_hello)):
            for port in HOSTED_PORTS:
                for address in where.values():
                    self._listen(address, port, serve)
        for where in (SHARED, ELSEWHERE, RAW, MIXED, QUIET, UNADMITTED):
            for port in WEB_PORTS:
                for address in where.values():
                    self._listen(address, port, _greet if where is RAW else web)
        self.start_over()

    def start_over(self):
        self.forget()
        super().start_over()
        for name, where in PLACES.items():
            self.upstream.name(f"{name}.example", host(where))

    def forget(self):
        """A server is not told of a refused connection: it ends here."""
        for visit in self.visited:
            visit.end()
        super().forget()
        self.visited.clear()

    def close(self):
        for each in self._listeners:
            each.close()
        super().close()

    # What the servers got -------------------------------------------------------------------------

    def octets(self):
        """All octets since the last forget()."""
        return b"".join(visit.octets for visit in self.visited)

    def names(self):
        """The names that the servers took the connections for."""
        return [visit.name for visit in self.visited if visit.name]

    # Implementation -------------------------------------------------------------------------------

    def _listen(self, address, port, serve):
        with self.network.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = socket.create_server((address, port), family=family, backlog=1024)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()

    def _accept(self, listener, serve):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            here = connection.getsockname()
            self.visited.append(visit := Visit(connection, plain(here[0]), here[1]))
            threading.Thread(target=_run, args=(serve, visit), daemon=True).start()


def _run(serve, visit):
    with visit.connection:
        serve(visit)


def _note_name(tls, name, _):
    tls.asked_name = name


def _echo(visit, data):
    while data:
        visit.send(data)
        data = visit.read()


def _greet(visit):
    visit.send(BANNER)
    _echo(visit, visit.read())


def _take_a_hello(visit):
    visit.connection.settimeout(1)
    if _read_record(visit):
        visit.send(FATAL_ALERT)


def _read_record(visit):
    """Reads the first record. Returns whether it came whole."""
    while len(visit.octets) < 5 or len(visit.octets) < 5 + int.from_bytes(visit.octets[3:5], "big"):
        if not visit.read():
            return False
    return True


def _ask_again(visit):
    if _read_record(visit):
        visit.send(retry_request())
    while visit.read():
        pass


def _serve(visit, context):
    """A web server, or, for a client that does not begin with TLS, an echo service."""
    data = visit.read()
    if data[:1] != bytes([HANDSHAKE]):
        return _echo(visit, data)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(data)

    def step(action):
        """Repeats it until it needs nothing more from the client. None if the client has left."""
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                visit.send(outgoing.read())
                data = visit.read()
                if not data:
                    return None
                incoming.write(data)
            finally:
                visit.name = getattr(tls, "asked_name", None)
                visit.send(outgoing.read())

    with contextlib.suppress(ssl.SSLError):
        if step(lambda: tls.do_handshake() or True):
            request = b""
            while piece := step(lambda: tls.read(65536)):
                request += piece
                if request.endswith(b"\r\n\r\n"):
                    tls.write(_answer(request, visit.name))
                    visit.send(outgoing.read())
                    request = b""


def _answer(request, name):
    path = request.split()[1].decode().partition("?")[0]
    return lenient_web.answer_of_repository(path) or lenient_web.answer(f"{name}\n".encode())


# The agent's side: tests/system/agents/tls_client.py ------------------------------------------------

def start(container, scope, who, policy, *flags):
    """An agent that has looked up each name of the policy."""
    install_client(container)
    container.policy(policy)
    agent = container.start_agent("--scope", scope, *flags, who=who)
    for rule in policy["allow"]:
        name = (rule["host"] if isinstance(rule, dict) else rule).partition(":")[0]
        if name.endswith(".example"):
            for family in (4, 6):
                agent.resolves(name, family)
    container.internet.forget()
    return agent


def install_client(container):
    container.write("/opt/agents/tls_client.py", (AGENTS / "tls_client.py").read_bytes())
    container.write("/etc/authority.pem", container.internet.authority.certificate.read_text())


def call(agent, function, *arguments, patience=PATIENCE, **how):
    """The outcome of a function of tls_client.py in the agent."""
    return agent.python("sys.path.insert(0, '/opt/agents')\nimport tls_client\n"
                        f"value = tls_client.{function}(*{arguments!r}, **{how!r})", patience=patience)


def fetch(agent, address, name, **how):
    return call(agent, "fetch", address, name, **how)


def send(agent, address, *pieces, **how):
    return call(agent, "send", address, pieces, **how)


@contextlib.contextmanager
def listening(internet, address, port=443, backlog=16):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with internet.network.entered():
        server = socket.create_server((address, port), family=family, backlog=backlog)
    with server:
        server.settimeout(5)
        yield server


@contextlib.contextmanager
def losing(internet, matches):
    """The Internet's end of the links drops these packets."""
    chains = {"in": (matches, "prerouting priority -350"), "out": (matches.replace("dport", "sport"), "output priority 0")}
    internet.network.command("nft", "-f", "-", stdin="table inet losses {\n" + "".join(
        f"chain {name} {{\ntype filter hook {hook}\n{which} drop\n}}\n" for name, (which, hook) in chains.items()) + "}\n")
    try:
        yield
    finally:
        internet.network.command("nft", "delete", "table", "inet", "losses")


def repaired(container, agent, change, meanwhile=lambda: None):
    """Changes the rules, and waits until the keeper has repaired them."""
    rules = container.rules()
    agent.session.signal(signal.SIGSTOP)
    try:
        container.nft(*change.split())
        meanwhile()
    finally:
        agent.session.signal(signal.SIGCONT)
    container.eventually_audited("tampering", response="repaired")
    eventually(lambda: container.rules() == rules, "the rules are right")
    eventually(lambda: set(SHARED.values()) <= container.admitted_addresses(), "the admissions are back")


def assert_answered(outcome, name):
    """By a web server, as the site of this name."""
    assert outcome["reached"] and outcome["answer"]["body"] == name, outcome


def assert_ended(outcome):
    """In any way, without an answer."""
    assert not outcome.get("answer"), outcome


def assert_cut(outcome):
    """Reset, at once or later."""
    assert not outcome["reached"] and outcome["error"] in RESET, outcome


def assert_reset(outcome):
    """At once."""
    assert not outcome["reached"] and outcome["error"] in RESET, outcome
    assert outcome["seconds"] < AT_ONCE, outcome
