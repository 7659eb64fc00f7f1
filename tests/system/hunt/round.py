"""One boot that is hunted: the sandbox with its agent, the outside that judges, and what the operator does to both."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from hunt.page import Page
from support import processes
from support.container import Container
from support.namespaces import call
from support.network import NetworkNamespace

OPERATORS_NAME = "allowed.hunt.example"
ALLOW = ["--allow", f"{OPERATORS_NAME}:443/both", "--allow", "192.0.2.8/30:443/tcp", "--allow", "[2001:db8:98::/64]:443/tcp"]
INBOUND = [flag for network in ("192.0.2.240/30", "[2001:db8:240::/64]") for transport in ("", "/udp")
           for flag in ("--allow-inbound", f"{network}:443{transport}")]  # from where nothing comes
REQUEST, PAGE, AGENT = "/opt/hunt/request", "/opt/hunt/page", "/opt/hunt/agent"
PR_SET_PDEATHSIG = 1
KILL_EVERY = 9  # seconds; the ninth death within a minute ends the agent
FLUSH_EVERY = 5  # more than 16 within a minute end it
IN_FLIGHT = 100_000_000  # nanoseconds
INNER = {4: ("10.9.9.1", "10.9.9.2"), 6: ("fd09::1", "fd09::2")}


def _begin_in(network):
    """In a child: that network, and no longer than its parent."""
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    network.enter()


class Round:
    def __init__(self, internet, scratch, tools, settings, seed):
        self.settings, self.seed, self.tools = settings, seed, tools
        self.findings = []
        self.minimising = 0.0  # seconds
        self.container = Container(tempfile.mkdtemp(dir=scratch), tools.ostiary, internet)
        self.link = self.container.link
        self._allow_what_containers_allow()
        self.container.mkdir("/opt/hunt", mode=0o777)
        shutil.copy(tools.agent, self.container.at(AGENT))
        self.page = Page(self.container.at(PAGE))
        self.page.excused = 1  # until there are rules
        self.stage = self._stage()
        self.outside = self._start_outside(internet)
        self.session = self.inside = None
        self.boot_failure = None
        self.enough = False  # what was looked for is found
        self._buffer = b""

    # The stage ----------------------------------------------------------------------------------------------

    def _allow_what_containers_allow(self):
        """As Docker has it: every user may ping and bind any port."""
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
                                    self.settings.scope, str(self.seed), inject, *self.stage],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   preexec_fn=lambda: _begin_in(internet.network))
        assert json.loads(process.stdout.readline())["ready"]
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def boot(self):
        settings = self.settings
        flags = [*ALLOW, "--keep-rules", "never"]
        if settings.scope == "container":
            flags += INBOUND
        if settings.who == "user" or settings.scope == "user":
            flags += ["--user", "agent"]
        if settings.scope == "user":
            flags += ["--scope", "user"]
        command = [AGENT, "run", "agent", PAGE, REQUEST, str(settings.workers), str(self.seed),
                   ",".join(settings.without) or "-", *self.stage]
        self.container.write(REQUEST, "")
        self.session = self.container.start_boot(*command, flags=flags, env=settings.environment)
        try:
            self.session.read_until("^hunting")
        except AssertionError:
            self.boot_failure = str(self.session)
            return False
        self.page.excused_until = time.time_ns() + IN_FLIGHT
        self.page.excused = 0
        if settings.inside:
            self._start_inside()
        return True

    def _start_inside(self):
        """A container inside this one, with CAP_NET_RAW: whole packets of its own making, to be forwarded."""
        network, self.inner = self.link.network, NetworkNamespace()
        network.ip(f"""link add in0 type veth peer name eth0 netns {self.inner.path}
            link set in0 up
            address add {INNER[4][0]}/24 dev in0
            address add {INNER[6][0]}/64 dev in0 nodad""")
        self.inner.ip(f"""link set lo up
            link set eth0 up
            address add {INNER[4][1]}/24 dev eth0
            address add {INNER[6][1]}/64 dev eth0 nodad
            route add 0.0.0.0/0 via {INNER[4][0]}
            route add ::/0 via {INNER[6][0]}""")
        network.sysctl("ipv4/ip_forward", 1)
        network.sysctl("ipv6/conf/all/forwarding", 1)
        self.inside = subprocess.Popen([self.tools.agent, "run", "inside", self.container.at(PAGE), self.container.at(REQUEST), "1",
                                        str(self.seed), "-", *self.stage], stdout=subprocess.DEVNULL,
                                       preexec_fn=lambda: _begin_in(self.inner))

    # What the operator does ---------------------------------------------------------------------------------

    def hunt(self, seconds, tell, judge):
        """Until the time is over or the boot ends by itself. `judge` may take its time."""
        now = begin = time.monotonic()
        next_kill, next_flush, next_word = begin + KILL_EVERY, begin + FLUSH_EVERY, begin + 5
        while now < begin + seconds:
            time.sleep(0.1)
            if self.listen():
                start = time.monotonic()
                judge()
                spent = time.monotonic() - start
                self.minimising += spent
                begin, next_kill = begin + spent, next_kill + spent
                if self.enough:
                    return
            now = time.monotonic()
            if not self.session.running():
                self._note("the boot ended by itself", str(self.session.wait()))
                return
            if now >= next_kill:
                self._kill_gate()
                next_kill = now + KILL_EVERY
            if self.settings.flushes and now >= next_flush:
                self.flush()
                next_flush = now + FLUSH_EVERY
            if now >= next_word:
                tell()
                next_word = now + 5

    def _kill_gate(self):
        for pid in processes.children(self.session.program):
            uid = processes.field(pid, "Uid")
            if uid and uid.split()[0] == "53053":
                os.kill(pid, signal.SIGKILL)

    def flush(self):
        """Packets leave until the keeper has put the rules right; nothing else is excused."""
        self.page.excused = 1
        self.page.flushes += 1
        try:
            self.container.nft("flush", "ruleset")
            self.session.read_error_until("put right")  # the rules are back, and flows begun meanwhile are judged
        finally:
            self.page.excused_until = time.time_ns() + IN_FLIGHT
            self.page.excused = 0

    def end(self, linger):
        """The agent, the boot, and then the wire, which stays open for so long."""
        self.page.stop = 1
        if self.inside:
            self.inside.wait()
            self.inside = None
            self.link.network.command("ip", "link", "delete", "in0")  # it ends before the one around it
        if self.session and self.boot_failure is None:
            try:
                self.session.wait()
            except AssertionError as failure:
                self._note("the boot does not end", str(failure))
        self.page.ended = 1
        end = time.monotonic() + linger
        while time.monotonic() < end:
            time.sleep(0.1)
            self.listen()

    def close(self, internet):
        if self.inside:
            self.inside.kill()
            self.inside.wait()
        self.outside.kill()
        self.outside.wait()
        self.container.end()
        internet.detach(self.link)
        shutil.rmtree(self.container.path)

    # What the judge says ------------------------------------------------------------------------------------

    def listen(self):
        """Findings since the last call."""
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

    # One program alone --------------------------------------------------------------------------------------

    def classes_of(self, text, times, patience):
        """What the judge finds when worker 0 runs this program, and nothing else happens."""
        self.listen()
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
            found |= {each["class"] for each in self.listen() if self._is_of_request(each, times)}
            if found:
                break
        return found

    def _is_of_request(self, finding, times):
        """A packet that names another program is an earlier one's, sent late."""
        first = self.page.request_seed
        return finding["epoch"] == self.page.epoch and \
            ("seed" not in finding or first <= int(finding["seed"], 16) < first + times)
