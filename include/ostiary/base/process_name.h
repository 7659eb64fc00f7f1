// base/process_name.h: sets the name that `ps` shows for this process.
// A failure is ignored: the name is only for people.
#pragma once

namespace ostiary {

// Sets the short name (comm). The kernel cuts it to 15 octets.
void set_process_name(const char* name);

// Sets the short name and overwrites the command line, which a forked process has from its parent.
// The name is cut to the size of the old command line.
void replace_process_arguments(const char* name);

}  // namespace ostiary
