"""The control plane of self-hosted environments at api.anthropic.com: a runner registers, asks for work, of which there
is none, and deregisters."""

import datetime
import json

from support.web import Response

PATHS = "/v1/code/runners/self-hosted/"


class ControlPlane:
    def __init__(self):
        self.calls = []  # (what the runner did, its credential, the JSON body)

    def serves(self, request):
        return request.path.startswith(PATHS)

    def answer(self, request):
        what = request.path.removeprefix(PATHS).rsplit("/", 1)[-1]
        self.calls.append((what, request.header("Authorization"), json.loads(request.body or b"{}")))
        answers = {"register": {"runner_id": "runner_stand_in", "runner_token": "stand-in-token"},
                   "poll": {"assignment_ids": [], "lease_expires_at": _in_a_minute()}}
        return Response(200, "application/json", json.dumps(answers.get(what, {})).encode())

    def did(self, what):
        return [call for call in self.calls if call[0] == what]


def _in_a_minute():
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)).isoformat()
