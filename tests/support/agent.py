"""The agent in a container, or another process there, driven by a test: tests/system/agents/driven.py
at the other end of a pipe."""

import json
import time

import dns.flags
import dns.message
import dns.rcode

from support.waiting import PATIENCE

GATE = {4: "127.0.0.1", 6: "::1"}
TO_UPSTREAM = 8  # seconds; longer than the gate waits for its upstream


class Agent:
    """Most methods call the function of their name in agents/driven.py, which describes it and has
    the defaults of `how`. With `patience` the answer may take that many seconds."""

    def __init__(self, session):
        self.session = session
        session.read_until("^agent ready")

    # Connections ----------------------------------------------------------------------------------

    def connect(self, address, port, transport="tcp", **how):
        return self._call("connect", address, port, transport, **how)

    def open_flow(self, handle, address, port, transport="tcp"):
        return self._call("open_flow", handle, address, port, transport)

    def use_flow(self, handle):
        return self._call("use_flow", handle)

    def close_flow(self, handle):
        return self._call("close_flow", handle)

    def listen(self, handle, port):
        return self._call("listen", handle, port)

    def serve_one(self, handle):
        return self._call("serve_one", handle)

    # DNS questions --------------------------------------------------------------------------------

    def asks(self, name, type="A", server=GATE[4], transport="udp", edns=True):
        """Asks for a name, and returns the reply to that question."""
        query = dns.message.make_query(name, type, use_edns=0 if edns else -1)
        reply = self.asks_message(query.to_wire(), server, transport)
        assert reply.id == query.id and reply.flags & dns.flags.QR and reply.question == query.question, reply
        return reply

    def asks_message(self, octets, server=GATE[4], transport="udp", timeout=TO_UPSTREAM):
        """Sends a message, and parses the reply strictly: no malformed part, no octets after its
        end."""
        outcome = self.ask(octets.hex(), server, transport=transport, timeout=timeout)
        assert outcome["reached"], f"{server} over {transport}: {outcome['error']} after {outcome['seconds']:.1f} s"
        return dns.message.from_wire(bytes.fromhex(outcome["answer"]))

    def asks_for(self, name, type="A", **how):
        """Asks for a name, and returns the addresses or texts of the answer."""
        return values(self.asks(name, type, **how))

    def resolves(self, name, family=4):
        """Asks for a name so that its addresses are admitted, and returns them."""
        found = self.asks_for(name, "A" if family == 4 else "AAAA")
        assert found, f"{name} has no address for IPv{family}"
        return found

    def ask(self, octets, server, **how):
        return self._call("ask", octets, server, **how)

    def ask_all(self, messages, server, timeout, **how):
        return self._call("ask_all", messages, server, timeout, **how)

    def ask_from_every_port(self, name, source, server, **how):
        return self._call("ask_from_every_port", name, source, server, **how)

    def flood(self, pattern, count, server, **how):
        return self._call("flood", pattern, count, server, **how)

    def flood_over_tcp(self, name, connections, count, server, **how):
        return self._call("flood_over_tcp", name, connections, count, server, **how)

    def stream(self, pieces, server, read_for, **how):
        return self._call("stream", pieces, server, read_for, **how)

    def idle(self, pieces, server, limit, **how):
        return self._call("idle", pieces, server, limit, **how)

    def hold_connections(self, server, count, **how):
        return self._call("hold_connections", server, count, **how)

    def look_up(self, name, **how):
        return self._call("look_up", name, **how)

    def look_up_and_connect(self, pairs, server, port, **how):
        return self._call("look_up_and_connect", pairs, server, port, **how)

    def look_up_and_connect_whatever_happens(self, pattern, count, server, port, pause, **how):
        return self._call("look_up_and_connect_whatever_happens", pattern, count, server, port, pause, **how)

    # Anything else --------------------------------------------------------------------------------

    def python(self, source, **how):
        return self._call("python", source, **how)

    def run(self, *command, **how):
        return self._call("run", *command, **how)

    # Implementation -------------------------------------------------------------------------------

    def _call(self, name, *arguments, patience=PATIENCE, **how):
        self.session.send(json.dumps({"do": name, "with": arguments, "how": how}) + "\n")
        answer = json.loads(self._line(patience))
        assert "failure" not in answer, f"{name}: {answer['failure']}"
        return answer["value"]

    def _line(self, patience):
        """Reads one answer. It may take longer than other output, or be very long."""
        out = self.session.out
        end = time.monotonic() + max(patience, PATIENCE)
        while (at := out.data.find(b"\n", out.position)) < 0:
            assert out.open and time.monotonic() < end, f"the agent does not answer: {self.session}"
            self.session._pump(end)
        line, out.position = out.data[out.position:at], at + 1
        return line or self._line(patience)


def values(reply):
    """All values in the answer section, as text."""
    return sorted(str(item) for rrset in reply.answer for item in rrset)


def code(reply):
    return dns.rcode.to_text(reply.rcode())


def explanation(reply):
    """The extended error (RFC 8914): its code and its text."""
    for option in reply.options:
        if option.otype == 15:
            return option.code, option.text
    return None
