#include "nameless.h"

#include <utility>

#include <netinet/in.h>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* nameless_chain = "nameless";
constexpr const char* misnamed_chain = "misnamed";

// A packet of TCP without data is as long as its headers. IP options and extension headers make it longer.
void accept_without_data(Json& out, const char* chain, const Json& matches) {
  constexpr unsigned header4 = 20, octets_in_word = 4;
  constexpr unsigned shortest_header = 5, longest_header = 15;  // of TCP, in words
  for (unsigned words = shortest_header; words <= longest_header; ++words)
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const unsigned octets = words * octets_in_word + (family == Family::ipv4 ? header4 : 0);
      Json all = matches;
      all.append(
          Json::array({is(field(ip(family), "length"), octets), is(field("tcp", "doff"), words), accept()}));
      out.push_back(rule_of(chain, std::move(all)));
    }
}

}  // namespace

void add_nameless_chains(Json& out, const Ruleset& ruleset) {
  if (!ruleset.name_queue) return;
  for (const char* chain : {ask_chain, nameless_chain, misnamed_chain})
    out.push_back(add("chain", {{"name", chain}}));
  out.push_back(rule(ask_chain, {counter(), drop()}));
  // The urgent octet is in one reading of the stream and not in the other: the gate refuses it.
  accept_without_data(out, nameless_chain, Json::array({tcp_flags(urg, 0)}));
  out.push_back(rule(nameless_chain, {go(ask_chain)}));
  // The gate has audited it.
  out.push_back(rule(misnamed_chain, {counter(), {{"reject", {{"type", "tcp reset"}}}}}));
}

void add_nameless(Json& out, const Ruleset& ruleset, const char* chain, const Json& matches) {
  if (!ruleset.name_queue) return;
  const AgentMarks marks = agent_marks(ruleset);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Json begins = Json::array({tcp_flags(fin | syn | rst | ack, syn)});
    begins.append(matches);
    begins.append(Json::array({is(key_of_packet(family), "@" + std::string(named_name(family))),
                               set_flow_mark(marks.nameless), go(ask_chain)}));
    out.push_back(rule_of(chain, std::move(begins)));
  }
  const Json from_agent = is(ct("direction"), "original");
  out.push_back(rule(chain, {flow_is_marked(marks.nameless), from_agent, go(nameless_chain)}));
  out.push_back(rule(chain, {flow_is_marked(marks.misnamed), go(misnamed_chain)}));
}

void add_answers_to_nameless(Json& out, const Ruleset& ruleset, const char* chain) {
  if (!ruleset.name_queue) return;
  out.push_back(rule(chain, {flow_is_marked(agent_marks(ruleset).nameless), is(ct("direction"), "reply"),
                             protocol(IPPROTO_TCP), go(nameless_chain)}));
}

}  // namespace ostiary::nft
