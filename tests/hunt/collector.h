// hunt/collector.h: the collector, at which only the relay may arrive, and only with requests of one
// form.
// - It shares no code with the program under test: each line of a request must be one that the relay
//   writes, and is compared octet by octet.
// - It answers most requests with 200. To some it says 503, and some connections it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "program.h"

namespace ostiary::hunt {

inline constexpr std::string_view collectors_name = "collector.hunt.example";
inline constexpr uint16_t collectors_port = 4318;

// One connection.
class CollectorConnection {
 public:
  struct Outcome {
    std::string answer;
    enum class Then : uint8_t { keep, close };
    Then then = Then::keep;
    std::string finding;    // its class; empty if there is none
    std::string evidence;   // its octets, from the line that is not permitted
    uint64_t requests = 0;  // that the relay may send
  };

  // `authorization` is the value of the operator's header. `seed` chooses among the answers.
  CollectorConnection(const std::string& authorization, uint64_t seed);

  Outcome take(std::string_view octets);
  // The finding if the other side ends the connection now.
  std::string end() const;

 private:
  enum class Progress : uint8_t { incomplete, complete, refused };
  Progress read(std::string_view& octets);
  Progress read_head(char octet);
  Progress end_line(const std::string& line);
  Progress end_request_if_read();
  bool may_be_line(std::string_view beginning) const;
  Outcome answer();

  std::set<std::string> fields_;  // lines
  Random random_;
  std::string line_;
  bool is_in_fields_ = false;
  std::set<std::string> missing_fields_;
  std::optional<size_t> length_;
  size_t body_left_ = 0;
  uint64_t requests_ = 0;
  bool has_begun_ = false;
};

}  // namespace ostiary::hunt
