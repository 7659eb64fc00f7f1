"""Writes the dashboards, each a file of this folder, as JSON to container/stack/grafana/dashboards, or to another folder.

    /usr/bin/python3 scripts/dashboards [FOLDER]
"""

import json
import sys
from pathlib import Path

import gate
import overview
import reliability
import session
import team

FOLDER = Path(__file__).resolve().parents[2] / "container" / "stack" / "grafana" / "dashboards"


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for module in (overview, session, team, reliability, gate):
        text = json.dumps(module.DASHBOARD, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{module.__name__}.json").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
