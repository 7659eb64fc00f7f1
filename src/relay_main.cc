// ostiary-relay: an executable of its own, because OpenSSL takes milliseconds to load.
#include <string_view>

#include "ostiary/base/log.h"
#include "ostiary/link/probe.h"
#include "relay/probe.h"
#include "relay/relay.h"

int main(int argc, char** argv) {
  const bool probes = argc == 2 && std::string_view(argv[1]) == ostiary::relay::probe_argument;
  const auto status = probes ? ostiary::relay::probe_main() : ostiary::relay::run();
  if (status) return *status;
  ostiary::log::error(status.error().message);
  return static_cast<int>(status.error().exit);
}
