"""The demo's Internet: a DNS server, an HTTPS service, an OTLP/HTTP collector, and hosts that the
agent must not reach.

Runs until it is killed. Writes each question and request to <stage>/seen, one JSON object per line,
for the verdict. Prints telemetry to standard output.
"""

import http.server
import ipaddress
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading

RESOLVER, PUBLIC_RESOLVER = "198.51.100.53", "8.8.8.8"
PACKAGES, COLLECTOR, API = "198.51.100.10", "198.51.100.20", "198.51.100.30"
PACKAGES_IPV6 = "2001:db8:10::10"
UNLISTED, UNLISTED_IPV6, METADATA, PRIVATE = "203.0.113.66", "2001:db8:66::66", "169.254.169.254", "10.0.0.5"
ZONE = {
    "packages.example.com": [PACKAGES, PACKAGES_IPV6],
    "collector.example.net": [COLLECTOR],
    "api.anthropic.com": [API],
    "inside.lab.example.com": [PRIVATE],
    "unlisted.example.org": [UNLISTED, UNLISTED_IPV6],
}
TYPES = {1: 4, 28: 6}  # A, AAAA

stage = sys.argv[1]
seen = open(os.path.join(stage, "seen"), "a", buffering=1)
lock = threading.Lock()


def saw(what, **more):
    with lock:
        seen.write(json.dumps({"what": what, **more}) + "\n")


# DNS ------------------------------------------------------------------------------------------------------------------


def read_name(message, offset):
    labels = []
    while (length := message[offset]) != 0:
        labels.append(message[offset + 1:offset + 1 + length].decode("ascii", "replace").lower())
        offset += 1 + length
    return ".".join(labels), offset + 1


def answer(message):
    """The reply to a question, and the name in the question."""
    name, end = read_name(message, 12)
    kind, = struct.unpack_from("!H", message, end)
    question = message[12:end + 4]
    addresses = [ipaddress.ip_address(text) for text in ZONE.get(name, [])]
    records = [address.packed for address in addresses if TYPES.get(kind) == address.version]
    flags = 0x8180 if name in ZONE else 0x8183  # no error, or no such name
    reply = message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question
    for record in records:
        reply += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(record)) + record
    return reply, name


class DnsServer:
    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))

    def serve_forever(self):
        while True:
            message, client = self.socket.recvfrom(4096)
            reply, name = answer(message)
            saw("question", server=self.address, name=name)
            self.socket.sendto(reply, client)


# HTTP -----------------------------------------------------------------------------------------------------------------


class Host(http.server.BaseHTTPRequestHandler):
    """Answers every request."""

    def do_GET(self):
        self.arrive()
        self.reply(b"welcome to " + self.headers.get("Host", "nowhere").encode() + b"\n")

    def arrive(self):
        saw("request", address=self.server.server_address[0], port=self.server.server_address[1], path=self.path)

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Collector(Host):
    """Receives OTLP over HTTP as JSON, and prints a summary."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.arrive()
        attributes = {
            pair["key"]: pair["value"]["stringValue"]
            for logs in json.loads(body)["resourceLogs"]
            for pair in logs["resource"]["attributes"]
        }
        authorized = self.headers.get("Authorization") == "Bearer demo-token"
        saw("telemetry", path=self.path, attributes=attributes, authorized=authorized)
        summary = "  ".join(f"{key}={value}" for key, value in sorted(attributes.items()))
        print(f"  collector: got {self.path}, {'with' if authorized else 'WITHOUT'} its token: {summary}", flush=True)
        self.reply(b"{}")


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, address, port, handler, tls=None):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), handler)
        if tls:  # the connection's own thread performs the handshake
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # the base class would look up its own name in DNS

    def handle_error(self, *_):
        pass  # the client has disconnected


def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.path.join(stage, "certificate.pem"), os.path.join(stage, "key.pem"))
    servers = [Server(COLLECTOR, 4318, Collector, tls)]
    for address in (PACKAGES, PACKAGES_IPV6, API, COLLECTOR, UNLISTED, UNLISTED_IPV6, PRIVATE):
        servers.append(Server(address, 443, Host, tls))
    servers += [Server(address, 80, Host) for address in (PACKAGES, UNLISTED, METADATA)]
    servers += [DnsServer(address) for address in (RESOLVER, PUBLIC_RESOLVER)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    open(os.path.join(stage, "ready"), "w").close()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
