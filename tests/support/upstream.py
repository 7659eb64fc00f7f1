"""A scripted DNS resolver that listens at every address of the Internet and records each question,
so that a test sees a question wherever it was sent.

The behaviour of a name is a function from a Question to a list of datagrams; support/behaviours.py
has the usual ones.
"""

import contextlib
import socket
from typing import NamedTuple

import dns.exception
import dns.message
import dns.rdatatype

from support.behaviours import no_such_name
from support.services import dual_datagram_socket, plain, receive_with_destination, send_from


class Question(NamedTuple):
    name: str  # as in the question, without the final dot
    type: str
    server: str  # the address that received the question
    transport: str
    client: tuple
    octets: bytes
    message: dns.message.Message


class Upstream:
    def __init__(self, loop):
        self._loop = loop
        self._sockets = []
        self._behaviours = {}
        self._default = no_such_name
        self.queries = []

    def listen(self, network, port=53, address="::"):
        with network.entered():
            tcp = socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
            udp = dual_datagram_socket(port, address)
        for each in (tcp, udp):
            each.setblocking(False)
            self._sockets.append(each)
        self._loop.call_soon_threadsafe(self._loop.add_reader, tcp, self._accept, tcp)
        self._loop.call_soon_threadsafe(self._loop.add_reader, udp, self._receive, udp)

    # Setup ----------------------------------------------------------------------------------------

    def name(self, name, behaviour):
        """`*.example` stands for every name below it that has no behaviour of its own."""
        self._behaviours[name.lower()] = behaviour

    def everything(self, behaviour):
        """The behaviour of names that have none of their own."""
        self._default = behaviour

    def forget_zones(self):
        self._behaviours, self._default = {}, no_such_name
        self.queries.clear()

    # Records --------------------------------------------------------------------------------------

    def asked(self, name, type=None):
        return [q for q in self.queries if q.name.lower() == name.lower() and type in (None, q.type)]

    def names(self):
        return {q.name.lower() for q in self.queries}

    def close(self):
        for each in self._sockets:
            each.close()

    # Implementation -------------------------------------------------------------------------------

    def _receive(self, udp):
        for _ in range(64):
            try:
                octets, here, client = receive_with_destination(udp)
            except BlockingIOError:
                return
            self._take(octets, plain(here), "udp", client, lambda reply, h=here, c=client: send_from(udp, reply, h, c))

    def _accept(self, listener):
        connection, client = listener.accept()
        connection.setblocking(False)
        self._loop.create_task(self._serve(connection, client))

    async def _serve(self, connection, client):
        pending = b""
        here = plain(connection.getsockname()[0])

        async def send_all(octets):
            with contextlib.suppress(OSError):  # the client is gone
                await self._loop.sock_sendall(connection, octets)

        def send(reply):
            self._loop.create_task(send_all(len(reply).to_bytes(2, "big") + reply))
        try:
            while data := await self._loop.sock_recv(connection, 65536):
                pending += data
                while len(pending) >= 2 and len(pending) >= 2 + int.from_bytes(pending[:2], "big"):
                    size = int.from_bytes(pending[:2], "big")
                    octets, pending = pending[2:2 + size], pending[2 + size:]
                    self._take(octets, here, "tcp", client, send)
        except OSError:
            pass
        finally:
            connection.close()

    def _take(self, octets, server, transport, client, send):
        try:
            message = dns.message.from_wire(octets)
            name = message.question[0].name.to_text(omit_final_dot=True)
            kind = dns.rdatatype.to_text(message.question[0].rdtype)
        except (dns.exception.DNSException, IndexError):
            message, name, kind = None, "", ""
        question = Question(name, kind, server, transport, client, octets, message)
        self.queries.append(question)
        if message is None:
            return
        behaviour = self._behaviour_of(name.lower())
        delay = getattr(behaviour, "delay", 0)
        for reply in behaviour(question):
            if delay:
                self._loop.call_later(delay, send, reply)
            else:
                send(reply)

    def _behaviour_of(self, name):
        if name in self._behaviours:
            return self._behaviours[name]
        while "." in name:
            name = name.partition(".")[2]
            if f"*.{name}" in self._behaviours:
                return self._behaviours[f"*.{name}"]
        return self._default
