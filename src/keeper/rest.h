// keeper/rest.h: releases memory that a waiting process does not need.
#pragma once

namespace ostiary::keeper {

// Returns free heap memory, and drops the pages of program text. The kernel maps a page again from
// the page cache when it is executed.
void release_memory() noexcept;

}  // namespace ostiary::keeper
