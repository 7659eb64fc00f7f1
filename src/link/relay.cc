#include "ostiary/link/relay.h"

#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "listener.h"
#include "ostiary/base/record.h"
#include "ostiary/keeper/channel.h"

namespace ostiary::relay {
namespace {

constexpr size_t max_text = 1024;
static_assert(2 * max_text + 64 < keeper::limits::datagram);

}  // namespace

Result<UniqueFd> open_program(std::string_view otherwise) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Exit::unavailable, "/proc/self/exe: " + error.message());
  const std::string path = own.parent_path() / file_name;
  UniqueFd file{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (file.valid()) return file;
  Error missing = Error::system(path, Exit::unavailable);
  missing.message.append(": install it beside ostiary").append(otherwise);
  return std::unexpected(std::move(missing));
}

Result<UniqueFd> open_listener(uint16_t port) {
  return link::open_listener({.family = inet::Family::ipv4, .port = port, .type = SOCK_STREAM});
}

Result<UniqueFd> open_spool() {
  UniqueFd file{::memfd_create("ostiary-spool", MFD_CLOEXEC)};
  if (!file.valid()) return std::unexpected(Error::system("memfd_create", Exit::unavailable));
  return file;
}

std::string render_message(const Message& message) {
  return RecordWriter()
      .enumerator(message.kind)
      .enumerator(message.exit)
      .number(message.number)
      .number(message.status)
      .text(message.text.substr(0, max_text))
      .text(message.reason.substr(0, max_text))
      .take();
}

std::optional<Message> parse_message(std::string_view octets) {
  RecordReader reader(octets);
  Message message{.kind = reader.enumerator(every_message_kind)};
  message.exit = reader.enumerator(every_exit);
  message.number = reader.number();
  message.status = reader.number();
  message.text = reader.text();
  message.reason = reader.text();
  return reader.complete() ? std::optional(std::move(message)) : std::nullopt;
}

std::string render_drain(Drain drain) {
  return RecordWriter().number(static_cast<uint32_t>(drain.time_limit.count())).take();
}

std::optional<Drain> parse_drain(std::string_view octets) {
  RecordReader reader(octets);
  const Drain drain{.time_limit = std::chrono::milliseconds(reader.number())};
  return reader.complete() ? std::optional(drain) : std::nullopt;
}

Result<keeper::Start> prepare_start(const Setup& setup, const Credentials& credentials, KeeperFds theirs) {
  keeper::Start start{.setup = render_setup(setup)};
  start.owned.push_back(TRY(credentials_pipe(credentials)));
  start.descriptors = {{fd_name::credentials, start.owned.back().get()},
                       {fd_name::listener, theirs.listener},
                       {fd_name::gate, theirs.gate},
                       {fd_name::audit, theirs.audit}};
  for (size_t i = 0; i < theirs.spools.size(); ++i)
    start.descriptors.push_back({fd_name::spools.at(i), theirs.spools.at(i)});
  for (size_t i = 0; i < theirs.forwards.size(); ++i)
    start.descriptors.push_back({fd_name::forwards.at(i), theirs.forwards.at(i)});
  return start;
}

}  // namespace ostiary::relay
