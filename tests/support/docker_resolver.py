"""A stand-in for Docker's embedded resolver: it answers for the names of its network, and forwards
other questions.

Its sockets are in the sandbox's network, at ports that the kernel chooses and to which Docker's own
rules redirect. Its process is outside of the sandbox. As dockerd does, it forwards from inside that
network, and its packets carry no mark.
"""

import contextlib
import selectors
import socket
import threading

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ADDRESS = "127.0.0.11"
PATIENCE = 4  # seconds, as in dockerd


class DockerResolver:
    def __init__(self, network, names, external):
        self._network, self._names, self._external = network, names, external
        self.asked = []  # (name, transport)
        with network.entered():
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind((ADDRESS, 0))
            self._tcp = socket.create_server((ADDRESS, 0))
        network.command("iptables-restore", "--noflush", stdin=_rules(self._tcp.getsockname()[1],
                                                                      self._udp.getsockname()[1]))
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._end.close()
        self._thread.join()
        for each in (self._udp, self._tcp, self._ended):
            each.close()

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for each in (self._udp, self._tcp, self._ended):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ended:
                        return
                    self._in_a_thread(*self._take(key.fileobj))

    def _take(self, listener):
        if listener is self._udp:
            octets, client = self._udp.recvfrom(4096)
            return self._answer_datagram, octets, client
        return self._answer_connection, self._tcp.accept()[0]

    @staticmethod
    def _in_a_thread(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _answer_datagram(self, octets, client):
        # A malformed question gets no answer.
        with contextlib.suppress(OSError, dns.exception.DNSException):
            self._udp.sendto(self._answer(octets, "udp"), client)

    def _answer_connection(self, connection):
        with connection, contextlib.suppress(OSError, dns.exception.DNSException):
            answer = self._answer(_read_framed(connection), "tcp")
            connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, octets, transport):
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append((name, transport))
        if name not in self._names:
            return self._pass_on(query, octets, transport)
        reply = dns.message.make_response(query)
        if question.rdtype == dns.rdatatype.A:
            reply.answer = [dns.rrset.from_text(question.name, 600, "IN", "A", self._names[name])]
        return reply.to_wire()

    def _pass_on(self, query, octets, transport):
        try:
            return self._ask_outside(octets, transport)
        except OSError:
            reply = dns.message.make_response(query)
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()

    def _ask_outside(self, octets, transport):
        with self._network.entered():
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            outside = socket.socket(socket.AF_INET, kind)
        with outside:
            outside.settimeout(PATIENCE)
            outside.connect((self._external, 53))
            if transport == "udp":
                outside.send(octets)
                return outside.recv(4096)
            outside.sendall(len(octets).to_bytes(2, "big") + octets)
            return _read_framed(outside)


def _read_framed(connection):
    def read(size):
        octets = b""
        while len(octets) < size:
            if not (piece := connection.recv(size - len(octets))):
                raise OSError("closed")
            octets += piece
        return octets
    return read(int.from_bytes(read(2), "big"))


def _rules(tcp, udp):
    return f"""*nat
:DOCKER_OUTPUT - [0:0]
:DOCKER_POSTROUTING - [0:0]
-A OUTPUT -d {ADDRESS}/32 -j DOCKER_OUTPUT
-A POSTROUTING -d {ADDRESS}/32 -j DOCKER_POSTROUTING
-A DOCKER_OUTPUT -d {ADDRESS}/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination {ADDRESS}:{tcp}
-A DOCKER_OUTPUT -d {ADDRESS}/32 -p udp -m udp --dport 53 -j DNAT --to-destination {ADDRESS}:{udp}
-A DOCKER_POSTROUTING -s {ADDRESS}/32 -p tcp -m tcp --sport {tcp} -j SNAT --to-source :53
-A DOCKER_POSTROUTING -s {ADDRESS}/32 -p udp -m udp --sport {udp} -j SNAT --to-source :53
COMMIT
"""
