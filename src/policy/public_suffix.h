// policy/public_suffix.h: recognizes suffixes under which unrelated parties have names.
// The list is that of publicsuffix.org, as libpsl was built with it.
#pragma once

#include "ostiary/inet/host_name.h"

namespace ostiary::policy {

// Whether a registry sells names directly under the suffix: co.uk, com.cn. False below arpa, where
// no names are sold.
bool is_open_to_registration(const inet::HostName& suffix);

// Whether a provider gives its customers names directly under the suffix: github.io,
// s3.amazonaws.com.
bool is_shared_by_customers(const inet::HostName& suffix);

}  // namespace ostiary::policy
