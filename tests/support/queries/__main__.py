"""python3 -m support.queries LANGUAGE QUERY: prints what is wrong with one query."""

import sys

from support.queries import LANGUAGES, problems

if len(sys.argv) != 3 or sys.argv[1] not in LANGUAGES:
    sys.exit(f"write: python3 -m support.queries {'|'.join(LANGUAGES)} 'QUERY'")
found, = problems([tuple(sys.argv[1:])])
sys.exit("\n".join(found))
