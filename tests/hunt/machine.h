// hunt/machine.h: runs programs: owns their sockets, and executes each step.
// Only `wait` blocks. Errors are ignored.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "program.h"
#include "stage.h"

namespace ostiary::hunt {

class Machine {
 public:
  // Workers pass sockets to each other over this Unix socket; all workers share one end.
  Machine(const Stage& stage, int exchange_give, int exchange_take);

  // Closes every socket at the end. The payload contains the seed.
  void run(const Program& program, uint64_t seed);

 private:
  void step(const Step& step);
  void open(const Step& step);
  void send(const Step& step);
  void set_option(const Step& step);
  void accept(const Step& step);
  void give(int socket);
  void take(uint8_t slot);
  void raw(const Step& step);
  void put(uint8_t slot, int socket);
  std::vector<uint8_t> words(int kind) const;
  std::vector<uint8_t> question(int kind) const;
  const Place* place(uint8_t index) const;

  Places places_;
  int give_;
  int take_;
  std::array<int, limits::slots> sockets_{};
  std::array<int, limits::slots> protocols_{};  // as passed to socket()
  std::vector<uint8_t> payload_;
  uint64_t seed_ = 0;
};

}  // namespace ostiary::hunt
