"""The contents of answers: what was asked for, or the reason why there is nothing."""

import dns.flags
import pytest

from support.agent import GATE, code, explanation, values
from support.behaviours import add, addresses, alias, host, pack, records, reply_to
from support.internet import ALLOWED, ANOTHER, UNLISTED
from support.outcomes import TRIED_AGAIN


@pytest.fixture(scope="module")
def agent(container, who):
    container.policy({"allow": ["allowed.example", "*.allowed.example", {"host": "texts.example", "types": ["TXT", "MX"]},
                                {"host": "long.example", "types": ["TXT"]}]})
    return container.start_agent(who=who)


def kind(family):
    return "A" if family == 4 else "AAAA"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_allowed_name_has_its_addresses(agent, family, transport):
    reply = agent.asks("allowed.example", kind(family), server=GATE[family], transport=transport)
    assert code(reply) == "NOERROR" and values(reply) == [ALLOWED[family]]
    assert reply.flags & dns.flags.RA and not reply.authority and not reply.additional


@pytest.mark.parametrize("type", ["A", "AAAA", "TXT", "HTTPS"])
def test_a_denied_name_gets_nxdomain_and_a_reason(agent, type):
    reply = agent.asks("unlisted.example", type)
    number, text = explanation(reply)
    assert (code(reply), number) == ("NXDOMAIN", 15)
    assert "ostiary" in text and "polic" in text


def test_a_client_without_edns_gets_an_answer_without_edns(agent):
    for name in ("allowed.example", "unlisted.example"):
        assert agent.asks(name, edns=False).edns == -1


@pytest.mark.parametrize("type", ["HTTPS", "SVCB"])
def test_https_and_svcb_have_no_data(internet, agent, type):
    """So that there is no encrypted client hello, and no address hint."""
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.forget()
    reply = agent.asks("allowed.example", type)
    assert code(reply) == "NOERROR" and not reply.answer and not reply.additional
    assert internet.upstream.queries == []


def test_a_type_that_the_rule_names_is_answered(internet, agent):
    internet.upstream.name("texts.example", records("TXT", '"v=spf1 -all"', '"hello"'))
    assert agent.asks_for("texts.example", "TXT") == ['"hello"', '"v=spf1 -all"']


def test_a_type_that_another_rule_names_is_not_answered(internet, agent):
    internet.upstream.name("allowed.example", records("TXT", '"hello"'))
    reply = agent.asks("allowed.example", "TXT")
    assert code(reply) == "NOERROR" and not reply.answer and internet.upstream.queries == []


def test_an_answer_of_another_type_admits_nothing(internet, container, agent, who):
    def with_glue(question):
        message = reply_to(question)
        add(message, question.name, 60, "MX", "10 mail.texts.example.")
        add(message, "mail.texts.example", 60, "A", UNLISTED[4], section="additional")
        return pack(message, question)
    internet.upstream.name("texts.example", with_glue)
    reply = agent.asks("texts.example", "MX")
    assert values(reply) == ["10 mail.texts.example."] and not reply.additional
    assert UNLISTED[4] not in container.admitted_addresses()


def test_a_name_that_does_not_exist_upstream_gets_nxdomain(agent):
    reply = agent.asks("nothing.allowed.example")
    assert code(reply) == "NXDOMAIN" and (explanation(reply) or (0,))[0] != 15


def test_a_name_without_an_address_of_that_family_has_no_data(internet, agent):
    internet.upstream.name("four.allowed.example", addresses("198.51.100.77"))
    reply = agent.asks("four.allowed.example", "AAAA")
    assert code(reply) == "NOERROR" and not reply.answer


# Only what was asked for --------------------------------------------------------------------------

def test_aliases_are_followed(internet, container, agent, family):
    """As with content networks: the rule is about the name in the question, not about its aliases."""
    internet.upstream.name("www.allowed.example", alias("edge.cdn.example", "pop.cdn.example", to=ANOTHER))
    found = agent.asks_for("www.allowed.example", kind(family))
    assert ANOTHER[family] in found
    assert agent.connect(ANOTHER[family], 443)["reached"]


def test_the_target_of_an_alias_is_not_allowed_by_itself(internet, agent, family):
    internet.upstream.name("www.allowed.example", alias("edge.cdn.example", to=ANOTHER))
    internet.upstream.name("edge.cdn.example", host(ANOTHER))
    agent.asks("www.allowed.example", kind(family))
    internet.forget()
    assert code(agent.asks("edge.cdn.example", kind(family))) == "NXDOMAIN"
    assert internet.upstream.queries == []


def extra(section, owner):
    def behave(question):
        message = reply_to(question)
        if question.type in ("A", "AAAA"):
            family = 4 if question.type == "A" else 6
            add(message, question.name, 60, question.type, ALLOWED[family])
            add(message, owner or question.name, 60, question.type, UNLISTED[family], section=section)
        return pack(message, question)
    return behave


