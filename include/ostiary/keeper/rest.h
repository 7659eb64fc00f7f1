// keeper/rest.h: lets go of memory that a process which only waits does not need.
#pragma once

namespace ostiary::keeper {

// Unmaps the pages of program text, which come back from the page cache when they are run again, and returns
// free heap.
void rest() noexcept;

}  // namespace ostiary::keeper
