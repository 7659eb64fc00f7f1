// nft/watch.h: notices when another process changes the table inet ostiary.
// - It reports that the table was touched, not that the table is wrong.
// - Lost notifications are reported as `missed`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/table.h"

namespace ostiary::nft {

struct Change {
  enum class Kind : uint8_t {
    changed,     // a chain, rule, set or element of the table was added or removed
    table_gone,  // the table was deleted, alone or with other tables
    joined,      // only the note of a session was added: nft/earlier.h
    missed,      // the kernel lost notifications: they did not fit the socket's buffer
  };
  Kind kind = Kind::changed;
  uint32_t process = 0;  // its number in the initial PID namespace
  std::string program;
  bool operator==(const Change&) const = default;
};

// Assembles the kernel's messages into transactions. Pure.
class TransactionReader {
 public:
  // `table` is the netlink port of the keeper's Table, whose transactions are expected.
  explicit TransactionReader(uint32_t table) : table_(table) {}
  // `gate` is the netlink port of the latest gate, whose transactions are expected too. An earlier
  // gate's port may be another process's by now.
  void expect_from(uint32_t gate) { gate_ = gate; }

  // The change that the message completes, if another process changed the table.
  std::optional<Change> take(const netlink::Message& message);
  // Messages were lost: discards the incomplete transaction.
  void forget();

 private:
  std::optional<Change> finish(const netlink::Message& message);

  uint32_t table_;
  std::optional<uint32_t> gate_;
  std::optional<Change::Kind> pending_;
};

class Watch {
 public:
  static Result<Watch> open(const Table& table);

  int fd() const { return socket_.fd(); }

  // See TransactionReader. Call it before the next read() that may receive the gate's changes.
  void expect_from(uint32_t gate);

  // The changes by other processes since the last call; empty if none are left.
  Result<std::vector<Change>> read();

 private:
  Watch(netlink::Socket socket, uint32_t table);
  netlink::Socket socket_;
  TransactionReader reader_;
  std::vector<uint8_t> buffer_;
};

}  // namespace ostiary::nft
