// Feeds files, or all files of folders, to the one fuzz target it is linked with: an ordinary program that
// needs no fuzzing engine. Ends with status 1 where there is nothing to feed; a property that does not hold
// aborts it, and the last line tells which input that was.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

const char* current = "";

void tell_which(int) {
  std::fprintf(stderr, "with the input %s\n", current);
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGABRT, tell_which);
  size_t inputs = 0;
  for (int i = 1; i < count; ++i) {
    for (const fs::path& file : files_of(arguments[i])) {
      current = file.c_str();
      std::ifstream stream(file, std::ios::binary);
      if (!stream) {
        std::fprintf(stderr, "%s: cannot be read\n", current);
        return 1;
      }
      // Of its very size, so that a sanitizer sees what reads behind it.
      const std::vector<char> octets{std::istreambuf_iterator<char>(stream), {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(octets.data()), octets.size());
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
