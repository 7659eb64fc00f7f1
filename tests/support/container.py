"""A sandbox with a link to the Internet, and a gate in front of it."""

import contextlib
import json
import socket

from support import processes
from support.agent import Agent
from support.internet import RESOLVER
from support.journal import JOURNAL, events_in
from support.limits import GATES_USER
from support.link import network_inside
from support.rootfs import AGENT
from support.sandbox import Sandbox
from support.waiting import eventually

SETS = ("allow4", "allow6")
SETS_BY_NAME = ("named4", "named6")  # flows to these wait until a name in TLS opens them; missing if no rule asks for a name
CHECK_NAMES = "OSTIARY_CHECK_NAMES"


class Container(Sandbox):
    def __init__(self, path, binary, internet, families=(4, 6), check_names="off"):
        """check_names: "on", which is the default of ostiary, for agents that speak TLS to port 443 of
        allowed names; most tests' agents greet an echo service there in plain text"""
        super().__init__(path, binary)
        self.check_names = check_names
        self.internet = internet
        self.link = internet.attach(families)
        self.mkdir("/var/log")
        self.write("/etc/resolv.conf", "".join(f"nameserver {RESOLVER[family]}\n" for family in families))

    # Boots ----------------------------------------------------------------------------------------

    def launch(self, *command, env=None, prepare=lambda: None, beside=None, **how):
        """Starts a command in the network that has the link to the Internet."""
        if self.check_names == "off" and not isinstance(env, list):
            env = {CHECK_NAMES: "off", **(env or {})}

        def enter_and_prepare():
            if not beside:
                self.link.network.enter()
            prepare()
        return super().launch(*command, env=env, prepare=enter_and_prepare, beside=beside, **how)

    def boot(self, *command, flags=(), **how):
        """Runs `ostiary run --no-derive [flags] -- command`, and waits for its end."""
        return self.run("run", "--no-derive", *flags, "--", *command, **how)

    def start_boot(self, *command, flags=(), **how):
        return self.start("run", "--no-derive", *flags, "--", *command, **how)

    def start_agent(self, *flags, who="agent", **how):
        """Boots with an agent that the test drives."""
        user = ["--user", "agent"] if who == "agent" else []
        return Agent(self.start_boot(*self.agent_command("driven"), flags=[*user, *flags], **how))

    def start_process_beside(self, agent, *command_before, **how):
        """Starts a process that the test drives in the same namespaces, not under ostiary, or by
        `command_before`."""
        return Agent(self.start_beside(agent.session, *command_before, *self.agent_command("driven"), **how))

    def start_process_without_gate(self, who="agent", **how):
        """Starts a process that the test drives in the same network, without a gate."""
        return Agent(self.launch(*self.agent_command("driven"), uid=AGENT if who == "agent" else 0, **how))

    def end(self):
        """Ends all processes of the container. The container can be used again."""
        super().end()
        self._sessions.clear()

    # Hosts around the container -------------------------------------------------------------------

    def connect_from_outside(self, agent, port, family):
        """Connects from outside to a service of the agent, and returns the service's answer to
        hello."""
        name = f"service at {port}"
        agent.listen(name, port)
        try:
            with self.internet.network.entered():
                client = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
            with client:
                client.settimeout(0.5)
                client.connect((self.link.address[family], port))
                client.sendall(b"hello")
                agent.serve_one(name)
                return client.recv(10)
        finally:
            agent.close_flow(name)

    @contextlib.contextmanager
    def container_inside(self, family):
        """A UDP socket in a network behind this container, which forwards for it."""
        network = self.link.network
        inner = network_inside(network, [family])
        try:
            with inner.entered():
                out = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
            self._inner = inner
            with out:
                yield out
        finally:
            self._inner = None
            network.command("ip", "link", "delete", "in0")
            network.sysctl("ipv4/ip_forward", 0)
            network.sysctl("ipv6/conf/all/forwarding", 0)
            inner.close()

    def raw_inside(self, family):
        """For use in container_inside(): a raw socket that sends whole packets."""
        with self._inner.entered():
            kind = socket.AF_INET if family == 4 else socket.AF_INET6
            out = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)
            if family == 6:
                out.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
            return out

    # Observations from outside --------------------------------------------------------------------

    def nft(self, *words, stdin=None):
        """Runs nft as the machine's root in the container's network."""
        return self.link.network.command("nft", *words, stdin=stdin)

    def tables(self):
        return self.nft("list", "tables").split("\n")[:-1]

    def rules(self):
        """The gate's table without counters and timeouts; empty if there is no table."""
        if "table inet ostiary" not in self.tables():
            return ""
        return self.nft("--stateless", "--terse", "list", "table", "inet", "ostiary")

    def admitted(self):
        """(address, protocol, port) of every admission."""
        found = set()
        for name in SETS + self._sets_by_name():
            listing = json.loads(self.nft("--json", "--numeric", "list", "set", "inet", "ostiary", name))
            described = next(item["set"] for item in listing["nftables"] if "set" in item)
            for element in described.get("elem", []):
                value = element.get("elem", element)
                value = value["val"] if "val" in value else value
                found.add(tuple(_plain(part) for part in value["concat"]))
        return found

    def _sets_by_name(self):
        if self.check_names == "off":
            return ()
        rules = self.rules()
        return tuple(name for name in SETS_BY_NAME if f"set {name} {{" in rules)

    def admitted_addresses(self):
        return {address for address, _, _ in self.admitted()}

    def gate(self, session):
        """The PID of the gate. Waits until there is one."""
        return eventually(lambda: self.gates(session), "the gate runs")[0]

    def await_another_gate(self, session, before):
        eventually(lambda: self.gates(session) not in ([], [before]), "another gate runs")

    def gates(self, session):
        """The PIDs of all gates. None is in the list while the keeper starts the next one."""
        return [pid for pid in processes.children(session.program)
                if (uid := processes.field(pid, "Uid")) and int(uid.split()[0]) == GATES_USER]

    def agent_of(self, session):
        return next(pid for pid in processes.children(session.program) if pid not in self.gates(session))

    def audit(self, event=None, path=JOURNAL, **fields):
        """The journal's events so far that have these fields."""
        if not self.exists(path):
            return []
        return events_in(self.read(path), event, **fields)

    def eventually_audited(self, event, **fields):
        return eventually(lambda: self.audit(event, **fields), f"{event} {fields} is in {self.audit()}")


def _plain(part):
    return {6: "tcp", 17: "udp", "6": "tcp", "17": "udp"}.get(part, part)
