"""Programs that speak HTTP reach the hosts that the policy allows, and none beside them."""

import hashlib
import io
import os
import shutil
import subprocess
import time
import zipfile

import pytest

from support.hosting import FREE, SHARED
from support.lenient_web import REF, answer
from support.waiting import eventually

POLICY = {"allow": ["allowed.example:80", "second.example:80", "free.example:80", "allowed.example:8080/http"]}
MUCH = 1 << 21
RESET = (55, 56)  # curl's status: while it sends, or while it receives

GO = """package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	for _, url := range os.Args[1:] {
		for range 3 {
			answer, err := http.Get(url)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			io.Copy(os.Stdout, answer.Body)
			answer.Body.Close()
		}
	}
	// a reader without a length is sent in chunks
	answer, err := http.Post(os.Args[1], "text/plain", io.MultiReader(strings.NewReader(strings.Repeat("x", 100000))))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, answer.Body)
}
"""
NODE = """(async () => {
  for (const name of process.argv.slice(1)) {
    process.stdout.write(await (await fetch(`http://${name}/`)).text());
    const body = new ReadableStream({ start(to) { to.enqueue(new Uint8Array(100000)); to.close(); } });
    process.stdout.write(await (await fetch(`http://${name}/`, { method: 'POST', body, duplex: 'half' })).text());
  }
})().catch(error => { console.log(error.cause.code); process.exit(1); });
"""


@pytest.fixture(scope="module", params=[("container", "agent"), ("container", "root"), ("user", "agent")], ids=" ".join)
def scope_and_user(request):
    return request.param


@pytest.fixture
def files(internet):
    yield internet.files
    internet.files.clear()


def needs(agent, program):
    if agent.run("sh", "-c", f"command -v {program}")["status"] != 0:
        pytest.skip(f"needs {program}")


def curl(agent, *words):
    return agent.run("curl", "--silent", "--show-error", "--max-time", "8", *words)


def at_shared(name, port=80):
    return ["--resolve", f"{name}:{port}:{SHARED[4]}", f"http://{name}:{port}/"]


# curl -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["--ipv4", "--ipv6"])
@pytest.mark.parametrize("port", ["", ":80", ":8080"])
def test_curl(agent, kind, port):
    url = f"http://allowed.example{port}/"
    assert curl(agent, kind, url, url)["out"] == "allowed.example 0\n" * 2
    assert curl(agent, kind, "--data", "some=words", url)["out"] == "allowed.example 10\n"
    assert curl(agent, kind, "--http1.0", url)["out"] == "allowed.example 0\n"


def test_curl_with_another_name_at_this_address(internet, agent):
    assert curl(agent, *at_shared("evil.example"))["status"] in RESET
    assert internet.octets() == b""


def test_curl_to_a_name_after_an_allowed_one_on_the_same_connection(internet, agent):
    done = curl(agent, "http://allowed.example/", "--next", "--silent", "http://allowed.example/", "--header",
                "Host: evil.example")
    assert done["out"] == "allowed.example 0\n" and done["status"] in RESET, done
    assert internet.octets().count(b"GET") == 1 and b"evil" not in internet.octets()


def test_curl_uploads(agent):
    agent.run("sh", "-c", f"head -c {MUCH} /dev/zero > /tmp/much")
    url = "http://allowed.example/"
    assert curl(agent, "--upload-file", "/tmp/much", "--header", "Expect:", url)["out"] == f"allowed.example {MUCH}\n"
    chunked = ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"]
    assert curl(agent, "--upload-file", "/tmp/much", *chunked, url)["out"] == f"allowed.example {MUCH}\n"


def test_curl_that_expects_100_continue_is_refused(internet, container, agent):
    """As it does when it uploads a file."""
    agent.run("sh", "-c", "echo words > /tmp/words")
    assert curl(agent, "--upload-file", "/tmp/words", "http://allowed.example/")["status"] in RESET
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="http", name="allowed.example", why="expectation")


@pytest.mark.parametrize("how, why", [(["--http2"], "upgrade"), (["--http2-prior-knowledge"], "not-http"),
                                      (["--proxy", "http://allowed.example:80", "http://evil.example/"], "not-a-path"),
                                      (["--proxy", "http://allowed.example:80", "--proxytunnel"], "tunnel")],
                         ids=["upgrade to HTTP/2", "HTTP/2", "a proxy", "a tunnel"])
