"""An invalid policy ends with status 78 and a line that says where the error is, what it is, and
what to write instead."""

import pytest

from support.refusal import refusal

POLICY = "/etc/ostiary/policy.json"


def wrong(sandbox, *arguments, **how):
    """plan and run give the same error, and no agent starts."""
    planned = refusal(sandbox.run("plan", *arguments, "--", "true", **how), 78)
    result = sandbox.run("run", *arguments, "--", "touch", "/work/started", **how)
    assert result.status == 78 and not sandbox.exists("/work/started"), result
    assert result.stderr.splitlines()[-1] == planned.strip()
    return planned


ENTRIES = {
    "everything": "*", "a whole top level": "*.com", "everything below the root": "*.",
    "a wildcard within": "a.*.example",
    "a wildcard in front without a dot": "*example.com", "two wildcards": "*.*.example.com",
    "an address that is a name": "256.1.1.1", "octal": "0177.0.0.1", "hexadecimal": "0x7f000001.example.0x1",
    "a name with a space": "two words.example", "a hyphen in front": "-a.example", "an empty label": "a..example",
    "a long label": "a" * 64 + ".example", "a long name": ".".join(["a" * 60] * 5), "port 0": "a.example:0",
    "a port too high": "a.example:65536", "a port that is a word": "a.example:https",
    "a range backwards": "a.example:9-8",
    "an unknown protocol": "a.example:443/sctp", "a URL": "https://a.example/", "a user": "user:secret@a.example",
    "a path": "a.example/path", "a prefix too long": "10.0.0.0/33", "an IPv6 prefix too long": "[2001:db8::]/129",
    "host bits": "10.1.2.3/24", "an unknown preset": "preset:githbu", "nothing": "", "a preset of nothing": "preset:",
    "not ASCII": "b\u00fccher.example", "a zero octet": "a.example\\u0000.evil.example",
}


@pytest.mark.parametrize("what", ENTRIES)
def test_the_error_for_an_entry_names_file_and_line(sandbox, what):
    entry = ENTRIES[what]
    sandbox.policy('{\n  "allow": [\n    "fine.example",\n    "%s"\n  ]\n}\n' % entry)
    line = wrong(sandbox)
    assert f"{POLICY}" in line and "line 4" in line.replace(":4", " line 4"), line
    assert "secret" not in line


@pytest.mark.parametrize("what", [what for what in ENTRIES if what not in ("nothing", "a zero octet")])
def test_the_error_for_an_entry_in_a_flag_or_variable_names_it(sandbox, what):
    assert "--allow" in wrong(sandbox, f"--allow={ENTRIES[what]}")
    assert "OSTIARY_ALLOW" in wrong(sandbox, env={"OSTIARY_ALLOW": f"fine.example,{ENTRIES[what]}"})


OBJECTS = {
    "an unknown key": ('{"host": "a.example", "prots": [443]}', "prots"),
    "a key twice": ('{"host": "a.example", "host": "b.example"}', "host"),
    "no host": ('{"ports": [443]}', "host"),
    "a port of 0": ('{"host": "a.example", "ports": [0]}', "port"),
    "a port too high": ('{"host": "a.example", "ports": [443, 70000]}', "port"),
    "a port that is no number": ('{"host": "a.example", "ports": ["https"]}', "port"),
    "a fraction of a port": ('{"host": "a.example", "ports": 44.3}', "port"),
    "no ports": ('{"host": "a.example", "ports": []}', "port"),
    "an unknown protocol": ('{"host": "a.example", "protocol": "icmp"}', "protocol"),
    "private is a word": ('{"host": "a.example", "private": "yes"}', "private"),
    "ports behind the host": ('{"host": "a.example:443"}', '"ports"'),
    "a private network": ('{"host": "10.0.0.0/8", "private": true}', "private"),
    "an unknown type": ('{"host": "a.example", "types": ["TXTT"]}', "TXTT"),
    "a type that holds everything": ('{"host": "a.example", "types": ["ANY"]}', "ANY"),
    "a type that hides": ('{"host": "a.example", "types": ["NULL"]}', "NULL"),
    "a required wildcard": ('{"host": "*.a.example", "required": true}', "required"),
    "a required network": ('{"host": "10.0.0.0/8", "required": true}', "required"),
    "required is a word": ('{"host": "a.example", "required": "no"}', "required"),
    "a number": ("443", ""), "a list": ('["a.example"]', ""), "nothing": ("null", ""),
}


@pytest.mark.parametrize("what", OBJECTS)
def test_the_error_for_an_object_names_file_line_and_key(sandbox, what):
    text, word = OBJECTS[what]
    sandbox.policy('{\n  "allow": [\n    "fine.example",\n\n    %s\n  ]\n}\n' % text)
    line = wrong(sandbox)
    assert POLICY in line and "line 5" in line.replace(":5", " line 5") and word in line, line


@pytest.mark.parametrize("text, number, word", [
    ('{\n  "alow": []\n}', 2, "alow"), ('{\n  "allow": [],\n  "allow": []\n}', 3, "allow"),
    ('{\n  "allow": "a.example"\n}', 2, "allow"), ('{\n  "allow": [\n    "a.example"\n    "b.example"\n  ]\n}', 4, ""),
    ('{\n  "allow": [\n    "a.example",\n', 3, ""), ('[\n]', 1, ""), ('{"hold": "long"}', 1, "hold"),
    ('{\n\n "upstream": 53\n}', 3, "upstream"), ('{"keep_rules": true}', 1, "keep_rules"), ("\0", 1, ""),
    ('{"allow": ["a.example"]} trailing', 1, "")])
def test_the_error_for_a_syntax_error_names_file_and_line(sandbox, text, number, word):
    sandbox.policy(text)
    line = wrong(sandbox)
    assert POLICY in line and f"line {number}" in line.replace(f":{number}", f" line {number}") and word in line, line


def test_the_error_for_a_misspelling_names_the_correct_word(sandbox):
    assert "preset:github" in wrong(sandbox, "--allow", "preset:githbu")
    assert "allow" in wrong_key(sandbox)


def wrong_key(sandbox):
    sandbox.policy('{"alow": []}')
    line = wrong(sandbox)
    return line.replace("alow", "")


def test_a_huge_policy_is_refused_or_read_in_time(sandbox):
    sandbox.policy({"allow": [f"n{number}.example" for number in range(100_000)]})
    assert sandbox.run("plan", "--json", "--", "true").status in (0, 78)


def test_a_very_deep_policy_is_refused(sandbox):
    sandbox.policy('{"allow": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert sandbox.run("plan", "--", "true").status == 78
