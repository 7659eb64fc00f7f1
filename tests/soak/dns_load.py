"""A steady load of lookups at the upstream's own address, in both scopes at the same time. No
lookup may be lost."""

import json
import tempfile
import threading

from support import dns_load
from support.container import Container
from support.internet import RESOLVER, Internet


def run(scratch, binary, seconds):
    internet = Internet()
    containers = {scope: Container(tempfile.mkdtemp(dir=scratch), binary, internet) for scope in dns_load.FLAGS}
    results = {}

    def load(scope):
        agent = dns_load.start_agent(containers[scope], internet, scope, RESOLVER[4])
        results[scope] = dns_load.look_up(containers[scope], agent, RESOLVER[4], seconds)

    loads = [threading.Thread(target=load, args=(scope,)) for scope in containers]
    try:
        for each in loads:
            each.start()
        for each in loads:
            each.join()
    finally:
        for container in containers.values():
            container.end()
        internet.close()
    for scope, result in results.items():
        print(f"--scope {scope}: {json.dumps(result)}")
    holds = len(results) == len(containers) and all(each["asked"] and not each["lost"] for each in results.values())
    print("holds" if holds else "BROKEN: a lookup was lost")
    return 0 if holds else 1
