#include "denied_service.h"

#include <utility>

namespace ostiary::gate {

Result<> DeniedService::start(InitialSets initial_sets) {
  watch_ = TRY(event::Watch::create(loop_, log_.fd(), EPOLLIN, [this](uint32_t) -> Result<> {
    TRY(record());
    return {};
  }));
  if (initial_sets == InitialSets::continued) return log_.gather();
  recorder_.set_actor(audit::Actor::self_test);
  return {};
}

Result<> DeniedService::end_self_test() {
  TRY(record_all());
  recorder_.set_actor(audit::Actor::agent);
  return log_.gather();
}

Result<> DeniedService::end() {
  TRY(log_.end());
  return record_all();
}

Result<> DeniedService::record_all() {
  while (TRY(record()) > 0) {
  }
  return {};
}

Result<size_t> DeniedService::record() {
  const auto denied = TRY(log_.read());
  for (const nft::Denied& each : denied)
    recorder_.record_folded(audit::DenyPacket{.address = each.destination,
                                              .port = each.port,
                                              .protocol = each.protocol,
                                              .icmp_type = each.icmp_type,
                                              .uid = each.uid,
                                              .name = ledger_.name_of(each.destination),
                                              .why = nft::text(each.cause)},
                            loop_.now());
  recorder_.record_others(log_.lost() - std::exchange(recorded_lost_, log_.lost()), loop_.now());
  return denied.size();
}

}  // namespace ostiary::gate
