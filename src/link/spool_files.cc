#include "ostiary/link/spool_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/directory.h"
#include "ostiary/base/encoding.h"
#include "ostiary/base/file_lock.h"
#include "ostiary/base/guarded_directory.h"

namespace ostiary::relay {
namespace {

constexpr std::string_view suffix = ".spool";
constexpr size_t longest_host = 100;
constexpr mode_t for_root_alone = 0600;

// FNV-1a, 64 bits, in hexadecimal: the operator chooses the text, and no attacker.
std::string digest_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string digits;
  for (int shift = 56; shift >= 0; shift -= 8)
    append_hexadecimal(digits, static_cast<uint8_t>(hash >> static_cast<unsigned>(shift)));
  return digits;
}

char safe(char c) {
  const bool is_safe = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  return is_safe ? c : '_';
}

Result<UniqueFd> open_locked(const UniqueFd& directory, const std::string& name, const std::string& path,
                             std::chrono::milliseconds time_to_lock) {
  UniqueFd file = TRY(open_guarded_file(directory, name, path, O_RDWR, for_root_alone));
  if (lock_file(file, time_to_lock)) return file;
  if (errno != EWOULDBLOCK) return std::unexpected(Error::system(path, Exit::unavailable));
  return fail(Exit::unavailable, path + ": another ostiary uses it: name another directory");
}

Result<std::vector<std::string>> find_others(const UniqueFd& directory, const std::string& path,
                                             std::span<const std::string> names) {
  std::vector<std::string> others;
  UniqueFd copy{::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const Directory entries{copy.valid() ? ::fdopendir(copy.get()) : nullptr};
  if (!entries) return std::unexpected(Error::system(path));
  (void)copy.release();
  while (const dirent* entry = next_entry(entries)) {
    const std::string name = entry->d_name;
    struct stat status{};
    if (!name.ends_with(suffix) || std::ranges::find(names, name) != names.end() ||
        ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_size == 0)
      continue;
    const auto kibibytes = (static_cast<uint64_t>(status.st_blocks) + 1) / 2;
    others.push_back(name + " (" + std::to_string(kibibytes) + " KiB)");
  }
  std::ranges::sort(others);
  return others;
}

}  // namespace

std::string spool_name(const CollectorSetup& collector) {
  const std::string host = inet::text(collector.server.destination.host);
  const std::string scheme(inet::text(collector.server.scheme));
  const std::string port_and_protocol = "-" + std::to_string(collector.server.destination.port) + "-" +
                                        std::string(telemetry::text(collector.protocol));
  std::string name = scheme + "-" + host.substr(0, longest_host) + port_and_protocol;
  std::string whole = scheme + "-" + host + port_and_protocol;
  for (const auto& [signal, path] : collector.paths) {
    name.append("-").append(telemetry::text(signal));
    whole.append("\n").append(telemetry::text(signal)).append(" ").append(path);
  }
  std::ranges::transform(name, name.begin(), safe);
  return name.append("-").append(digest_of(whole)).append(suffix);
}

Result<SpoolFiles> open_spool_files(const std::string& directory, std::span<const CollectorSetup> collectors,
                                    std::chrono::milliseconds time_to_lock) {
  const UniqueFd opened = TRY(make_private_directory(directory));
  SpoolFiles spools;
  std::vector<std::string> names;
  for (const CollectorSetup& each : collectors) {
    names.push_back(spool_name(each));
    spools.files.push_back(
        TRY(open_locked(opened, names.back(), directory + "/" + names.back(), time_to_lock)));
  }
  spools.others = TRY(find_others(opened, directory, names));
  return spools;
}

}  // namespace ostiary::relay
