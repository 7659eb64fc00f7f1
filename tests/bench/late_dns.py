"""An upstream with a delay: answers every question for an address after a number of milliseconds.
host0 is 198.51.100.1."""

import asyncio
import re
import struct
import sys

TYPE_A = 1


def answer(question):
    end = 12
    while question[end]:
        end += 1 + question[end]
    asked = question[12:end + 5]
    records = b""
    if struct.unpack_from("!H", question, end + 1)[0] == TYPE_A:
        number = int(re.match(rb"host(\d+)$", question[13:13 + question[12]])[1])
        records = struct.pack("!HHHIH4B", 0xC00C, TYPE_A, 1, 86400, 4, 198, 51, 100, number + 1)
    return question[:2] + struct.pack("!5H", 0x8180, 1, 1 if records else 0, 0, 0) + asked + records


class Server(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        asyncio.get_running_loop().call_later(int(sys.argv[2]) / 1000, self.transport.sendto, answer(data), addr)


async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=(sys.argv[1], 53))
    await asyncio.Event().wait()


asyncio.run(main())
