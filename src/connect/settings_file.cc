#include "ostiary/connect/settings_file.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect/settings_text.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/file_lock.h"
#include "ostiary/base/own_file.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/config/located_json.h"
#include "ostiary/confine/identity.h"

namespace ostiary::connect {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view no_settings = "{}\n";
constexpr const char* managed_file = "/etc/claude-code/managed-settings.d/60-ostiary-telemetry.json";
constexpr const char* managed_base = "/etc/claude-code/managed-settings.json";
constexpr mode_t for_the_user = 0600;
constexpr mode_t for_all_to_read = 0644;
constexpr std::chrono::seconds longest_wait{5};

template <typename T>
Result<T> of(const std::string& path, Result<T> result) {
  if (result) return result;
  return std::unexpected(std::move(result).error().within(escape_controls(path)));
}

std::string before_path(const std::string& path) {
  return path + ".before-ostiary";
}
std::string after_path(const std::string& path) {
  return path + ".after-ostiary";
}

// ---- the place

Result<std::string> find_home(const config::Environment& environment) {
  if (const std::string_view home = environment.get("HOME"); !home.empty()) return std::string(home);
  auto identity = confine::own_identity();
  if (identity && !identity->home.empty() && identity->home != "/") return std::move(identity->home);
  return fail(Exit::missing_input, "HOME is not set: set it to your home");
}

Result<> check_owner(const std::string& directory) {
  struct stat found{};
  if (::stat(directory.c_str(), &found) != 0 || found.st_uid == ::geteuid()) return {};
  return fail(Exit::not_permitted,
              escape_controls(directory) + " is another user's: run the command as that user, without sudo");
}

// With those above it. Each that is made has this mode, whatever the umask is.
Result<> make_directories(const fs::path& directory, mode_t mode) {
  std::error_code error;
  if (directory.empty() || fs::is_directory(directory, error)) return {};
  TRY(make_directories(directory.parent_path(), mode));
  if (::mkdir(directory.c_str(), mode) == 0 && ::chmod(directory.c_str(), mode) == 0) return {};
  return std::unexpected(Error::system(escape_controls(directory.string()), Exit::not_permitted));
}

Result<> make_directory(const std::string& path, mode_t mode) {
  return make_directories(fs::path(path).parent_path(), mode);
}

// ---- the files

Result<std::optional<Secret>> read_if_there(const std::string& path) {
  if (is_absent(path)) return std::nullopt;
  return Secret(TRY(read_file(path, config::max_json_size)));
}

std::string_view text_of(const std::optional<Secret>& text) {
  return text ? text->reveal() : no_settings;
}

struct Files {
  std::optional<Secret> now;
  std::optional<Secret> before;
  std::optional<Secret> after;

  bool is_unchanged() const { return now && after && now->reveal() == after->reveal(); }
};

Result<Files> read_files(const std::string& path) {
  return Files{.now = TRY(read_if_there(path)),
               .before = TRY(read_if_there(before_path(path))),
               .after = TRY(read_if_there(after_path(path)))};
}

Result<> replace(const std::string& path, std::string_view text, mode_t mode) {
  return of(path, replace_own_file(path, text, mode));
}

// Claude Code may have written it meanwhile.
Result<> check_unchanged(const std::string& path, const std::optional<Secret>& as_read) {
  const auto now = TRY(read_if_there(path));
  if (now.has_value() == as_read.has_value() && text_of(now) == text_of(as_read)) return {};
  return fail(Exit::unavailable,
              escape_controls(path) + " was changed by another program: run the command again");
}

Result<> remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return std::unexpected(Error::system(escape_controls(path)));
}

// Nothing: the file is removed.
Result<> put(const std::string& path, const std::optional<Secret>& text, mode_t mode) {
  return text ? replace(path, text->reveal(), mode) : remove(path);
}

// While it is held, no other such command changes the settings or their copies.
Result<UniqueFd> lock_directory_of(const std::string& path) {
  const std::string directory = fs::path(path).parent_path();
  UniqueFd lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!lock.valid()) return std::unexpected(Error::system(escape_controls(directory), Exit::missing_input));
  if (lock_file(lock, longest_wait)) return lock;
  return fail(Exit::unavailable, escape_controls(directory) +
                                     " is being changed by another ostiary telemetry: run the command again");
}

std::vector<std::string> names_of(const std::vector<Path>& paths) {
  std::vector<std::string> names;
  for (const Path& each : paths) names.push_back(text(each));
  return names;
}

// ---- without what connect wrote

struct Base {
  std::optional<Secret> text;  // nothing: there is to be no file
  std::vector<std::string> kept = {};
};

