#include "tcp_server.h"

#include <utility>

#include "limits.h"
#include "ostiary/dns/tcp_frame.h"

namespace ostiary::gate {

// The questions of one connection.
class TcpServer::Questions : public event::Stream {
 public:
  Questions(TcpServer& server, event::StreamId id) : server_(server), id_(id) {}

  Taken take(std::span<const uint8_t> octets) override {
    Taken taken = Taken::part_of_message;
    while (true) {
      const dns::Frame frame = frames_.next(octets);
      if (std::holds_alternative<dns::NeedMore>(frame)) return taken;
      const auto* message = std::get_if<std::span<const uint8_t>>(&frame);
      if (message == nullptr) return Taken::malformed;
      taken = Taken::end_of_message;
      server_.handler_(*message, {.transport = dns::Transport::tcp,
                                  .socket = id_.number,
                                  .generation = id_.generation,
                                  .address = {},
                                  .address_size = 0});
      if (!server_.streams_.is_open(id_)) return taken;
    }
  }

 private:
  TcpServer& server_;
  event::StreamId id_;
  dns::TcpFrames frames_;
};

TcpServer::TcpServer(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler)
    : handler_(std::move(handler)),
      streams_(loop, std::move(listeners),
               {.connections = limits::tcp_clients,
                .unsent_octets = limits::tcp_unsent_octets,
                .read_octets = dns::limits::tcp_query_octets,
                .idle = limits::tcp_idle},
               [this](event::StreamId id) { return std::make_unique<Questions>(*this, id); }) {}

void TcpServer::send(const Client& client, std::span<const uint8_t> answer) {
  std::vector<uint8_t> framed;
  framed.reserve(2 + answer.size());
  framed.push_back(static_cast<uint8_t>(answer.size() >> 8U));
  framed.push_back(static_cast<uint8_t>(answer.size() & 0xffU));
  framed.insert(framed.end(), answer.begin(), answer.end());
  streams_.send({.number = client.socket, .generation = client.generation}, framed);
}

}  // namespace ostiary::gate
