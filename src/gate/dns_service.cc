#include "dns_service.h"

#include <utility>

namespace ostiary::gate {

DnsService::DnsService(event::Loop& loop, DnsSockets sockets, Answerer::Dependencies dependencies,
                       Terms terms)
    : loop_(loop),
      answerer_(std::move(dependencies), terms,
                [this](const Client& client, std::span<const uint8_t> answer) { send(client, answer); }),
      udp_(loop, std::move(sockets.udp),
           [this](std::span<const uint8_t> message, const Client& client) { take(message, client); }),
      tcp_(loop, std::move(sockets.tcp),
           [this](std::span<const uint8_t> message, const Client& client) { take(message, client); }) {}

Result<> DnsService::start() {
  TRY(udp_.start());
  return tcp_.start();
}

void DnsService::take(std::span<const uint8_t> message, const Client& client) {
  answerer_.take(message, client, loop_.now());
}

void DnsService::send(const Client& client, std::span<const uint8_t> answer) {
  if (client.transport == dns::Transport::udp)
    udp_.send(client, answer);
  else
    tcp_.send(client, answer);
}

}  // namespace ostiary::gate
