"""On podman's own network: a bridge that containers share, with address translation to the
outside."""

from support.podman.outcomes import boot_of, outcomes_in, connection_attempts
from support.behaviours import addresses
from support.internet import ALLOWED, RESOLVER, UNLISTED

NAME = "api.example.com"
LISTEN = """
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
$| = 1;
print "ready\\n";
while (my $client = $listener->accept) { close $client }
"""


def test_other_containers_on_the_bridge_need_a_rule_too(image, new_container, internet, link):
    internet.upstream.name(NAME, addresses(ALLOWED[4]))
    neighbour = new_container(image, "run", "--no-derive", "--allow-inbound", "8080", "--", "perl", "-e", LISTEN, host=link)
    neighbour.wait_for_line("ready")
    script = connection_attempts(("allowed", NAME, 443), ("unlisted", UNLISTED[4], 443), ("neighbour", neighbour.address(), 8080))
    without, with_rule = (
        new_container(image, "run", "--no-derive", "--user", "1000:1000", "--allow", NAME, *flags, "--", "bash", "-c", script,
                      host=link).wait()
        for flags in ((), ("--allow", f"{neighbour.address()}:8080")))
    assert without.status == with_rule.status == 0, (without, with_rule)
    assert outcomes_in(without.stdout) == {"allowed": True, "unlisted": False, "neighbour": False}, without
    assert outcomes_in(with_rule.stdout) == {"allowed": True, "unlisted": False, "neighbour": True}, with_rule
    assert boot_of(without)[1] > 20, without
    assert {packet.destination for packet in internet.packets()} == {ALLOWED[4], RESOLVER[4]}
    joined = neighbour.exec("ostiary", "exec", "--", "bash", "-c", script)
    assert outcomes_in(joined.stdout) == {"allowed": False, "unlisted": False, "neighbour": True}, joined  # that address is the neighbour's
