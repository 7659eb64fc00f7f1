// connect/settings_file.h: a settings file of Claude Code, and the way back to what it was.
// - Beside it are copies: FILE.before-ostiary, as it was, and FILE.after-ostiary, as connect wrote it. So undo
//   knows whether it was changed since.
// - A file that is a symbolic link stays one: its target is replaced. Each file appears with its mode and
//   content in one step.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/environment.h"
#include "ostiary/connect/check.h"
#include "ostiary/connect/settings.h"

namespace ostiary::connect {

// The user's: below CLAUDE_CONFIG_DIR or HOME. The managed one: below /etc/claude-code. An error if another
// user's directory would get files of ours.
Result<std::string> find_settings_file(Kind kind, const config::Environment& environment);

// Makes new settings from the text so far, without what an earlier connect wrote.
using Make = std::function<Result<NewSettings>(std::string_view text)>;

struct Connected {
  NewSettings settings;
  std::string target = {};             // of a link; empty if the file is none
  std::vector<std::string> kept = {};  // members of an earlier connect that were changed since
};
Result<Connected> write_settings(const std::string& path, Kind kind, const Make& make);

enum class Undone : uint8_t { restored, removed, own_members_taken_out };
struct Undoing {
  Undone undone{};
  std::vector<std::string> kept = {};
};
// An error if connect has not written the file.
Result<Undoing> undo_settings(const std::string& path);

// The files that Claude Code reads for every project, weakest first: the user's, and those of the machine.
Result<std::vector<Layer>> read_users_layer(const config::Environment& environment);
Result<std::vector<Layer>> read_managed_layers();

}  // namespace ostiary::connect
