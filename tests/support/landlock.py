"""A kernel without Landlock, as before Linux 6.12 or behind a container runtime's filter."""

import ctypes
import struct

from support.namespaces import call

PR_SET_SECCOMP, FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
LANDLOCK_CREATE_RULESET = 444
ENOSYS = 38


def without_landlock():
    """For prepare=: this process and its descendants find no Landlock."""
    code = b"".join(struct.pack("<HBBI", *each) for each in (
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, LANDLOCK_CREATE_RULESET), (RETURN, 0, 0, ERROR | ENOSYS), (RETURN, 0, 0, ALLOW)))
    instructions = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(instructions))
    call("prctl", PR_SET_SECCOMP, FILTER, ctypes.c_char_p(program), 0, 0)


def has_domains():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1) >= 6
