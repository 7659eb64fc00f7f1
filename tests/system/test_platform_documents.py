"""docs/platforms.md and its pages: each folder of container/ has a page, and the files that the
pages name exist."""

import re

import pytest
import yaml

from support.project import ROOT

# What the Pod Security Standard "baseline" lets a container add.
BASELINE = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
            "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
TABLE = ROOT / "docs" / "platforms.md"
NO_PLATFORM = {"collector", "skill", "stack"}  # docs/collector.md, telemetry.md, stack.md
FOLDERS = sorted(path.name for path in (ROOT / "container").iterdir() if path.is_dir() and path.name not in NO_PLATFORM)
PAGES = sorted((ROOT / "docs" / "platforms").glob("*.md"))


def test_every_folder_has_a_page_and_a_row():
    assert [page.stem for page in PAGES] == FOLDERS
    rows = re.findall(r"^\| \[[^\]]+\]\(platforms/([\w-]+)\.md\) \| `container/([\w-]+)/` \|", TABLE.read_text(), re.M)
    assert sorted(rows) == [(name, name) for name in FOLDERS]


@pytest.mark.parametrize("document", [TABLE, *PAGES], ids=lambda path: path.stem)
def test_the_files_that_a_page_names_exist(document):
    named = re.findall(r"(?<![\w/])((?:container|tests)/[\w./-]*[\w/])", document.read_text())
    assert named and [path for path in named if not (ROOT / path).exists()] == []


def test_the_capabilities_that_the_files_add_are_documented():
    section = TABLE.read_text().split("## The capabilities that it takes\n")[1]
    listed = {name for row in re.findall(r"^\| (`.*?`) \|", section, re.M) for name in re.findall(r"`([A-Z_]+)`", row)}
    granted = set()
    for name in ("compose/compose.yaml", "kubernetes/pod.yaml", "devcontainer/ostiary/devcontainer-feature.json", "coder/main.tf",
                 "self-hosted/compose.yaml"):
        text = (ROOT / "container" / name).read_text()
        for group in re.findall(r"(?:cap_add|add|capAdd)\"?\s*[:=]\s*\[([^\]]*)\]", text):
            granted |= set(re.findall(r"[A-Z_]+", group))
    assert granted and granted <= listed


def test_only_net_admin_keeps_the_pod_out_of_the_baseline_standard_and_the_page_says_so():
    _, pod = yaml.safe_load_all((ROOT / "container/kubernetes/pod.yaml").read_text())
    spec = pod["spec"]
    contexts = [each["securityContext"] for each in spec["initContainers"] + spec["containers"]]
    assert {name for each in contexts for name in each["capabilities"]["add"]} - BASELINE == {"NET_ADMIN"}
    assert not any("privileged" in each for each in contexts) and not any(name.startswith("host") for name in spec)
    assert all(set(volume) & {"configMap", "secret", "emptyDir"} for volume in spec["volumes"])
    page = (ROOT / "docs/platforms/kubernetes.md").read_text()
    assert "pod-security.kubernetes.io/enforce=privileged" in page
