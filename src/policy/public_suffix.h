// policy/public_suffix.h: recognizes suffixes under which unrelated parties have names.
// The list is that of publicsuffix.org, as libpsl was built with it, with a few names of our own.
#pragma once

#include "ostiary/inet/host_name.h"

namespace ostiary::policy {

// Whether a registry sells names directly under the suffix: co.uk, com.cn. False below arpa, where
// no names are sold.
bool is_open_to_registration(const inet::HostName& suffix);

// Whether a provider gives its customers names directly under the suffix: github.io,
// s3.amazonaws.com. Also a suffix of several such: amazonaws.com.
bool is_shared_by_customers(const inet::HostName& suffix);

// Whether a name under the suffix resolves to the address that it contains: 192-0-2-1.nip.io.
bool resolves_to_any_address(const inet::HostName& suffix);

}  // namespace ostiary::policy
