"""api.anthropic.com: plays a script of turns as server-sent events, and records the requests."""

import itertools
import json
import threading
import time

from support.claude.control_plane import ControlPlane
from support.web import Response


def say(text):
    """A turn that prints text and ends."""
    return {"type": "text", "text": ""}, {"type": "text_delta", "text": text}, "end_turn"


def bash(command):
    """A turn that asks to run a command."""
    block = {"type": "tool_use", "id": f"toolu_{abs(hash(command)):020d}", "name": "Bash", "input": {}}
    asked = json.dumps({"command": command, "description": "run it"})
    return block, {"type": "input_json_delta", "partial_json": asked}, "tool_use"


HOLD = object()  # a turn that begins and never ends


class Api:
    """The turn of a request is given by the number of answers in the conversation. After the
    script's end, a turn says "done"."""

    def __init__(self):
        self._numbers = itertools.count(1)
        self.start_over()

    def start_over(self, *script):
        self.script = script
        self.requests = []  # (Request, its JSON body)
        self.control_plane = ControlPlane()
        self.holding = threading.Event()  # set while a turn is held open

    def answer(self, request):
        if self.control_plane.serves(request):
            return self.control_plane.answer(request)
        path = request.path.partition("?")[0]
        if (request.method, path) != ("POST", "/v1/messages"):
            return Response(404, "application/json", b'{"type":"error","error":{"type":"not_found_error","message":""}}')
        asked = json.loads(request.body)
        self.requests.append((request, asked))
        return Response(200, "text/event-stream", self._play(self._turn(asked), asked["model"]))

    def tool_results(self):
        """The tools' results in the longest conversation."""
        conversations = [asked["messages"] for _, asked in self.requests]
        blocks = [block for message in max(conversations, key=len, default=[]) if isinstance(message["content"], list)
                  for block in message["content"] if block["type"] == "tool_result"]
        return [_text(block["content"]) for block in blocks]

    def _turn(self, asked):
        answered = sum(message["role"] == "assistant" for message in asked["messages"])
        return self.script[answered] if answered < len(self.script) and asked.get("tools") else say("done")

    def _play(self, turn, model):
        block, delta, stop = say("") if turn is HOLD else turn
        message = {"id": f"msg_{next(self._numbers)}", "type": "message", "role": "assistant", "model": model,
                   "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 10, "output_tokens": 1}}
        yield _event("message_start", message=message)
        yield _event("content_block_start", index=0, content_block=block)
        if turn is HOLD:
            self.holding.set()
            while True:  # until the client disconnects
                time.sleep(0.1)
                yield _event("ping")
        yield _event("content_block_delta", index=0, delta=delta)
        yield _event("content_block_stop", index=0)
        yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 5})
        yield _event("message_stop")


def _event(type, **more):
    return f"event: {type}\ndata: {json.dumps({'type': type, **more})}\n\n".encode()


def _text(content):
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
