"""A steady load of lookups at the upstream's own address, in both scopes at once: none may be lost."""

import json
import tempfile
import threading

from support import dns_load
from support.gatehouse import Gatehouse
from support.world import RESOLVER, World


def run(workshop, binary, seconds):
    world = World()
    homes = {scope: Gatehouse(tempfile.mkdtemp(dir=workshop), binary, world) for scope in dns_load.FLAGS}
    results = {}

    def load(scope):
        visitor = dns_load.visit(homes[scope], world, scope, RESOLVER[4])
        results[scope] = dns_load.look_up(homes[scope], visitor, RESOLVER[4], seconds)

    loads = [threading.Thread(target=load, args=(scope,)) for scope in homes]
    try:
        for each in loads:
            each.start()
        for each in loads:
            each.join()
    finally:
        for home in homes.values():
            home.end()
        world.close()
    for scope, result in results.items():
        print(f"--scope {scope}: {json.dumps(result)}")
    holds = len(results) == len(homes) and all(each["asked"] and not each["lost"] for each in results.values())
    print("holds" if holds else "BROKEN: a lookup was lost")
    return 0 if holds else 1
