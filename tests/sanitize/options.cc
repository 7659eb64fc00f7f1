// What AddressSanitizer is told in a sanitized program, in place of ASAN_OPTIONS: the gate begins with an
// empty environment. To look for leaks takes ptrace and a thread, which neither the gate nor a confined child
// may have; the unit tests and the corpora look for them. Names for a stack's lines are not looked up either:
// that is another program to be started.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:symbolize=0:disable_coredump=0";
}
