"""TLS works for the agent, even if OpenSSL is configured to use kernel TLS: the filter refuses
that, and OpenSSL continues without."""

import shutil
import subprocess

import pytest

from support.execution import PATH

ASK_THE_KERNEL = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = options
[options]
Options = KTLS
"""

CLIENTS = {
    "openssl": "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | "
               "openssl s_client -quiet -verify_return_error -CAfile /work/own.pem -connect localhost:4433",
    "curl": "curl -sS --cacert /work/own.pem https://localhost:4433/",
    "node": "NODE_EXTRA_CA_CERTS=/work/own.pem node --openssl-shared-config -e '"
            "require(`https`).get(`https://localhost:4433/`, r => r.pipe(process.stdout))'",
    "python3": "SSL_CERT_FILE=/work/own.pem python3 -c 'import urllib.request as u;"
               "print(u.urlopen(\"https://localhost:4433/\").read().decode())'",
}


@pytest.fixture
def certified(sandbox, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "own", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    sandbox.write("/work/own.pem", (tmp_path / "own").read_bytes())
    sandbox.write("/work/key.pem", (tmp_path / "key").read_bytes(), mode=0o644)
    sandbox.write("/work/openssl.cnf", ASK_THE_KERNEL)
    return sandbox


@pytest.mark.parametrize("flags", [["--user", "agent"], []], ids=["agent", "root"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_page_is_fetched_over_tls(certified, flags, client):
    if not shutil.which(client, path=PATH):
        pytest.skip(f"{client} is not installed")
    script = f"""export OPENSSL_CONF=/work/openssl.cnf
openssl s_server -quiet -accept localhost:4433 -cert /work/own.pem -key /work/key.pem -www >/dev/null 2>&1 &
for try in 1 2 3 4 5 6 7 8 9; do
  {CLIENTS[client]} 2>/tmp/why && exit
  sleep 0.2
done
cat /tmp/why >&2; exit 1"""
    result = certified.boot("bash", "-c", script, flags=flags, prepare=lambda: subprocess.run(["ip", "link", "set", "lo", "up"], check=True))
    assert result.status == 0 and "s_server -quiet" in result.stdout, result
