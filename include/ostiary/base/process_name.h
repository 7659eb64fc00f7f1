// base/process_name.h: the name under which `ps` shows a process.
#pragma once

namespace ostiary {

// The short one, of at most 15 octets.
void set_process_name(const char* name);

// Also in place of its arguments: for a process that was copied from one with arguments of its own. As far as
// there is room among those; where they cannot be found they stay, as the name is for people alone.
void replace_process_arguments(const char* name);

}  // namespace ostiary
