// nft/watch.h: notices when somebody else changes our table.
// It tells that the table was touched, not that it is wrong. What was missed is reported as missed.
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
    changed,     // a chain, rule, set or element of our table came or went
    table_gone,  // and the table was deleted, alone or with everything else
    joined,      // nothing but the note of a session came: nft/earlier.h
    missed,      // the kernel had more to tell than fitted
  };
  Kind kind = Kind::changed;
  uint32_t process = 0;  // as the machine's first PID namespace numbers it
  std::string program;
  bool operator==(const Change&) const = default;
};

// Puts the kernel's messages together to transactions. Pure.
class TransactionReader {
 public:
  // Transactions of the table's own socket are ours.
  explicit TransactionReader(uint32_t table) : table_(table) {}
  // So are those of the latest gate. Another process may have the number of an earlier one by now.
  void expect_from(uint32_t gate) { gate_ = gate; }

  // What the message completes, if it completes a change to our table by somebody else.
  std::optional<Change> take(const netlink::Message& message);
  // Messages were lost: what was gathered is worth nothing.
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

  // See TransactionReader. To be told before the next read() that may meet the change.
  void expect_from(uint32_t gate);

  // What somebody else did since the last call; empty when nothing is left to tell.
  Result<std::vector<Change>> read();

 private:
  Watch(netlink::Socket socket, uint32_t table);
  netlink::Socket socket_;
  TransactionReader reader_;
  std::vector<uint8_t> buffer_;
};

}  // namespace ostiary::nft
