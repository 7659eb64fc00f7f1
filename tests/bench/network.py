"""The network of a measurement. The upstream is in another namespace, since the gate does not use
an upstream on its own host."""

import contextlib
import pathlib
import socket
import subprocess
import sys
import time

from support.dns_wire import NoAddress, ask

RESOLVER = "192.0.2.53"
OUTSIDE = ["ip", "netns", "exec", "outside"]


def host(number):
    return f"host{number}.bench.example"


def address(number):
    """198.51.100.1 to .254; further hosts have private addresses, of which there are more."""
    return f"198.51.100.{number + 1}" if number < 254 else f"10.1.{number >> 8}.{number & 255}"


def make_network(folder):
    for command in (["mount", "-t", "tmpfs", "tmpfs", "/run"],
                    ["ip", "link", "set", "lo", "up"],
                    ["ip", "netns", "add", "outside"],
                    ["ip", "link", "add", "bench", "type", "veth", "peer", "name", "far", "netns", "outside"],
                    ["ip", "address", "add", "192.0.2.1/24", "dev", "bench"],
                    ["ip", "link", "set", "bench", "up"],
                    [*OUTSIDE, "ip", "link", "set", "lo", "up"],
                    [*OUTSIDE, "ip", "address", "add", RESOLVER + "/24", "dev", "far"],
                    [*OUTSIDE, "ip", "link", "set", "far", "up"],
                    ["ip", "route", "add", "default", "via", RESOLVER]):
        subprocess.run(command, check=True)
    conf = pathlib.Path(folder, "resolv.conf")
    conf.write_text(f"nameserver {RESOLVER}\n")
    subprocess.run(["mount", "--bind", str(conf), "/etc/resolv.conf"], check=True)


DNSMASQ = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
           "--bind-interfaces"]


@contextlib.contextmanager
def running(command):
    server = subprocess.Popen([*OUTSIDE, *command], stdin=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def upstream(folder, hosts):
    """An upstream without delay: dnsmasq."""
    known = pathlib.Path(folder, "hosts")
    known.write_text("".join(f"{address(number)} {host(number)}\n" for number in range(hosts)))
    with running([*DNSMASQ, "--conf-file=/dev/null", "--listen-address=" + RESOLVER, "--local-ttl=86400",
                  f"--addn-hosts={known}"]):
        await_answer(RESOLVER)
        yield


@contextlib.contextmanager
def late_upstream(milliseconds):
    """An upstream with this much delay. It knows the first 254 hosts."""
    program = pathlib.Path(__file__).with_name("late_dns.py")
    with running([sys.executable, str(program), RESOLVER, str(milliseconds)]):
        await_answer(RESOLVER)
        yield


def answers_with_address(server, number):
    """Whether the server answers with the host's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.connect((server, 53))
        with contextlib.suppress(OSError, NoAddress):
            return ask(asker, host(number))[-4:] == socket.inet_aton(address(number))
    return False


def await_answer(server):
    deadline = time.monotonic() + 20
    while not answers_with_address(server, 0):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server} does not answer")
        time.sleep(0.05)
