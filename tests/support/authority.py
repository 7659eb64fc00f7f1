"""The certificate authority of the stand-in Internet: one certificate for all hosts."""

import contextlib
import ipaddress
import ssl
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


class Authority:
    def __init__(self, directory, hosts):
        """`hosts`: names, also with a wildcard, and addresses."""
        self.certificate = directory / "authority.pem"  # clients have to trust it
        key, self._host, self._host_key = (directory / name for name in ("authority.key", "host.pem", "host.key"))
        _openssl("-x509", *EC, "-subj", "/CN=stand-in authority", "-keyout", key, "-out", self.certificate)
        _openssl("-x509", *EC, "-subj", "/CN=stand-in host", "-CA", self.certificate, "-CAkey", key,
                 "-addext", "basicConstraints=critical,CA:FALSE",
                 "-addext", "subjectAltName=" + ",".join(map(_alternative_name, hosts)),
                 "-keyout", self._host_key, "-out", self._host)

    def server(self):
        """The TLS context of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._host, self._host_key)
        return context


def _alternative_name(host):
    with contextlib.suppress(ValueError):
        return f"IP:{ipaddress.ip_address(host)}"
    return f"DNS:{host}"


def _openssl(*words):
    subprocess.run(["openssl", "req", *words], check=True, capture_output=True)
