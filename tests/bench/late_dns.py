"""An upstream that answers late, in its own process: python3 -m bench.late_dns ADDRESS MILLISECONDS"""

import asyncio
import re
import sys

from bench.network import address
from support.dns_server import DnsServer


def addresses_of(name):
    return [address(int(re.match(r"host(\d+)\.", name)[1]))]


async def main():
    where, milliseconds = sys.argv[1:]
    await DnsServer(addresses_of, ttl=86400, delay=int(milliseconds) / 1000).listen(where)
    await asyncio.Event().wait()


asyncio.run(main())