def test_curl_in_another_protocol_is_refused(internet, container, agent, how, why):
    assert curl(agent, *how, "http://allowed.example/")["status"] in RESET
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="http", why=why)


# git --------------------------------------------------------------------------------------------------

def git(*words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@a.example", "-c", "init.defaultBranch=main", *words],
                   check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The files of a bare repository, for git's simple protocol."""
    path = tmp_path_factory.mktemp("repository")
    git("init", path / "work")
    (path / "work" / "file").write_bytes(os.urandom(300000))
    git("-C", path / "work", "add", "file")
    git("-C", path / "work", "commit", "--message", "a file")
    git("clone", "--bare", path / "work", path / "bare")
    git("-C", path / "bare", "update-server-info")
    return {f"/project.git/{file.relative_to(path / 'bare')}": file.read_bytes()
            for file in (path / "bare").rglob("*") if file.is_file()}


def test_git_ls_remote(internet, agent):
    done = agent.run("git", "ls-remote", "http://allowed.example/repository.git")
    assert f"{REF}\trefs/heads/main" in done["out"], done
    assert agent.run("git", "ls-remote", "http://evil.example/repository.git")["status"] != 0
    assert "evil.example" not in internet.names()


def test_git_clone(agent, files, repository):
    files.update(repository)
    done = agent.run("sh", "-c", "rm -rf /tmp/clone && git clone --quiet http://allowed.example/project.git /tmp/clone && "
                     "wc -c < /tmp/clone/file")
    assert done["out"].strip() == "300000", done


def line(text):
    return b"%04x%b" % (len(text) + 4, text)


def test_git_push_in_chunks(internet, agent, files):
    """To a server that takes all."""
    files["/push.git/info/refs"] = lambda body: answer(
        line(b"# service=git-receive-pack\n") + b"0000" +
        line(b"0" * 40 + b" capabilities^{}\0report-status agent=git/stand-in\n") + b"0000",
        "application/x-git-receive-pack-advertisement")
    files["/push.git/git-receive-pack"] = lambda body: answer(
        line(b"unpack ok\n") + line(b"ok refs/heads/main\n") + b"0000", "application/x-git-receive-pack-result")
    done = agent.run("sh", "-c", """
        rm -rf /tmp/pushed && git init --quiet --initial-branch main /tmp/pushed && cd /tmp/pushed &&
        head -c 300000 /dev/urandom > file && git add file &&
        git -c user.name=a -c user.email=a@a.example commit --quiet --message words &&
        git -c http.postBuffer=66000 push http://allowed.example/push.git main""")
    assert done["status"] == 0 and "main -> main" in done["err"], done
    assert b"Transfer-Encoding: chunked" in internet.octets()
    assert max(len(body) for visit in internet.visited for *_, body in visit.requests) > 300000


# Languages and packages -------------------------------------------------------------------------------

def test_python(internet, agent):
    outcome = agent.python("""
import urllib.request
value = urllib.request.urlopen("http://allowed.example/", timeout=5).read().decode()
value += urllib.request.urlopen("http://second.example/", bytes(100000), timeout=5).read().decode()""")
    assert outcome.get("answer") == "allowed.example 0\nsecond.example 100000\n", outcome


def wheel():
    """Of a package without content."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.dist-info/RECORD", "")
    return content.getvalue()


def test_pip(agent, files):
    needs(agent, "pip3")
    page = b"<!DOCTYPE html><a href=/simple/tiny/tiny-1-py3-none-any.whl>tiny-1-py3-none-any.whl</a>"
    files["/simple/tiny/"] = lambda body: answer(page, "text/html")
    files["/simple/tiny/tiny-1-py3-none-any.whl"] = wheel()
    done = agent.run("pip3", "--isolated", "--no-cache-dir", "--disable-pip-version-check", "download", "--no-deps",
                     "--index-url", "http://allowed.example/simple", "--trusted-host", "allowed.example",
                     "--dest", "/tmp/wheels", "tiny")
    assert done["status"] == 0 and "tiny-1-py3-none-any.whl" in done["out"], done


def test_wget(agent):
    needs(agent, "wget")
    assert agent.run("wget", "-qO-", "http://allowed.example/")["out"] == "allowed.example 0\n"


def test_node(internet, agent):
    needs(agent, "node")
    done = agent.run("node", "-e", NODE, "allowed.example", "second.example")
    assert done["out"] == "allowed.example 0\nallowed.example 100000\nsecond.example 0\nsecond.example 100000\n", done


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    go = shutil.which("go")
    if not go:
        pytest.skip("needs go")
    path = tmp_path_factory.mktemp("go")
    (path / "client.go").write_text(GO)
    subprocess.run([go, "build", "-o", path / "client", path / "client.go"], check=True, cwd=path,
                   env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"})
    return (path / "client").read_bytes()


def test_go(container, agent, go_program):
    container.write("/opt/client", go_program, mode=0o755)
    done = agent.run("/opt/client", "http://allowed.example/", "http://second.example/")
    assert done["out"] == "allowed.example 0\n" * 3 + "second.example 0\n" * 3 + "allowed.example 100000\n", done


APT = ["-o", "Dir=/tmp/apt", "-o", "Dir::Bin::Methods=/usr/lib/apt/methods", "-o", "Dir::State::status=/tmp/apt/status",
       "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Pipeline-Depth=10", "-o", "Acquire::Languages=none"]


def test_apt(internet, agent, files):
    """It sends several requests ahead."""
    needs(agent, "apt-get")
    index = ""
    for number in range(12):
        content = os.urandom(20000)
        files[f"/debian/./p{number}.deb"] = content
        index += (f"Package: p{number}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@a.example>\nFilename: ./p{number}.deb\n"
                  f"Size: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\nDescription: a\n\n")
    files["/debian/./Packages"] = index.encode()
    names = " ".join(f"p{number}" for number in range(12))
    done = agent.run("sh", "-c", "rm -rf /tmp/apt && mkdir -p /tmp/apt/lists/partial /tmp/apt/archives/partial /tmp/apt/got "
                     "/tmp/apt/etc/apt /tmp/apt/var/lib/apt/lists/partial /tmp/apt/var/cache/apt/archives/partial && "
                     "touch /tmp/apt/status && "
                     "echo 'deb [trusted=yes] http://allowed.example/debian ./' > /tmp/apt/etc/apt/sources.list && "
                     f"apt-get {' '.join(APT)} update && cd /tmp/apt/got && "
                     f"apt-get {' '.join(APT)} download {names} && ls")
    assert done["status"] == 0 and all(f"p{number}_1_all.deb" in done["out"] for number in range(12)), done
    assert any(visit.octets.count(b"\r\n\r\n") > 5 for visit in internet.visited)


# A real server ----------------------------------------------------------------------------------------

SERVER = """
daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
events {{ }}
http {{
    access_log {path}/access.log; client_body_temp_path {path}; proxy_temp_path {path}; fastcgi_temp_path {path};
    uwsgi_temp_path {path}; scgi_temp_path {path};
    server {{ listen {four}:80; listen [{six}]:80; server_name free.example; return 200 "free\\n"; }}
    server {{ listen {four}:80; listen [{six}]:80; server_name evil.example; return 200 "evil\\n"; }}
}}
"""


@pytest.fixture
def nginx(internet, tmp_path):
    """Returns the text of its log."""
    if not shutil.which("nginx"):
        pytest.skip("needs nginx")
    (tmp_path / "conf").write_text(SERVER.format(path=tmp_path, four=FREE[4], six=FREE[6]))
    server = subprocess.Popen(["nginx", "-e", tmp_path / "error.log", "-c", tmp_path / "conf"],
                              preexec_fn=internet.network.enter)
    eventually((tmp_path / "pid").exists, "nginx runs")
    time.sleep(0.05)
    yield (tmp_path / "access.log").read_text
    server.terminate()
    server.wait()


def sites(agent, family):
    return [curl(agent, f"--ipv{family}", "--header", f"Host: {name}", "http://free.example/")["out"]
            for name in ("free.example", "evil.example")]


def test_the_other_site_of_a_real_server_is_not_reached(nginx, agent, family):
    assert sites(agent, family) == ["free\n", ""]
    assert nginx().count("GET") == 1


def test_without_the_check_the_other_site_of_a_real_server_is_reached(nginx, new_container, scope_and_user, family):
    other = new_container(check_names="off")
    other.policy(POLICY)
    scope, who = scope_and_user
    agent = other.start_agent("--scope", scope, who=who)
    assert sites(agent, family) == ["free\n", "evil\n"]
