// nft/expiry.h: the remaining time of admissions, and admissions that expire. admit() takes whole
// seconds; a test that waits for an expiry shortens the element in the kernel.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "net/hosts.h"
#include "nft/libnftables.h"

namespace ostiary::test {

// As nft writes it: "inet ostiary allow4 { 192.0.2.7 . tcp . 443 }", with the options at its end.
inline std::string element_of(const std::string& address, const std::string& options = "") {
  const std::string set = address.contains(':') ? "allow6" : "allow4";
  return "inet ostiary " + set + " { " + address + " . tcp . 443 " + options + "}";
}

// The seconds until expiry; -1 if it is not admitted.
inline long remaining(const std::string& address) {
  const std::string text =
      output_of("nft get element '" + element_of(address) + "' 2>/dev/null | grep -o 'expires [^ ]*'");
  if (text.empty()) return -1;
  long seconds = 0;
  long number = 0;
  for (const char c : text.substr(8)) {
    if (c >= '0' && c <= '9')
      number = number * 10 + (c - '0');
    else if (c == 'h')
      seconds += number * 3600, number = 0;
    else if (c == 'm')
      seconds += number * 60, number = 0;
    else if (c == 's')
      return seconds + number;
  }
  return seconds;
}

// Gives present admissions another lifetime, in one transaction.
inline void shorten(const std::vector<std::string>& addresses, std::chrono::milliseconds lifetime) {
  const std::string timeout = "timeout " + std::to_string(lifetime.count()) + "ms ";
  std::string commands;
  for (const std::string& each : addresses)
    commands += "delete element " + element_of(each) + "\nadd element " + element_of(each, timeout) + "\n";
  const auto done = nft::run_commands(commands);
  if (!done) FAIL(done.error().message);
}

// Returns when the admission has expired, a few milliseconds later.
inline void let_expire(const std::string& address) {
  shorten({address}, std::chrono::milliseconds(10));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (nft::run_commands("get element " + element_of(address))) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    ::usleep(500);
  }
}

}  // namespace ostiary::test
