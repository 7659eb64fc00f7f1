#include "relay/open_conversation.h"

#include <utility>

#include "relay/grpc_conversation.h"
#include "relay/http_conversation.h"

namespace ostiary::relay {

Result<std::unique_ptr<Conversation>> open_conversation(const Collector& collector, const TlsTrust* trust,
                                                        UniqueFd socket) {
  const bool is_grpc = collector.protocol == telemetry::Protocol::grpc;
  ServerStream stream =
      TRY(ServerStream::open(collector.is_tls ? trust : nullptr, std::move(socket),
                             collector.destination.host, is_grpc ? Alpn::http_2 : Alpn::http_1_1));
  if (is_grpc) return GrpcConversation::open(std::move(stream), collector);
  return std::make_unique<HttpConversation>(std::move(stream), collector);
}

}  // namespace ostiary::relay
