#include "boot_names.h"

#include <algorithm>
#include <utility>

#include <malloc.h>

#include "limits.h"
#include "ostiary/base/text.h"

namespace ostiary::gate {
namespace {

constexpr size_t longest_list = 4;

// "a, b, c, d and 3 more"
template <typename Range, typename Text>
std::string list(const Range& items, Text text) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(items.size(), longest_list); ++i) texts.push_back(text(items[i]));
  std::string listed = join(texts, ", ");
  if (items.size() > longest_list) listed += " and " + std::to_string(items.size() - longest_list) + " more";
  return listed;
}

std::string_view address_of(std::span<const dns::RecordType> types) {
  if (types.size() != 1) return "address";
  return types.front() == dns::RecordType::a ? "IPv4 address" : "IPv6 address";
}

}  // namespace

// ---- one name

void PlanHost::take(const Resolution& resolution) {
  --waiting_;
  if (resolution.kind == Resolution::Kind::withheld)
    withheld_.insert(withheld_.end(), resolution.addresses.begin(), resolution.addresses.end());
  if (resolution.kind == Resolution::Kind::failed) failure_ = resolution.failure;
  best_ = std::max(best_, resolution.kind);
}

std::string PlanHost::reason(const PlanTerms& terms) const {
  if (terms.types.empty()) return "did not resolve (no route leads out of this network)";
  const std::string servers =
      list(terms.servers, [](const upstream::Server& server) { return text(server); });
  if (best_ == Resolution::Kind::withheld)
    return "has private addresses only (" +
           list(withheld_, [](const inet::IpAddress& address) { return address.text(); }) +
           "), which its rule does not open";
  if (best_ == Resolution::Kind::failed) return "did not resolve (" + servers + ": " + failure_ + ")";
  if (waits())
    return "did not resolve (" + servers + ": no answer within " + std::to_string(terms.timeout.count()) +
           " s)";
  if (best_ == Resolution::Kind::no_such_name) return "does not exist (" + servers + ": NXDOMAIN)";
  return "has no " + std::string(address_of(terms.types)) + " (" + servers + ": NODATA)";
}

Message PlanHost::unopened(const PlanTerms& terms) const {
  const bool withheld = best_ == Resolution::Kind::withheld && !terms.types.empty();
  return {.kind = withheld ? Message::Kind::withheld : Message::Kind::unresolved,
          .text = name_.text(),
          .reason = reason(terms)};
}

// ---- all names

BootNames::BootNames(Dependencies dependencies, SendFn send)
    : dependencies_(std::move(dependencies)),
      send_(std::move(send)),
      time_limit_(dependencies_.loop, [this] { give_up(); }) {
  const Terms& terms = dependencies_.setup.terms;
  if (terms.ipv4 == Reachability::reachable) types_.push_back(dns::RecordType::a);
  if (terms.ipv6 == Reachability::reachable) types_.push_back(dns::RecordType::aaaa);
  for (size_t i = 0; i < dependencies_.sources.size(); ++i)
    for (policy::PlainHost& host : dependencies_.sources[i].policy.plain_hosts()) {
      hosts_.emplace_back(std::move(host.name), types_.size());
      source_of_.push_back(i);
    }
  unfinished_ = hosts_.size();
}

void BootNames::start() {
  if (hosts_.empty()) return send_ready();
  time_limit_.set(dependencies_.loop.now() + dependencies_.setup.resolve_timeout);
  resolve_more();
}

// A host may be resolved within resolve(), which then calls this function again.
void BootNames::resolve_more() {
  if (std::exchange(resolving_, true)) return;
  while (started_ < hosts_.size() && started_ + unfinished_ - hosts_.size() < limits::plan_hosts_at_once)
    resolve(started_++);
  resolving_ = false;
}

void BootNames::resolve(size_t index) {
  if (types_.empty()) return on_resolved(hosts_[index]);
  const inet::HostName& host = hosts_[index].name();
  const Source& source = dependencies_.sources[source_of_[index]];
  const policy::Decision decision = source.policy.decide(host);
  for (const dns::RecordType type : types_) {
    const dns::Question question{dns::WireName::from(host), type};
    source.answerer.resolve(question, decision, [this, index, question](const Resolution& resolution) {
      PlanHost& found = hosts_[index];
      found.take(resolution);
      report(question, resolution, dependencies_.sources[source_of_[index]].whom);
      if (!found.waits()) on_resolved(found);
    });
  }
}

// Reports addresses to the keeper, and denials to the audit.
void BootNames::report(const dns::Question& question, const Resolution& resolution, Source::For whom) {
  if (resolution.kind == Resolution::Kind::addresses && whom == Source::For::agent)
    for (const inet::IpAddress& address : resolution.addresses)
      if (!ready_)
        send_({.kind = Message::Kind::admitted, .text = address.text(), .reason = question.name.text()});
  if (resolution.denied)
    dependencies_.recorder.record_folded(audit::DenyName{.name = question.name.text(),
                                                         .type = text(question.type),
                                                         .why = *resolution.denied,
                                                         .detail = {},
                                                         .by = audit::Actor::boot},
                                         dependencies_.loop.now());
}

void BootNames::on_resolved(const PlanHost& host) {
  if (ready_) return;
  if (!host.resolved()) report_unopened(host);
  if (--unfinished_ == 0) return send_ready();
  resolve_more();
}

void BootNames::give_up() {
  for (const PlanHost& host : hosts_)
    if (host.waits() && !host.resolved()) report_unopened(host);
  send_ready();
}

void BootNames::report_unopened(const PlanHost& host) {
  send_(host.unopened({.servers = dependencies_.setup.upstreams,
                       .types = types_,
                       .timeout = dependencies_.setup.resolve_timeout}));
}

void BootNames::send_ready() {
  ready_ = true;
  time_limit_.set({});
  const auto resolved = std::ranges::count_if(hosts_, &PlanHost::resolved);
  send_({.kind = Message::Kind::ready, .number = static_cast<uint32_t>(resolved)});
  ::malloc_trim(0);  // reading the policy and resolving its hosts took memory
}

}  // namespace ostiary::gate
