"""docs/platforms.md and its pages: every folder has one, and what they name is there."""

import re

import pytest

from support.project import ROOT

TABLE = ROOT / "docs" / "platforms.md"
FOLDERS = sorted(path.name for path in (ROOT / "container").iterdir() if path.is_dir())
PAGES = sorted((ROOT / "docs" / "platforms").glob("*.md"))


def test_every_folder_has_a_page_and_a_row():
    assert [page.stem for page in PAGES] == FOLDERS
    rows = re.findall(r"^\| \[[^\]]+\]\(platforms/(\w+)\.md\) \| `container/(\w+)/` \|", TABLE.read_text(), re.M)
    assert sorted(rows) == [(name, name) for name in FOLDERS]


@pytest.mark.parametrize("document", [TABLE, *PAGES], ids=lambda path: path.stem)
def test_the_files_it_names_are_there(document):
    named = re.findall(r"(?<![\w/])((?:container|tests)/[\w./-]*[\w/])", document.read_text())
    assert named and [path for path in named if not (ROOT / path).exists()] == []


def test_the_capabilities_are_those_that_are_listed():
    section = TABLE.read_text().split("## The capabilities that it takes\n")[1]
    listed = {name for row in re.findall(r"^\| (`.*?`) \|", section, re.M) for name in re.findall(r"`([A-Z_]+)`", row)}
    granted = set()
    for name in ("compose/compose.yaml", "kubernetes/pod.yaml", "devcontainer/ostiary/devcontainer-feature.json", "coder/main.tf"):
        text = (ROOT / "container" / name).read_text()
        for group in re.findall(r"(?:cap_add|add|capAdd)\"?\s*[:=]\s*\[([^\]]*)\]", text):
            granted |= set(re.findall(r"[A-Z_]+", group))
    assert granted and granted <= listed
