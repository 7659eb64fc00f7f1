"""Capabilities of processes, by name."""

import ctypes

from support.namespaces import call

PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 24, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()


def names_of(mask):
    """The names in a mask, written as in /proc/PID/status."""
    return {name for number, name in enumerate(NAMES) if int(mask, 16) >> number & 1}


def without_capability(name):
    """For Sandbox.launch(prepare=…): root without this capability, as a container runtime starts
    it."""
    return lambda: call("prctl", PR_CAPBSET_DROP, NAMES.index(name), 0, 0, 0)


def with_inherited(names):
    """For Sandbox.launch(prepare=…): makes these capabilities inheritable and ambient."""
    def raise_them():
        mask = sum(1 << NAMES.index(name) for name in names)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low words, then high words
        call("capget", header, data)
        data[2], data[5] = mask & 0xFFFFFFFF, mask >> 32
        call("capset", header, data)
        for name in names:
            call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, NAMES.index(name), 0, 0)
    return raise_them