@pytest.mark.parametrize("section, owner", [
    ("answer", "unlisted.example"), ("answer", "sub.extra.allowed.example"), ("authority", "unlisted.example"),
    ("additional", "unlisted.example"), ("additional", None), ("authority", None)],
    ids=["another's answer", "a subdomain's", "another's authority", "another's glue", "its own glue",
         "its own authority"])
def test_other_records_in_a_reply_are_neither_answered_nor_admitted(internet, container, agent, who, section, owner, family):
    name = f"extra-{who}-{section}-{'own' if owner is None else owner.split('.')[0]}.allowed.example"
    internet.upstream.name(name, extra(section, owner))
    reply = agent.asks(name, kind(family))
    assert values(reply) in ([ALLOWED[family]], []) and not reply.authority and not reply.additional
    assert UNLISTED[family] not in container.admitted_addresses()


def test_an_address_of_the_other_family_is_ignored(internet, container, agent, who, family):
    """An A record in the answer to AAAA, and the reverse."""
    def crossed(question):
        message = reply_to(question)
        if question.type in ("A", "AAAA"):
            wrong = 6 if question.type == "A" else 4
            add(message, question.name, 60, kind(wrong), UNLISTED[wrong])
        return pack(message, question)
    name = f"crossed-{who}-{family}.allowed.example"
    internet.upstream.name(name, crossed)
    assert agent.asks(name, kind(family)).answer == []
    assert not container.admitted_addresses() & set(UNLISTED.values())


def test_records_that_the_alias_does_not_lead_to_are_ignored(internet, container, agent, who):
    def detached(question):
        message = reply_to(question)
        add(message, question.name, 60, "CNAME", "one.example.")
        add(message, "two.example", 60, "CNAME", "three.example.")
        add(message, "three.example", 60, "A", UNLISTED[4])
        return pack(message, question)
    name = f"detached-{who}.allowed.example"
    internet.upstream.name(name, detached)
    assert UNLISTED[4] not in agent.asks_for(name)
    assert UNLISTED[4] not in container.admitted_addresses()


# Size ---------------------------------------------------------------------------------------------

def test_an_answer_too_long_for_the_client_is_truncated_over_udp_and_complete_over_tcp(internet, agent, family):
    many = [f"198.51.100.{n}" for n in range(100, 150)] + [f"2001:db8:a::{n:x}" for n in range(1, 51)]
    internet.upstream.name("many.allowed.example", addresses(*many))
    reply = agent.asks("many.allowed.example", kind(family), edns=False)
    assert reply.flags & dns.flags.TC
    whole = agent.asks("many.allowed.example", kind(family), transport="tcp")
    assert not whole.flags & dns.flags.TC
    assert set(values(whole)) == {address for address in many if (":" in address) == (family == 6)}


def test_a_reply_that_the_upstream_truncates_is_fetched_over_tcp(internet, agent, who):
    many = [f"198.51.100.{n}" for n in range(150, 200)] + [f"2001:db8:b::{n:x}" for n in range(1, 60)]
    name = f"truncated-{who}.allowed.example"
    internet.upstream.name(name, addresses(*many))
    reply = agent.asks(name, "AAAA", transport="tcp")
    assert len(values(reply)) == 59
    assert "tcp" in {query.transport for query in internet.upstream.asked(name, "AAAA")}


# Search lists -------------------------------------------------------------------------------------

def test_candidates_of_a_search_list_are_answered_at_once(internet, new_container, who):
    """As in Kubernetes: the C library tries every search domain first, for both families."""
    container = new_container()
    container.write("/etc/resolv.conf", container.read("/etc/resolv.conf") +
                    "search agents.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--allow", "allowed.example", who=who)
    internet.forget()
    outcome = agent.look_up("allowed.example")
    assert set(outcome["addresses"]) == set(ALLOWED.values()) and outcome["seconds"] < TRIED_AGAIN, outcome
    assert internet.upstream.names() <= {"allowed.example"}


# Without IPv6 or IPv4 -----------------------------------------------------------------------------

def test_without_an_ipv6_route_there_are_no_ipv6_addresses(internet, new_container, who):
    container = new_container(families=(4,))
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--allow", "allowed.example", who=who)
    internet.forget()
    reply = agent.asks("allowed.example", "AAAA")
    assert code(reply) == "NOERROR" and not reply.answer
    assert not internet.upstream.asked("allowed.example", "AAAA")
    assert agent.look_up("allowed.example")["addresses"] == [ALLOWED[4]]


def test_without_an_ipv4_route_there_are_no_ipv4_addresses(internet, new_container, who):
    container = new_container(families=(6,))
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert agent.asks_for("allowed.example", "A") == []
    assert agent.resolves("allowed.example", 6) == [ALLOWED[6]]
    assert agent.connect(ALLOWED[6], 443)["reached"]
