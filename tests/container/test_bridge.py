"""On podman's own network: a bridge, which is the same for all, and a way out of it by address translation."""

from engine.outcomes import boot_of, outcomes_in, visits
from support.behaviours import addresses
from support.internet import ALLOWED, RESOLVER, UNLISTED

NAME = "api.example.com"
LISTEN = """
use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
$| = 1;
print "ready\\n";
while (my $visitor = $door->accept) { close $visitor }
"""


def test_neighbours_on_a_bridge_are_unlisted_like_everything_else(image, new_container, internet, link):
    internet.upstream.name(NAME, addresses(ALLOWED[4]))
    neighbour = new_container(image, "run", "--no-derive", "--allow-inbound", "8080", "--", "perl", "-e", LISTEN, host=link)
    neighbour.says("ready")
    script = visits(("allowed", NAME, 443), ("unlisted", UNLISTED[4], 443), ("neighbour", neighbour.address(), 8080))
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
    assert outcomes_in(joined.stdout) == {"allowed": False, "unlisted": False, "neighbour": True}, joined  # it is that one