Result<Base> without_ours(const std::string& path, const Files& files) {
  const auto clone = [](const std::optional<Secret>& each) {
    return each ? std::optional(each->clone()) : std::nullopt;
  };
  if (!files.after) return Base{clone(files.now)};
  if (files.is_unchanged() || !files.now) return Base{clone(files.before)};
  const WayBack way =
      TRY(of(path, find_way_back(text_of(files.before), files.after->reveal(), files.now->reveal())));
  Base base{TRY(of(path, apply_changes(files.now->reveal(), way.changes))), names_of(way.kept)};
  const bool is_empty = TRY(of(path, is_empty_object(base.text->reveal())));
  if (!files.before && is_empty) base.text.reset();
  return base;
}

Result<std::vector<Layer>> read_layers(const std::vector<std::string>& paths) {
  std::vector<Layer> layers;
  for (const std::string& path : paths)
    if (auto text = TRY(read_if_there(path))) layers.push_back({path, *std::move(text)});
  return layers;
}

}  // namespace

Result<std::string> find_settings_file(Kind kind, const config::Environment& environment) {
  if (kind == Kind::managed) {
    if (::geteuid() == 0) return managed_file;
    return fail(Exit::not_permitted,
                std::string(managed_file) + " needs root: write sudo before the command, or --scope user");
  }
  std::string directory(environment.get("CLAUDE_CONFIG_DIR"));
  if (directory.empty()) {
    const std::string home = TRY(find_home(environment));
    TRY(check_owner(home));
    directory = home + "/.claude";
  }
  TRY(check_owner(directory));
  return directory + "/settings.json";
}

Result<Connected> write_settings(const std::string& path, Kind kind, const Make& make) {
  TRY(make_directory(path, kind == Kind::user ? 0700 : 0755));
  const UniqueFd lock = TRY(lock_directory_of(path));
  const Files files = TRY(read_files(path));
  Base base = TRY(without_ours(path, files));
  Connected connected{.settings = TRY(of(path, make(text_of(base.text)))), .kept = std::move(base.kept)};
  const mode_t mode_if_new = kind == Kind::user ? for_the_user : for_all_to_read;
  const bool hides = kind == Kind::user && connected.settings.has_secret;
  const mode_t mode_now = mode_of_file(path, mode_if_new);
  const mode_t mode_before = files.after ? mode_of_file(before_path(path), mode_now) : mode_now;
  const std::string target = real_path(path);
  if (target != path && fs::is_symlink(path)) connected.target = target;
  const std::string_view text = connected.settings.text.reveal();
  Result<> written = put(before_path(path), base.text, mode_before);
  if (written) written = replace(after_path(path), text, for_the_user);
  if (written) written = check_unchanged(path, files.now);
  if (written) written = replace(target, text, hides ? for_the_user : mode_now);
  if (written) return connected;
  // The copies are those of the settings as they are.
  TRY(put(before_path(path), files.before, mode_before));
  TRY(put(after_path(path), files.after, for_the_user));
  return std::unexpected(written.error());
}

Result<Undoing> undo_settings(const std::string& path) {
  if (is_absent(fs::path(path).parent_path()))
    return fail(Exit::missing_input, escape_controls(path) + " has nothing to undo: there is no such file");
  const UniqueFd lock = TRY(lock_directory_of(path));
  const Files files = TRY(read_files(path));
  if (!files.after)
    return fail(Exit::missing_input,
                escape_controls(path) + " has nothing to undo: ostiary telemetry connect has not written it");
  const Base base = TRY(without_ours(path, files));
  const bool is_unchanged = files.is_unchanged() || !files.now;
  const std::string target = real_path(path);
  const mode_t mode_before = mode_of_file(before_path(path), mode_of_file(path, for_the_user));
  // What stays may be a secret.
  const mode_t mode = is_unchanged ? mode_before : mode_before & mode_of_file(path, mode_before);
  TRY(check_unchanged(path, files.now));
  TRY(put(target, base.text, mode));
  TRY(remove(after_path(path)));
  TRY(remove(before_path(path)));
  const Undone undone = !is_unchanged ? Undone::own_members_taken_out
                        : base.text   ? Undone::restored
                                      : Undone::removed;
  return Undoing{.undone = undone, .kept = base.kept};
}

Result<std::vector<Layer>> read_users_layer(const config::Environment& environment) {
  return read_layers({TRY(find_settings_file(Kind::user, environment))});
}

// In a directory, Claude Code reads the names that end in .json and do not begin with a dot.
Result<std::vector<Layer>> read_managed_layers() {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& each : fs::directory_iterator(fs::path(managed_file).parent_path(), error))
    if (each.path().extension() == ".json" && !each.path().filename().string().starts_with('.'))
      paths.push_back(each.path());
  std::ranges::sort(paths);
  paths.insert(paths.begin(), managed_base);
  return read_layers(paths);
}

}  // namespace ostiary::connect
