"""A name that the policy denies is never sent: not for any type, not to any server, not in any
encoding."""

import dns.message
import dns.name
import dns.rdataclass
import pytest

from support.agent import GATE, code
from support.behaviours import host
from support.internet import ALLOWED, PUBLIC_RESOLVER, RESOLVER
from support.outcomes import TRIED_AGAIN
from support.waiting import eventually

SERVERS = {"the gate": GATE, "the upstream resolver": RESOLVER, "a public resolver": PUBLIC_RESOLVER}
TYPES = ["A", "AAAA", "TXT", "NULL", "MX", "NS", "SOA", "CNAME", "SRV", "PTR", "CAA", "DS", "DNSKEY", "HTTPS", "SVCB",
         "NAPTR", "TYPE65280"]


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    internet.upstream.everything(host(ALLOWED))  # so that every lookup that goes upstream gets an answer
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", "--allow", "*.wild.example", who=who)


@pytest.fixture(params=["udp", "tcp"])
def transport(request):
    return request.param


def assert_nothing_was_sent(internet):
    assert internet.packets() == []
    assert internet.upstream.queries == []


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_an_unlisted_name_gets_nxdomain_from_every_server(internet, agent, server, transport, family):
    assert code(agent.asks("unlisted.example", server=server[family], transport=transport)) == "NXDOMAIN"
    assert_nothing_was_sent(internet)


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_gate_answers_for_an_allowed_name_whichever_server_is_asked(internet, agent, server, transport, family):
    assert agent.asks_for("allowed.example", server=server[family], transport=transport) == [ALLOWED[4]]
    assert internet.stray_packets() == []
    assert not [query for query in internet.upstream.queries if query.server in PUBLIC_RESOLVER.values()]


@pytest.mark.parametrize("kind", TYPES)
def test_no_type_of_an_unlisted_name_is_sent(internet, agent, kind, transport):
    assert code(agent.asks("unlisted.example", kind, transport=transport)) == "NXDOMAIN"
    assert_nothing_was_sent(internet)


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"A", "AAAA"}))
@pytest.mark.parametrize("name", ["allowed.example", "some.wild.example"])
def test_a_type_that_the_rule_does_not_name_is_not_sent(internet, agent, name, kind):
    reply = agent.asks(name, kind)
    assert code(reply) == "NOERROR" and not reply.answer and not reply.additional
    assert_nothing_was_sent(internet)


@pytest.mark.parametrize("name", [
    "example", "llowed.example", "xallowed.example", "sub.allowed.example", "allowed.example.evil.example",
    "allowed.exampl", "allowed-example", "wild.example", "xwild.example", "some.wild.example.evil.example", ".", "com",
    "10.100.51.198.in-addr.arpa", "localhost.evil.example", "169.254.169.254", "0x7f.1", "_allowed.example"])
def test_a_name_similar_to_an_allowed_one_is_not_sent(internet, agent, name):
    assert code(agent.asks(name)) in ("NXDOMAIN", "REFUSED")
    assert_nothing_was_sent(internet)


@pytest.mark.parametrize("labels", [
    [b"allowed.example"], [b"evil", b"allowed.example"], [b"allowed.example\0", b"evil", b"example"],
    [b"allowed", b"example\0"], [b"a\0", b"wild", b"example"], [b"a.b", b"wild", b"example"],
    [b"evil.some", b"wild", b"example"], [b"\xff\xfe", b"wild", b"example"], [b"a b", b"wild", b"example"],
    [b"a/b", b"wild", b"example"]], ids=repr)
def test_labels_that_are_no_host_name_are_not_sent(internet, agent, labels):
    """A dot in a label, a zero octet, octets that no host name contains."""
    query = dns.message.make_query(dns.name.Name([*labels, b""]), "A")
    assert code(agent.asks_message(query.to_wire())) in ("NXDOMAIN", "REFUSED", "FORMERR")
    assert_nothing_was_sent(internet)


def test_letter_case_does_not_matter(agent):
    assert agent.asks_for("AlLoWeD.ExAmPlE") == [ALLOWED[4]]


def test_another_class_is_refused(internet, agent):
    query = dns.message.make_query("allowed.example", "TXT", rdclass=dns.rdataclass.CH)
    assert code(agent.asks_message(query.to_wire())) == "REFUSED"
    assert_nothing_was_sent(internet)


def test_ten_thousand_denied_names_get_answers_and_none_is_sent(internet, agent, family):
    flood = agent.flood("k%d.unlisted.example", 10_000, GATE[family], patience=30)
    assert flood == {"codes": {"3": 10_000}, "unanswered": 0}
    assert_nothing_was_sent(internet)


def test_a_flood_of_denied_names_at_another_server_is_not_sent(internet, agent, family):
    flood = agent.flood("k%d.unlisted.example", 2_000, PUBLIC_RESOLVER[family], patience=30)
    assert flood == {"codes": {"3": 2_000}, "unanswered": 0}
    assert_nothing_was_sent(internet)


@pytest.mark.parametrize("length", [1, 63])
def test_names_under_an_allowed_wildcard_are_limited(internet, new_container, who, length):
    """The limit bounds the data that names can carry. Further names are answered at once, and
    audited."""
    container = new_container()
    agent = container.start_agent("--allow", "*.wild.example", who=who)
    flood = agent.flood("%05d" + "x" * (length - 5) + ".wild.example" if length > 5 else "k%d.wild.example", 3_000,
                        GATE[4], patience=30)
    assert flood["unanswered"] == 0
    assert flood["codes"].get("2", 0) + flood["codes"].get("5", 0) >= 1_500, flood
    assert len(internet.upstream.names()) <= 1_500
    eventually(lambda: container.audit("deny", why="bound"), "the bound is audited")


def test_only_an_allowed_name_is_sent_and_no_other_data_of_the_question(internet, agent):
    """No client subnet, no cookie, and no other data that the agent added to its question."""
    query = dns.message.make_query("option.wild.example", "A", use_edns=0, options=[
        dns.edns.GenericOption(65001, b"smuggled"), dns.edns.ECSOption("10.11.12.13", 32)])
    query.additional = []
    agent.asks_message(query.to_wire())
    assert internet.upstream.asked("option.wild.example")
    for query in internet.upstream.queries:
        assert b"smuggled" not in query.octets and not any(option.otype == 8 for option in query.message.options)


def test_the_c_library_gets_the_same_answer(internet, agent):
    assert ALLOWED[4] in agent.look_up("allowed.example")["addresses"]
    internet.forget()
    outcome = agent.look_up("unlisted.example")
    assert outcome["addresses"] == [] and outcome["seconds"] < TRIED_AGAIN, outcome
    assert_nothing_was_sent(internet)
