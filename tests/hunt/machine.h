// hunt/machine.h: runs programs: the sockets, and what each step does to them.
// Nothing here blocks but `wait`. Errors are the programs' business: nobody looks at them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "program.h"
#include "stage.h"

namespace ostiary::hunt {

class Machine {
 public:
  // Sockets are passed between workers over this Unix socket, one end for all.
  Machine(const Stage& stage, int exchange_give, int exchange_take);

  // Every socket is closed afterwards. The payload names the seed.
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
  std::vector<uint8_t> question(int kind) const;
  const Place* place(uint8_t index) const;

  Places places_;
  int give_;
  int take_;
  std::array<int, limits::slots> sockets_{};
  std::array<int, limits::slots> protocols_{};  // as the sockets were made
  std::vector<uint8_t> payload_;
  uint64_t seed_ = 0;
};

}  // namespace ostiary::hunt
