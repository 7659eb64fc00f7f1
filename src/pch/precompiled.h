// precompiled.h: the parts of the standard library that most sources include, compiled once.
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
