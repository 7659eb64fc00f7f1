// nft/table.h: creates, changes, lists and deletes the table inet ostiary, through libnftables.
// - Each change is one transaction: no packet ever meets half of it.
// - Other tables are neither read nor written.
// - libnftables reads the names of marks, groups and labels from files below /etc when a Table is
//   opened, and no file after that. If the Table is opened before the agent starts, it reads no
//   file of the agent's and cannot block on one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/json.h"
#include "ostiary/base/result.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/ruleset.h"

struct nft_ctx;

namespace ostiary::nft {

// The treatment of a table that exists already.
enum class Existing : uint8_t {
  replace,          // it is deleted with its content
  keep_admissions,  // its admissions stay, with their remaining time; everything else is replaced
};

// Whether a process that the rules hold can outlive the keeper. If the keeper is process 1, the
// kernel ends every process of its PID namespace with it.
enum class Lifetime : uint8_t { may_outlive_the_keeper, ends_with_the_keeper };

// How the kernel takes the rule that has packets wait for the gate: nftables' own expression, or iptables' target.
enum class QueueForm : uint8_t { expression, target };
constexpr std::string_view text(QueueForm form) {
  return form == QueueForm::expression ? "nft queue" : "xt NFQUEUE";
}

// Works in the network namespace in which it was opened.
class Table {
 public:
  static Result<Table> open();

  // The lifetime of every process that the rules of apply() hold. The table notes it for later
  // boots: nft/earlier.h.
  void set_lifetime(Lifetime lifetime) { lifetime_ = lifetime; }

  // The note of a session that joined (nft/earlier.h) stays in either case.
  Result<> apply(const Ruleset& ruleset, Existing existing);

  // A session joined. Writes that note again, since an apply() at the same time may have deleted
  // it. From now on apply() writes it as well. An error if there is no table.
  Result<> keep_joined();
  bool is_joined() const { return sessions_ == Sessions::joined; }

  // Of the latest apply(). Empty if its ruleset had no queue.
  std::optional<QueueForm> queue_form() const { return queue_form_; }

  // Adds the rules of `direct_dns` to a table that was made without them. Another apply() would
  // take longer: the kernel waits for its readers when rules are deleted, not when they are added.
  Result<> open_direct_dns(const Ruleset& ruleset);

  // Replaces the elements of the sets of `routes`.
  Result<> renew_routes(const Ruleset& ruleset);

  // The port of its netlink socket. The kernel reports it with each change (nft/watch.h).
  uint32_t port() const { return socket_.port(); }

 private:
  struct Free {
    void operator()(nft_ctx* context) const noexcept;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;
  enum class Sessions : uint8_t { none, joined };

  Table(Context context, netlink::Socket socket) : context_(std::move(context)), socket_(std::move(socket)) {}
  Json notes(const Ruleset& ruleset) const;
  Result<> commit_rules(Json first, const Ruleset& ruleset);
  Result<> hold_nameless(const Ruleset& ruleset);

  Context context_;
  netlink::Socket socket_;  // libnftables' own, so that all changes come from one port
  std::optional<QueueForm> queue_form_;
  Lifetime lifetime_ = Lifetime::may_outlive_the_keeper;
  Sessions sessions_ = Sessions::none;
};

// Whether a change failed because the kernel does not support a part of it.
bool is_unsupported(const Error& error);

// Deletes the table. It is not an error if there is none.
Result<> remove();

}  // namespace ostiary::nft
