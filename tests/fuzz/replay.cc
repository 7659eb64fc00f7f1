// Feeds files, or all files of folders, to the fuzz target that it is linked with. An ordinary
// program without a fuzzing engine. Ends with status 1 if there are no files. If a property does
// not hold, it aborts, and the last line of output names the input.
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

void print_input(int) {
  std::fprintf(stderr, "with the input %s\n", current);
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGABRT, print_input);
  size_t inputs = 0;
  for (int i = 1; i < count; ++i) {
    for (const fs::path& file : files_of(arguments[i])) {
      current = file.c_str();
      std::ifstream stream(file, std::ios::binary);
      if (!stream) {
        std::fprintf(stderr, "%s: cannot be read\n", current);
        return 1;
      }
      // of the exact size, so that a sanitizer detects a read past the end
      const std::vector<char> octets{std::istreambuf_iterator<char>(stream), {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(octets.data()), octets.size());
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}
