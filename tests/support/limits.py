"""Changes resource limits of a running gate."""

import subprocess

GATES_USER = 53053


def limit(gate, what, number):
    """Sets the soft limit. Runs as the gate's user: root would need CAP_SYS_RESOURCE, which a
    root in a container may lack."""
    done = subprocess.run(["prlimit", f"--pid={gate}", f"--{what}={number}:"], user=GATES_USER, group=GATES_USER,
                          extra_groups=[], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"the gate's limit cannot be changed: {done.stderr.strip()}")
