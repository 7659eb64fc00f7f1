#include "answerer.h"

#include <algorithm>
#include <utility>

#include <sys/random.h>

#include "ostiary/inet/special.h"

namespace ostiary::gate {
namespace {

using audit::DenyReason;
using dns::ExtendedError;
using dns::Rcode;
using dns::RecordType;
using std::chrono::seconds;
using upstream::Origin;

constexpr dns::Explanation no_rule{ExtendedError::blocked, "ostiary: no rule of the policy allows this name"};
constexpr dns::Explanation at_bound{ExtendedError::prohibited, "ostiary: a limit of the gate is reached"};
constexpr dns::Explanation private_only{ExtendedError::blocked,
                                        "ostiary: private addresses only, which no rule allows"};
constexpr dns::Explanation no_answer{ExtendedError::network_error,
                                     "ostiary: the upstream gave no usable answer"};
constexpr dns::Explanation no_network{ExtendedError::network_error,
                                      "ostiary: no route leads out of this network"};
constexpr dns::Explanation own_question{ExtendedError::other,
                                        "ostiary: this is the gate's own question, sent back to the gate"};
constexpr dns::Explanation not_admitted{ExtendedError::other, "ostiary: the kernel refused the admission"};

HashKey random_key() {
  HashKey key;
  // Blocks only until the kernel's random number generator is ready, early in the machine's boot.
  while (::getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) {
  }
  return key;
}

bool is_address(RecordType type) {
  return type == RecordType::a || type == RecordType::aaaa;
}

Resolution withheld(std::span<const inet::IpAddress> addresses, seconds ttl) {
  return {.kind = Resolution::Kind::withheld,
          .addresses = addresses,
          .ttl = ttl,
          .why = private_only,
          .denied = DenyReason::rebinding};
}

bool is_permitted(const inet::IpAddress& address, const policy::Decision& decision) {
  return std::ranges::any_of(decision.grants, [reach = inet::classify(address)](const policy::Grant& grant) {
    return policy::covers(grant, reach);
  });
}

}  // namespace

bool Answerer::Less::operator()(const dns::Question& a, const dns::Question& b) const {
  if (a.type != b.type) return a.type < b.type;
  return a.name < b.name;
}

Answerer::Answerer(Dependencies dependencies, Terms terms, SendFn send_answer)
    : dependencies_(std::move(dependencies)),
      terms_(terms),
      send_answer_(std::move(send_answer)),
      key_(random_key()),
      cache_(limits::cache_entries, random_key()) {}

// ---- the agent's questions

void Answerer::take(std::span<const uint8_t> message, const Client& client, Time now) {
  const dns::QueryReading reading = dns::read_query(message);
  if (std::holds_alternative<dns::Ignored>(reading)) return;
  if (const auto* refusal = std::get_if<dns::Refusal>(&reading)) {
    dependencies_.recorder.record_folded(
        audit::DenyName{
            .name = {}, .type = {}, .why = DenyReason::malformed, .detail = text(refusal->reason)},
        now);
    const size_t limit = dns::answer_limit(refusal->envelope, client.transport);
    return send(client, dns::write_refusal(std::span(buffer_).first(limit), *refusal));
  }
  const auto& query = std::get<dns::Query>(reading);
  if (!answer_from_cache(query, client, now)) answer_uncached(query, client, now);
}

// A cached name was allowed when the gate resolved it, and the policy does not change.
bool Answerer::answer_from_cache(const dns::Query& query, const Client& client, Time now) {
  const auto hit = cache_.find(query.name, query.type, now);
  if (!hit) return false;
  Resolution resolution{.kind = Resolution::Kind::no_data, .ttl = hit->ttl};
  if (hit->outcome == dns::Cache::Outcome::no_such_name) resolution.kind = Resolution::Kind::no_such_name;
  if (hit->outcome == dns::Cache::Outcome::withheld) resolution = withheld({}, hit->ttl);
  if (hit->outcome == dns::Cache::Outcome::addresses) {
    resolution.kind = Resolution::Kind::addresses;
    resolution.addresses = hit->addresses;
    if (hit->admitted_until < now + hit->ttl + limits::admission_margin) {
      const auto name = query.name.host_name();
      const auto until =
          admit(name->text(), hit->addresses, dependencies_.policy.decide(*name), hit->ttl, now);
      if (!until) return false;
      cache_.set_admitted_until(query.name, query.type, *until);
    }
  }
  answer(query.name, query.type, query.envelope, client, resolution, now);
  return true;
}

void Answerer::answer_uncached(const dns::Query& query, const Client& client, Time now) {
  const auto name = query.name.host_name();
  const policy::Decision decision = name ? dependencies_.policy.decide(*name) : policy::Decision{};
  if (decision.verdict == policy::Verdict::deny) return deny(query, client, now);

  if (is_address(query.type) && !is_reachable(RecordType::a) && !is_reachable(RecordType::aaaa))
    return write(query.envelope, client, without_network(query.name, now));
  const bool opened = is_address(query.type) ? is_reachable(query.type)
                                             : decision.types.contains(static_cast<uint16_t>(query.type));
  if (!opened) {
    if (!is_address(query.type)) audit_denied(query.name, query.type, DenyReason::type, {}, now);
    return write_empty(query.envelope, client, Rcode::no_error);
  }
  const dns::Question question{query.name, query.type};
  const auto pending = pending_.find(question);
  if (pending == pending_.end()) {
    if (pending_.size() >= limits::outstanding)
      return deny_at_bound(query, client, "questions outstanding", now);
    if (!may_send(decision, now)) return deny_at_bound(query, client, "wildcard questions a minute", now);
  } else if (const Origin origin = origin_of(question, query.envelope.id, client); origin != Origin::other) {
    // Docker's resolver forwards a name that it does not know from inside this network, and the
    // redirect brings the question here. SERVFAIL at once: the question must not wait for itself.
    // A packet that returned is not answered: it was sent again.
    if (origin == Origin::passed_on) write_empty(query.envelope, client, Rcode::server_failure, own_question);
    return;
  } else if (pending->second.waiting.size() >= limits::waiters) {
    return deny_at_bound(query, client, "clients waiting for one answer", now);
  }
  resolve(
      question, decision,
      [this, client, question, envelope = dns::KeptEnvelope(query.envelope)](const Resolution& resolution) {
        answer(question.name, question.type, envelope.envelope(), client, resolution, dependencies_.clock());
      });
}

Origin Answerer::origin_of(const dns::Question& question, uint16_t id, const Client& client) {
  const auto* from =
      client.transport == dns::Transport::udp ? reinterpret_cast<const sockaddr*>(&client.address) : nullptr;
  return dependencies_.upstream.recognize(question, id, from);
}

void Answerer::deny(const dns::Query& query, const Client& client, Time now) {
  audit_denied(query.name, query.type, DenyReason::no_rule, {}, now);
  write_empty(query.envelope, client, Rcode::no_such_name, no_rule);
}

void Answerer::deny_at_bound(const dns::Query& query, const Client& client, std::string_view bound,
                             Time now) {
  audit_denied(query.name, query.type, DenyReason::bound, bound, now);
  write_empty(query.envelope, client, Rcode::server_failure, at_bound);
}

bool Answerer::is_reachable(RecordType type) const {
  return (type == RecordType::a ? terms_.ipv4 : terms_.ipv6) == Reachability::reachable;
}

bool Answerer::may_send(const policy::Decision& decision, Time now) {
  if (decision.match == policy::Match::exact) return true;
  return dependencies_.wildcards.spend(now) == WildcardBudget::Spent::a_question;
}

// ---- questions to the upstream

void Answerer::resolve(const dns::Question& question, const policy::Decision& decision,
                       OnResolved on_resolved) {
  const auto [pending, is_new] = pending_.try_emplace(question, Pending{decision, {}});
  pending->second.waiting.push_back(std::move(on_resolved));
  if (!is_new) return;
  dependencies_.upstream.ask(question,
                             [this, question](const upstream::Reply& reply) { finish(question, reply); });
}

void Answerer::finish(const dns::Question& question, const upstream::Reply& reply) {
  const Time now = dependencies_.clock();
  auto pending = pending_.extract(question);
  Resolution resolution = reply ? read_reply(question, pending.mapped().decision, *reply, now)
                                : failed(question, text(reply.error()), now);
  // A receiver may ask more questions, and their replies may come within its call. They must not
  // overwrite this resolution. A moved vector keeps its memory, so the addresses stay valid.
  const auto addresses = std::exchange(addresses_, {});
  const auto records = std::exchange(records_, {});
  if (resolution.records != nullptr) resolution.records = &records;
  for (OnResolved& on_resolved : pending.mapped().waiting) on_resolved(resolution);
}

Resolution Answerer::read_reply(const dns::Question& question, const policy::Decision& decision,
                                std::span<const uint8_t> reply, Time now) {
  if (!is_address(question.type)) return take_records(question, reply, now);
  const dns::AddressReply read = dns::read_address_reply(reply, question);
  if (const auto* addresses = std::get_if<dns::Addresses>(&read))
    return take_addresses(question, decision, *addresses, now);
  if (const auto* none = std::get_if<dns::NoData>(&read)) {
    cache_.put_no_data(question.name, question.type, none->ttl, now);
    return {.kind = Resolution::Kind::no_data, .ttl = none->ttl};
  }
  if (const auto* none = std::get_if<dns::NoSuchName>(&read)) {
    cache_.put_no_such_name(question.name, question.type, none->ttl, now);
    return {.kind = Resolution::Kind::no_such_name, .ttl = none->ttl};
  }
  if (const auto* failure = std::get_if<dns::UpstreamFailure>(&read))
    return failed(question, text(failure->rcode), now);
  if (const auto* malformed = std::get_if<dns::MalformedReply>(&read))
    return failed(question, text(malformed->fault), now);
  return failed(question, "truncated over TCP", now);
}

Resolution Answerer::take_addresses(const dns::Question& question, const policy::Decision& decision,
                                    const dns::Addresses& addresses, Time now) {
  addresses_.clear();
  std::ranges::copy_if(addresses.list, std::back_inserter(addresses_),
                       [&](const inet::IpAddress& address) { return is_permitted(address, decision); });
  if (addresses_.empty()) {
    cache_.put_withheld(question.name, question.type, addresses.ttl, now);
    addresses_.assign(addresses.list.begin(), addresses.list.end());
    return withheld(addresses_, addresses.ttl);
  }
  const std::string name = question.name.text();
  const auto until = admit(name, addresses_, decision, addresses.ttl, now);
  if (!until)
    return {.kind = Resolution::Kind::failed,
            .why = not_admitted,
            .denied = DenyReason::not_admitted,
            .failure = "the kernel refused the admission"};
  audit_allowed(question.name, name, decision);
  cache_.put_addresses(question.name, question.type, addresses_, addresses.ttl, now, *until);
  return {.kind = Resolution::Kind::addresses, .addresses = addresses_, .ttl = addresses.ttl};
}

Resolution Answerer::take_records(const dns::Question& question, std::span<const uint8_t> reply, Time now) {
  dns::RecordReply read = dns::read_record_reply(reply, question);
  if (auto* records = std::get_if<dns::RrSet>(&read)) {
    records_ = std::move(*records);
    return {.kind = Resolution::Kind::records, .records = &records_, .ttl = records_.ttl};
  }
  if (std::holds_alternative<dns::NoData>(read)) return {.kind = Resolution::Kind::no_data};
  if (std::holds_alternative<dns::NoSuchName>(read)) return {.kind = Resolution::Kind::no_such_name};
  return failed(question, "no usable reply", now);
}

Resolution Answerer::without_network(const dns::WireName& name, Time now) {
  const std::string shown = name.text();
  constexpr std::string_view why = "no route leads out of this network";
  dependencies_.recorder.record_folded(audit::UpstreamFailure{.name = shown, .why = why}, now);
  return {.kind = Resolution::Kind::failed, .why = no_network, .failure = std::string(why)};
}

Resolution Answerer::failed(const dns::Question& question, std::string_view why, Time now) {
  const std::string name = question.name.text();
  dependencies_.recorder.record_folded(audit::UpstreamFailure{.name = name, .why = why}, now);
  return {.kind = Resolution::Kind::failed, .why = no_answer, .failure = std::string(why)};
}

std::optional<Answerer::Time> Answerer::admit(std::string_view name,
                                              std::span<const inet::IpAddress> addresses,
                                              const policy::Decision& decision, seconds ttl, Time now) {
  // The cache rounds a remaining TTL up to whole seconds. Without the extra second, an answer whose
  // TTL exceeds `hold` would be admitted again at each hit.
  const seconds lifetime = std::max(ttl + seconds(1) + limits::admission_margin, terms_.hold);
  const auto until = dependencies_.ledger.admit(name, addresses, decision.grants, lifetime, now);
  if (!until) return std::nullopt;
  for (const inet::IpAddress& address : addresses)
    for (const policy::Grant& grant : decision.grants)
      if (policy::covers(grant, inet::classify(address)))
        dependencies_.recorder.record(audit::Admit{.name = name,
                                                   .address = address,
                                                   .protocol = static_cast<uint8_t>(grant.transport),
                                                   .port = grant.ports.first,
                                                   .lifetime = lifetime,
                                                   .last_port = grant.ports.last});
  return *until;
}

// ---- answers

void Answerer::answer(const dns::WireName& name, RecordType type, const dns::Envelope& envelope,
                      const Client& client, const Resolution& resolution, Time now) {
  if (resolution.denied) audit_denied(name, type, *resolution.denied, {}, now);
  write(envelope, client, resolution);
}

void Answerer::write(const dns::Envelope& envelope, const Client& client, const Resolution& resolution) {
  const auto room = std::span(buffer_).first(dns::answer_limit(envelope, client.transport));
  switch (resolution.kind) {
    case Resolution::Kind::failed:
      return write_empty(envelope, client, Rcode::server_failure, resolution.why);
    case Resolution::Kind::no_such_name:
      return write_empty(envelope, client, Rcode::no_such_name);
    case Resolution::Kind::no_data:
    case Resolution::Kind::withheld:
      return write_empty(envelope, client, Rcode::no_error, resolution.why);
    case Resolution::Kind::addresses:
      return send(client, dns::write_addresses(room, envelope, resolution.addresses, resolution.ttl));
    case Resolution::Kind::records:
      return send(client, dns::write_records(room, envelope, *resolution.records));
  }
}

void Answerer::write_empty(const dns::Envelope& envelope, const Client& client, Rcode rcode,
                           const std::optional<dns::Explanation>& why) {
  const auto room = std::span(buffer_).first(dns::answer_limit(envelope, client.transport));
  send(client, dns::write_empty(room, envelope, rcode, why));
}

void Answerer::send(const Client& client, size_t size) {
  if (size > 0) send_answer_(client, std::span(buffer_).first(size));
}

// ---- the audit

void Answerer::audit_allowed(const dns::WireName& name, std::string_view text,
                             const policy::Decision& decision) {
  if (audited_.size() >= limits::audited_names || !audited_.insert(hash(key_, name)).second) return;
  std::vector<audit::GrantedPorts> ports;
  for (const policy::Grant& grant : decision.grants)
    ports.push_back({static_cast<uint8_t>(grant.transport), grant.ports.first, grant.ports.last});
  dependencies_.recorder.record(audit::Allow{.name = text, .ports = ports});
}

void Answerer::audit_denied(const dns::WireName& name, RecordType type, DenyReason why,
                            std::string_view detail, Time now) {
  const std::string shown = name.text();
  const std::string shown_type = text(type);
  dependencies_.recorder.record_folded(
      audit::DenyName{.name = shown, .type = shown_type, .why = why, .detail = detail}, now);
}

}  // namespace ostiary::gate
