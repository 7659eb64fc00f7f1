"""A small DNS server over UDP: it answers for the addresses of names. support/upstream.py has the
scripted one."""

import asyncio

from support.dns_wire import read_question, reply


class DnsServer(asyncio.DatagramProtocol):
    def __init__(self, addresses_of, ttl=60, delay=0.0):
        """`addresses_of` returns the addresses of a name, or None if there is no such name. An
        answer leaves after `delay` seconds."""
        self._addresses_of, self._ttl, self._delay = addresses_of, ttl, delay

    async def listen(self, address):
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(address, 53))

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, message, client):
        asked = read_question(message)
        answer = reply(message, asked, self._addresses_of(asked.name), self._ttl)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.sendto, answer, client)
        else:
            self._transport.sendto(answer, client)
