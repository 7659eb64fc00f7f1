// Runs the unit tests. A test case that waits too long in vain fails the run.

#include <iostream>

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "waits.h"

namespace {

constexpr std::chrono::milliseconds longest_wait{50};

bool has_waited_too_long = false;

class WaitLimit : public doctest::IReporter {
 public:
  explicit WaitLimit(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData& test_case) override {
    test_case_ = &test_case;
    before_ = ostiary::testing::waited_in_vain();
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    const auto waited = ostiary::testing::waited_in_vain() - before_;
    if (waited <= longest_wait) return;
    has_waited_too_long = true;
    std::cerr << test_case_->m_file.c_str() << ":" << test_case_->m_line << ": ERROR: \""
              << test_case_->m_name << "\" waits "
              << std::chrono::ceil<std::chrono::milliseconds>(waited).count() << " ms in vain; "
              << longest_wait.count() << " ms are allowed (tests/unit/waits.h)\n";
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  const doctest::TestCaseData* test_case_ = nullptr;
  std::chrono::nanoseconds before_{};
};

REGISTER_LISTENER("waits", 1, WaitLimit);

}  // namespace

int main(int argc, char** argv) {
  const int failed = doctest::Context(argc, argv).run();
  return failed == 0 && has_waited_too_long ? 1 : failed;
}
