// policy/public_suffix.h: suffixes under which anyone can have a name of their own, as publicsuffix.org lists
// them. The list is the one that libpsl was built with.
#pragma once

#include "ostiary/inet/host_name.h"

namespace ostiary::policy {

// Whether a registry sells names directly under this one: co.uk, com.cn. Below arpa nobody registers any.
bool is_open_to_registration(const inet::HostName& suffix);

// Whether a provider gives names directly under this one to its customers: github.io, s3.amazonaws.com.
bool is_shared_by_customers(const inet::HostName& suffix);

}  // namespace ostiary::policy
