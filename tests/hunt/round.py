"""One boot of a hunt: the container with its agent, the outside that judges, and what the
operator does to both."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from hunt import life
from hunt.page import Page
from support import processes
from support.container import Container
from support.link import network_inside
from support.namespaces import call
from support.rootfs import AGENT as AGENTS_USER
from support.untracked import UNTRACKED_IPV6

OPERATORS_NAME = "allowed.hunt.example"
NETWORKS = ["--allow", "192.0.2.8/30:443/tcp", "--allow", "[2001:db8:98::/64]:443/tcp"]
ALLOW = ["--allow", f"{OPERATORS_NAME}:443/both", *NETWORKS]
# The host at the shared address is opened by its name. The other is not: programs send it anything.
ALLOW_BY_NAME = ["--check-names", "on", "--allow", "shared.hunt.example:443,80", "--allow", f"{OPERATORS_NAME}:443/raw",
                 "--allow", f"{OPERATORS_NAME}:443/udp", *NETWORKS]
INBOUND = [flag for network in ("192.0.2.240/30", "[2001:db8:240::/64]") for transport in ("", "/udp")
           for flag in ("--allow-inbound", f"{network}:443{transport}")]  # no host of these networks exists
AUTHORIZATION = "Bearer hunt-5d0c7a3f9be1"  # the agent does not have it
RELAYED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.hunt.example:4318/hunt",
           "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization={AUTHORIZATION}"}
REQUEST, PAGE, AGENT = "/opt/hunt/request", "/opt/hunt/page", "/opt/hunt/agent"
OSTIARY = "/opt/bin/ostiary"
PR_SET_PDEATHSIG = 1
KILL_EVERY = 9  # seconds; the ninth death in a minute ends the agent
KILL_RELAY_EVERY = 21  # seconds; the fifth death in a minute ends a root agent
FLUSH_EVERY = 5  # seconds; the seventeenth flush in a minute ends the agent
IN_FLIGHT = 100_000_000  # nanoseconds
AFTER_A_KILL = 2_000_000_000  # nanoseconds


def _enter_in_child(network):
    """For a child process: enters the network, and ends with its parent."""
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    network.enter()


@dataclasses.dataclass
class Settings:
    scope: str
    who: str  # "user" or "root"
    flushes: bool = False
    by: str = "run"  # or "exec", a session of it
    tracking: str = "both"  # or "ipv4"
    quiet: bool = False
    inside: bool = False
    relay: bool = False
    names: bool = False  # whether the gate reads the names in flows to the shared address
    workers: int = 2
    without: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)

    @property
    def grammar(self):
        """Of the agent's programs."""
        if self.names:
            return "relayed-named" if self.relay else "named"
        return "relayed" if self.relay else "agent"

    @property
    def agents_user(self):
        return AGENTS_USER if "user" in (self.who, self.scope) else 0


