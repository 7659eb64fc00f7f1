// ostiary-relay: an executable of its own, because OpenSSL takes milliseconds to load.
#include "ostiary/base/log.h"
#include "relay/relay.h"

int main() {
  const auto status = ostiary::relay::run();
  if (status) return *status;
  ostiary::log::error(status.error().message);
  return static_cast<int>(status.error().exit);
}
