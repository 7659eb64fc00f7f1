// The options of AddressSanitizer in a sanitized program. ASAN_OPTIONS has no effect on the gate,
// because it starts with an empty environment. Detecting leaks needs ptrace and a thread, which the
// gate and confined children may not use; the unit tests and the corpora detect leaks. Stack traces
// are not symbolised, because that needs another process.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:symbolize=0:disable_coredump=0";
}
