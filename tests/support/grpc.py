"""A gRPC server: unary calls over HTTP/2, any number at a time."""

import gzip
import contextlib
import socket
import threading
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.exceptions



class Status(NamedTuple):
    """A refusal."""
    code: int
    message: str = ""


NOT_IMPLEMENTED = Status(12)


class GrpcServer:
    def __init__(self, network, address, port, answer, tls=None):
        """`answer` returns the reply for path, headers and message; a Status; or None if there is no such
        method."""
        self._answer, self._tls = answer, tls
        if tls:
            tls.set_alpn_protocols(["h2"])
        with network.entered():
            self._listener = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the listener was closed
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        calls = {}  # by stream: headers, and the message so far
        try:
            connection = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        except OSError:  # the client refuses the certificate
            return
        with connection, contextlib.suppress(h2.exceptions.ProtocolError):  # the client speaks no HTTP/2
            http.initiate_connection()
            connection.sendall(http.data_to_send())
            while data := _receive(connection):
                for event in http.receive_data(data):
                    self._handle(http, event, calls)
                connection.sendall(http.data_to_send())

    def _handle(self, http, event, calls):
        if isinstance(event, h2.events.RequestReceived):
            calls[event.stream_id] = (event.headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            calls[event.stream_id][1].extend(event.data)
            http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._reply(http, event.stream_id, *calls.pop(event.stream_id))

    def _reply(self, http, stream, headers, body):
        reply = self._answer(dict(headers)[":path"], headers, _message(body))
        http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        status = reply if isinstance(reply, Status) else NOT_IMPLEMENTED if reply is None else Status(0)
        if status.code == 0:
            http.send_data(stream, bytes(1) + len(reply).to_bytes(4, "big") + reply)
        http.send_headers(stream, [("grpc-status", str(status.code)), ("grpc-message", status.message)], end_stream=True)


def _receive(connection):
    try:
        return connection.recv(65536)
    except OSError:  # the client has disconnected
        return b""


def _message(body):
    """The only message of a call: a compression flag, its size, its octets."""
    assert len(body) == 5 + int.from_bytes(body[1:5], "big"), "not one message"
    return gzip.decompress(body[5:]) if body[0] else bytes(body[5:])
