"""The environment of a measurement: kernel, processor, and the versions of the peers. Nothing
that identifies the machine."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from bench.programs import COREDNS
from support.otelcol import OTELCOL

PEERS = ["tini", "dumb-init", "dnsmasq-base", "unbound", "bind9-dnsutils", "iptables", "ipset", "libnftables1",
         "libmnl0", "nginx", "libnginx-mod-stream", "haproxy"]


def facts():
    processor = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    system = platform.freedesktop_os_release()
    return {"date": datetime.date.today().isoformat(),
            "kernel": "Linux " + re.match(r"[\d.]+", platform.release())[0],
            "processor": processor[1] if processor else platform.machine(),
            "cores": str(os.cpu_count()),
            "system": f"{system['NAME']} {system['VERSION_ID']}",
            **{name: version for name in PEERS if (version := installed(name))},
            **built("CoreDNS", COREDNS, "-version", "CoreDNS-"),
            **built("OpenTelemetry Collector", OTELCOL, "--version", "otelcol version ")}


def installed(package):
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout


def built(name, program, option, before):
    """The version of a program that was built here, if it could be."""
    if not program.exists():
        return {}
    told = subprocess.run([program, option], capture_output=True, text=True, check=True).stdout
    return {name: told.split("\n")[0].removeprefix(before)}
