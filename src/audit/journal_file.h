// audit/journal_file.h: opens the file of the audit, and rotates it.
#pragma once

#include <cstdint>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::audit {

struct JournalFile {
  UniqueFd fd;  // also readable, so that the journal can check whether the file ends within a line
  UniqueFd directory;
  std::string name;  // the name in the directory
};
Result<JournalFile> open_journal_file(const std::string& path);

struct NewFile {
  UniqueFd fd;
  uint64_t deleted_lines = 0;  // the number of lines in the oldest file
};
// Renames `name` to name.1, name.1 to name.2 and so on, and deletes the oldest file. If the new
// file cannot be created, changes no file.
Result<NewFile> rotate_journal_files(const UniqueFd& directory, const std::string& name);

}  // namespace ostiary::audit
