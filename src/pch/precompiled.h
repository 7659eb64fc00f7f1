// precompiled.h: what most sources include, compiled once: parts of the standard library, and our
// headers that seldom change.
// A source includes what it uses all the same, so that it also builds without this header.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/ip_address.h"
