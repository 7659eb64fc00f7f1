"""    soak [SECONDS] [--seed N] [--only FAULT]
    soak --million
    soak --dns-load [SECONDS]
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from soak import dns_load, faults, million
from soak.soak import Soak
from soak.verdict import claims, show
from support import namespaces


def main():
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("seconds", nargs="?", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--only", help="faults whose name contains this")
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, metavar="NUMBER",
                        help="questions through one gate instead; what it holds before and after")
    parser.add_argument("--dns-load", type=int, nargs="?", const=600, metavar="SECONDS",
                        help="lookups at the upstream's own address instead, in both scopes; none may be lost")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    namespaces.unshare_mounts()
    with tempfile.TemporaryDirectory(prefix="ostiary-soak-") as scratch:
        namespaces.mount_memory(scratch)
        try:
            built = Path(os.environ["OSTIARY_BINARY"])
            shutil.copy(built.with_name("ostiary-relay"), scratch)
            binary = Path(shutil.copy(built, scratch))
            if wanted.dns_load:
                return dns_load.run(scratch, binary, wanted.dns_load)
            if wanted.million:
                return million.run(scratch, binary, wanted.million)
            return run(wanted, scratch, binary)
        finally:
            namespaces.unmount(scratch)


def run(wanted, scratch, binary):
    soak = Soak(scratch, binary, wanted.seed)
    try:
        soak.run(wanted.seconds, [fault for fault in faults.ALL if not wanted.only or wanted.only in fault.name])
        found, excused = claims(soak)
        show(soak, found, excused)
    finally:
        soak.close()
    broken = [claim.what for claim in found if not claim.holds]
    if broken:
        print(f"\nsoak: broken: {'; '.join(broken)}. Again with --seed {wanted.seed}")
    return 1 if broken else 0


sys.exit(main())
