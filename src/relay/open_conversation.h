// relay/open_conversation.h: a conversation in the collector's protocol.
#pragma once

#include <memory>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "relay/collector.h"
#include "relay/conversation.h"
#include "relay/tls.h"

namespace ostiary::relay {

// Over a connected socket that does not block. `trust` may be nullptr if the collector has no TLS. Collector and trust
// must outlive the conversation.
Result<std::unique_ptr<Conversation>> open_conversation(const Collector& collector, const TlsTrust* trust,
                                                        UniqueFd socket);

}  // namespace ostiary::relay
