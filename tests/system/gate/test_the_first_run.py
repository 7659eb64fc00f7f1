"""The README's first run works, and docs/troubleshooting.md quotes ostiary's output correctly."""

import json
import re
import shlex

import dns.rcode
import pytest

from support.behaviours import addresses
from support.internet import ALLOWED
from support.misbehaviours import failing_with
from support.project import ROOT
from support.readme import README, listed
from support.rootfs import AGENT

TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED_EVENTS = [json.loads(line) for line in re.findall(r'^\{"event".*$', TROUBLESHOOTING, re.M)]
QUOTED_ERRORS = re.findall(r"^ostiary: error: .*$", TROUBLESHOOTING, re.M)
NOT_RESOLVED, NO_CONNECTION = 6, 7  # curl's exit statuses
SETPRIV = "/usr/bin/setpriv"
OSTIARY = "/opt/bin/ostiary"


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("example.com", addresses("198.51.100.20"))
    internet.upstream.name("db.lab.example.com", addresses("10.9.9.9"))
    internet.upstream.name("gone.example.net", lambda question: failing_with(dns.rcode.REFUSED)(question, ALLOWED))
    return new_container()


def first_run(container, url):
    line, = re.findall(r"^    sudo build/ostiary (run .*)$", README, re.M)
    return container.run(*(url if word.startswith("https:") else word for word in shlex.split(line.replace("tryout", "agent"))))


def test_the_first_run_reaches_the_allowed_host_only(container):
    assert first_run(container, "https://example.com").status not in (NOT_RESOLVED, NO_CONNECTION)
    assert first_run(container, "https://example.org").status == NOT_RESOLVED
    assert "example.org\tA\tno_rule\n" in listed(container, "name")


def test_the_readmes_lists_show_denied_packets(container):
    connect = "curl --silent https://203.0.113.66; status=$?; sleep 0.2; exit $status"
    assert container.boot("sh", "-c", connect, flags=["--user", "agent"]).status == NO_CONNECTION
    assert "203.0.113.66\t443\ttcp\t\tno rule\n" in listed(container, "packet")


def test_the_quoted_denials_are_as_in_the_audit(container):
    agent = container.start_agent("--allow", "example.com", "--allow", "*.lab.example.com", "--allow", "gone.example.net")
    agent.asks("www.example.org")
    agent.asks("db.lab.example.com")
    agent.asks("example.com", "TXT")
    agent.asks("gone.example.net")
    agent.resolves("example.com")
    agent.connect("198.51.100.20", 80)
    agent.connect("203.0.113.66", 443)
    for event in QUOTED_EVENTS:
        if event.get("why") != "inbound":  # tests/system/gate/test_the_audit.py
            container.eventually_audited(event.pop("event"), **event)


def error_of(result):
    assert result.status != 0, result
    return re.sub(r"process \d+", "process 97", result.stderr.splitlines()[-1])


def test_the_quoted_errors_are_those_of_failed_boots(container):
    env = {"PATH": "/usr/bin:/bin"}
    assert error_of(container.launch(SETPRIV, "--bounding-set", "-net_admin", OSTIARY, "run", "--", "true", stdin=b"").wait()) in QUOTED_ERRORS
    assert error_of(container.launch(OSTIARY, "run", "--", "true", uid=AGENT, stdin=b"").wait()) in QUOTED_ERRORS
    assert error_of(container.run("--user", "agent", "plan", env=env)) in QUOTED_ERRORS
    running = container.start_boot("sleep", "60", flags=["--user", "agent"], env=env)
    running.read_until("phase 2", running.err)
    assert error_of(container.beside(running, OSTIARY, "run", "--", "true", stdin=b"")) in QUOTED_ERRORS
    container.end()
    container.write("/etc/resolv.conf", "")
    assert error_of(container.boot("true")) in QUOTED_ERRORS
