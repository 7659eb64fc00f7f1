#include "public_suffix.h"

#include <libpsl.h>

namespace ostiary::policy {
namespace {

bool is_listed(const inet::HostName& suffix, int section) {
  return psl_is_public_suffix2(psl_builtin(), suffix.text().c_str(), section) == 1;
}

}  // namespace

bool is_open_to_registration(const inet::HostName& suffix) {
  return !suffix.text().ends_with(".arpa") && is_listed(suffix, PSL_TYPE_ICANN);
}

bool is_shared_by_customers(const inet::HostName& suffix) {
  return suffix.text().contains('.') && is_listed(suffix, PSL_TYPE_PRIVATE);
}

}  // namespace ostiary::policy
