// audit/journal_file.h: opens the file that the audit is appended to, and begins a new one in its place.
#pragma once

#include <cstdint>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::audit {

struct JournalFile {
  UniqueFd fd;  // readable too, so that the journal sees whether the file ends in the middle of a line
  UniqueFd directory;
  std::string name;  // within the directory
};
Result<JournalFile> open_journal_file(const std::string& path);

struct NewFile {
  UniqueFd fd;
  uint64_t deleted_lines = 0;  // of the oldest file
};
// The file of that name becomes name.1, that one name.2, and so on; the last is deleted. A file that cannot
// be made leaves all as it is.
Result<NewFile> rotate_journal_files(const UniqueFd& directory, const std::string& name);

}  // namespace ostiary::audit
