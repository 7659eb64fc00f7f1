"""What a gate may have, changed from outside."""

import subprocess

GATES_USER = 53053


def limit(gate, what, number):
    """The soft limit. As the gate's own user, since root needs CAP_SYS_RESOURCE for it, which not every root has."""
    done = subprocess.run(["prlimit", f"--pid={gate}", f"--{what}={number}:"], user=GATES_USER, group=GATES_USER,
                          extra_groups=[], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"the gate's limit cannot be changed: {done.stderr.strip()}")
