// telemetry/tls_files.h: the files that prove who a server is, and to the server who sends.
#pragma once

#include <string>

namespace ostiary::telemetry {

// PEM files. An empty path: none, or of `authorities` the system's.
struct TlsFiles {
  std::string authorities = {};       // a file or a directory
  std::string more_authorities = {};  // beside those
  std::string client_certificate = {};
  std::string client_key = {};

  bool operator==(const TlsFiles&) const = default;
};

}  // namespace ostiary::telemetry
