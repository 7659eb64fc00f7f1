"""The network of a measurement. The upstream is in another namespace, since the gate does not use
an upstream on its own host."""

import contextlib
import pathlib
import socket
import subprocess
import sys
import time

from support.dns_wire import NoAddress, ask
from support.link import add_veth
from support.network import NetworkNamespace

RESOLVER = "192.0.2.53"


def host(number):
    return f"host{number}.bench.example"


def address(number):
    """198.51.100.1 to .254; further hosts have private addresses, of which there are more."""
    return f"198.51.100.{number + 1}" if number < 254 else f"10.1.{number >> 8}.{number & 255}"


def make_network(folder):
    """Links this process's network to another one, and returns that one, for the upstream."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    outside = NetworkNamespace()
    outside.ip("link set lo up")
    add_veth(outside, "far", [RESOLVER + "/24"], NetworkNamespace.of_this_thread(), "bench", ["192.0.2.1/24"], [RESOLVER])
    conf = pathlib.Path(folder, "resolv.conf")
    conf.write_text(f"nameserver {RESOLVER}\n")
    subprocess.run(["mount", "--bind", str(conf), "/etc/resolv.conf"], check=True)
    return outside


DNSMASQ = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
           "--bind-interfaces"]


@contextlib.contextmanager
def running(network, command):
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=network.enter)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def upstream(network, folder, hosts):
    """An upstream without delay: dnsmasq."""
    known = pathlib.Path(folder, "hosts")
    known.write_text("".join(f"{address(number)} {host(number)}\n" for number in range(hosts)))
    with running(network, [*DNSMASQ, "--conf-file=/dev/null", "--listen-address=" + RESOLVER, "--local-ttl=86400",
                           f"--addn-hosts={known}"]):
        await_answer(RESOLVER)
        yield


@contextlib.contextmanager
def late_upstream(network, milliseconds):
    """An upstream with this much delay."""
    with running(network, [sys.executable, "-B", "-m", "bench.late_dns", RESOLVER, str(milliseconds)]):
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
