"""A root directory with musl as its C library. Instead of Alpine, it has musl's loader from
Debian's package, a program that is linked with musl, and busybox."""

import shutil
import subprocess

from support.project import ROOT

VISIT = ROOT / "tests" / "container" / "musl" / "visit.c"


def make_root(root):
    for directory in ("bin", "lib", "etc", "proc", "sys", "dev", "home/agent", "root", "run", "tmp", "var/log"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nagent:x:1000:\n")
    subprocess.run(["musl-gcc", "-O1", "-Wall", "-Werror", "-o", root / "bin/visit", VISIT], check=True)
    loader = subprocess.run(["patchelf", "--print-interpreter", root / "bin/visit"], capture_output=True, text=True,
                            check=True).stdout.strip()
    assert "/ld-musl-" in loader
    shutil.copy(loader, root / loader.lstrip("/"))
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in ("sh", "cat", "env", "true"):
        (root / "bin" / name).symlink_to("busybox")
