"""The certificate authority of the stand-in Internet: one certificate for all hosts, and certificates of clients."""

import contextlib
import ipaddress
import ssl
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


class Authority:
    def __init__(self, directory, hosts):
        """`hosts`: names, also with a wildcard, and addresses."""
        self.certificate = directory / "authority.pem"  # clients have to trust it
        self._directory, self._key = directory, directory / "authority.key"
        _openssl("-x509", *EC, "-subj", "/CN=stand-in authority", "-keyout", self._key, "-out", self.certificate)
        self.host, self.host_key = self._issue("host", "-addext", "subjectAltName=" + ",".join(map(_alternative_name, hosts)))

    def server(self):
        """The TLS context of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.host, self.host_key)
        return context

    def client(self):
        """The files of a client's certificate and its key."""
        return self._issue("client")

    def _issue(self, name, *extensions):
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        _openssl("-x509", *EC, "-subj", f"/CN=stand-in {name}", "-CA", self.certificate, "-CAkey", self._key,
                 "-addext", "basicConstraints=critical,CA:FALSE", *extensions, "-keyout", key, "-out", certificate)
        return certificate, key


def _alternative_name(host):
    with contextlib.suppress(ValueError):
        return f"IP:{ipaddress.ip_address(host)}"
    return f"DNS:{host}"


def _openssl(*words):
    subprocess.run(["openssl", "req", *words], check=True, capture_output=True)
