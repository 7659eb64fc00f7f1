// precompiled.h: what most unit tests include, compiled once. A test includes what it uses all the
// same.
#include <algorithm>
#include <array>
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

#include <doctest/doctest.h>

#include "ostiary/base/result.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/ip_address.h"