class Round:
    def __init__(self, internet, scratch, tools, settings, seed):
        self.settings, self.seed, self.tools = settings, seed, tools
        self.findings = []
        self.minimising = 0.0  # seconds
        self.container = Container(tempfile.mkdtemp(dir=scratch), tools.ostiary, internet)
        self.link = self.container.link
        self._set_sysctls_as_docker_does()
        self.container.mkdir("/opt/hunt", mode=0o777)
        shutil.copy(tools.agent, self.container.at(AGENT))
        self.page = Page(self.container.at(PAGE))
        self.page.excused = 1  # until there are rules
        self.stage = self._stage()
        self.outside = self._start_outside(internet)
        self.session = self.hunter = self.inside = None  # the boot, and the agent's process that hunts
        self.boot_failure = None
        self.stopping = False  # the finding that --until names has occurred
        self._buffer = b""

    # Setup ----------------------------------------------------------------------------------------

    def _set_sysctls_as_docker_does(self):
        """As in Docker's containers, every user may ping and bind any port."""
        self.link.network.sysctl("ipv4/ping_group_range", "0 2147483647")
        self.link.network.sysctl("ipv4/ip_unprivileged_port_start", 0)

    def _stage(self):
        network, own, gateway = self.link.network, self.link.address, self.link.gateway
        listed = json.loads(network.command("ip", "-json", "address", "show", "dev", "eth0"))[0]
        link = next(each["local"] for each in listed["addr_info"] if each["scope"] == "link")
        return [own[4], own[6], link, gateway[4], gateway[6], self.link.broadcast, str(listed["ifindex"])]

    def _start_outside(self, internet):
        inject = "quiet" if self.settings.quiet else "inject"
        process = subprocess.Popen([self.tools.outside, self.container.at(PAGE), self.link.outside_name,
                                    self.settings.scope, str(self.seed), inject,
                                    AUTHORIZATION if self.settings.relay else "-", "named" if self.settings.names else "-",
                                    *self.stage],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   preexec_fn=lambda: _enter_in_child(internet.network))
        assert json.loads(process.stdout.readline())["ready"]
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def boot(self):
        settings = self.settings
        flags = [*(ALLOW_BY_NAME if settings.names else ALLOW), "--keep-rules", "never"]
        if settings.scope == "container":
            flags += INBOUND
        if settings.agents_user:
            flags += ["--user", "agent"]
        if settings.scope == "user":
            flags += ["--scope", "user"]
        if settings.tracking == "ipv4":
            self.container.nft("-f", "-", stdin=UNTRACKED_IPV6)
        command = [AGENT, "run", settings.grammar, PAGE, REQUEST, str(settings.workers), str(self.seed),
                   ",".join(settings.without) or "-", *self.stage]
        self.container.write(REQUEST, "")
        try:
            self._start_hunter(command, flags)
            self.hunter.read_until("^hunting")
        except AssertionError:
            self.boot_failure = str(self.session)
            return False
        self.page.excused_until = time.time_ns() + IN_FLIGHT
        self.page.excused = 0
        if settings.inside:
            self._start_inside()
        return True

    def _start_hunter(self, command, flags):
        env = self.settings.environment | (RELAYED if self.settings.relay else {})
        if self.settings.by == "run":
            self.session = self.hunter = self.container.start_boot(*command, flags=flags, env=env)
            return
        self.session = self.container.start_boot("sh", "-c", "echo booted; cat", flags=flags, env=env)
        self.session.read_until("^booted")
        self.hunter = self.container.launch(OSTIARY, "exec", "--", *command, beside=self.session)

    def _start_inside(self):
        """Starts a container inside this one that sends raw packets. This one forwards them."""
        self.inner = network_inside(self.link.network)
        self.inside = subprocess.Popen([self.tools.agent, "run", "inside", self.container.at(PAGE), self.container.at(REQUEST), "1",
                                        str(self.seed), "-", *self.stage], stdout=subprocess.DEVNULL,
                                       preexec_fn=lambda: _enter_in_child(self.inner))

    # The operator's actions -----------------------------------------------------------------------

    def hunt(self, seconds, report, judge):
        """Hunts until the time is over or the boot ends. Time in `judge` does not count."""
        now = begin = time.monotonic()
        next_kill, next_flush, next_report = begin + KILL_EVERY, begin + FLUSH_EVERY, begin + 5
        next_relay_kill = begin + KILL_RELAY_EVERY / 4
        while now < begin + seconds:
            time.sleep(0.1)
            if self.new_findings():
                start = time.monotonic()
                judge()
                spent = time.monotonic() - start
                self.minimising += spent
                begin, next_kill, next_relay_kill = begin + spent, next_kill + spent, next_relay_kill + spent
                if self.stopping:
                    return
            now = time.monotonic()
            for each in (self.session, self.hunter):
                if not each.running():
                    self._note("the boot ended by itself", str(each.wait()))
                    return
            if now >= next_kill:
                self._kill_gate()
                next_kill = now + KILL_EVERY
            if self.settings.relay and now >= next_relay_kill:
                self._kill_relay()
                next_relay_kill = now + KILL_RELAY_EVERY
            if self.settings.flushes and now >= next_flush:
                self.flush()
                next_flush = now + FLUSH_EVERY
            if now >= next_report:
                report()
                next_report = now + 5

    def _kill_gate(self):
        self._expect_cut_connections()
        for pid in self.container.gates(self.session):
            os.kill(pid, signal.SIGKILL)

    def _kill_relay(self):
        """Kills the process that serves. Its parent makes another."""
        found = processes.named(self.session, "ostiary-relay")
        self._expect_cut_connections()
        self.page.relay_kills += 1
        for pid in found:
            if int(processes.field(pid, "PPid") or 0) in found:
                os.kill(pid, signal.SIGKILL)

    def _expect_cut_connections(self):
        self.page.killed_until = time.time_ns() + AFTER_A_KILL

    def flush(self):
        """Deletes the rules. Packets may leave until the keeper has restored the rules."""
        self.page.excused = 1
        self.page.flushes += 1
        try:
            self.container.nft("delete", "table", "inet", "ostiary")
            self.session.read_error_until(r"\): repaired")  # the rules are back; flows that began meanwhile are judged again
        finally:
            self.page.excused_until = time.time_ns() + IN_FLIGHT
            self.page.excused = 0

    def has_opened_flows(self):
        """Whether programs have opened flows by a name, if names are checked."""
        return not self.settings.names or self.page.named > 0

    def check_life(self):
        """After the hunt: allowed names have opened flows, and the relay must still take exports."""
        if not self.has_opened_flows():
            self._note("life: no flow was opened by its name", str(self.session))
        if not self.settings.relay or self.boot_failure or not self.session.running():
            return
        self.page.pause = 1
        for each in life.failures(self.link.network, self.settings.agents_user, life.OF_THE_RELAY, versions=[4]):
            self._note(f"life: {each}", str(self.session))

    def end(self, linger):
        """Ends the agent and the boot, then watches the wire for `linger` seconds."""
        self.page.stop = 1
        if self.inside:
            self.inside.wait()
            self.inside = None
            self.link.network.command("ip", "link", "delete", "in0")  # the inner container must end first
        if self.session and self.boot_failure is None:
            try:
                self.hunter.wait()
                self.session.close_stdin()
                self.session.wait()
            except AssertionError as failure:
                self._note("the boot does not end", str(failure))
        self.page.ended = 1
        end = time.monotonic() + linger
        while time.monotonic() < end:
            time.sleep(0.1)
            self.new_findings()

    def close(self, internet):
        if self.inside:
            self.inside.kill()
            self.inside.wait()
        self.outside.kill()
        self.outside.wait()
        self.container.end()
        internet.detach(self.link)
        shutil.rmtree(self.container.path)

    # The judge's findings -------------------------------------------------------------------------

    def new_findings(self):
        """The findings since the last call."""
        found = []
        while piece := self.outside.stdout.read(1 << 20):
            self._buffer += piece
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line:
                found.append(json.loads(line) | {"at": time.monotonic() - self.minimising, "programs": self.page.programs()})
        self.findings += found
        return found

    def _note(self, what, evidence):
        self.findings.append({"class": what, "evidence": evidence, "recent": [], "after the end": False,
                              "at": time.monotonic(), "programs": self.page.programs()})

    # A single program -----------------------------------------------------------------------------

    def finding_classes(self, text, times, patience):
        """Runs a program alone, in worker 0, and returns the classes of its findings."""
        self.new_findings()
        self.container.write(REQUEST, text)
        self.page.epoch += 1
        self.page.times = times
        self.page.request_seed = self.page.request_seed + 1_000_003
        self.page.request += 1
        end = time.monotonic() + max(patience, 2)
        while self.page.request_done != self.page.request and time.monotonic() < end:
            time.sleep(0.001)
        end = time.monotonic() + patience
        found = set()
        while time.monotonic() < end:
            time.sleep(0.005)
            found |= {each["class"] for each in self.new_findings() if self._is_of_request(each, times)}
            if found:
                break
        return found

    def _is_of_request(self, finding, times):
        """A packet with another seed is a late packet of an earlier program."""
        first = self.page.request_seed
        return finding["epoch"] == self.page.epoch and \
            ("seed" not in finding or first <= int(finding["seed"], 16) < first + times)
