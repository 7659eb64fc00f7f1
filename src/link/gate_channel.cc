#include "ostiary/link/gate_channel.h"

#include "ostiary/base/record.h"

namespace ostiary::gate {
namespace {

constexpr size_t max_text = 1024;
static_assert(2 * max_text + 64 < keeper::limits::datagram);

}  // namespace

std::string render_command(Command command) {
  return RecordWriter().enumerator(command).take();
}

std::optional<Command> parse_command(std::string_view octets) {
  RecordReader reader(octets);
  const Command command = reader.enumerator(every_command);
  return reader.complete() ? std::optional(command) : std::nullopt;
}

std::string render_message(const Message& message) {
  return RecordWriter()
      .enumerator(message.kind)
      .enumerator(message.exit)
      .number(message.number)
      .text(message.text.substr(0, max_text))
      .text(message.reason.substr(0, max_text))
      .take();
}

std::optional<Message> parse_message(std::string_view octets) {
  RecordReader reader(octets);
  Message message{.kind = reader.enumerator(every_message_kind)};
  message.exit = reader.enumerator(every_exit);
  message.number = reader.number();
  message.text = reader.text();
  message.reason = reader.text();
  return reader.complete() ? std::optional(std::move(message)) : std::nullopt;
}

Result<std::optional<ReceivedCommand>> receive_command(int channel) {
  auto datagram = TRY(keeper::receive_with_descriptor(channel));
  if (!datagram) return std::nullopt;
  const auto command = parse_command(datagram->octets);
  if (!command) return fail(Exit::unavailable, "malformed message from the keeper");
  return ReceivedCommand{.command = *command, .descriptor = std::move(datagram->descriptor)};
}

}  // namespace ostiary::gate
