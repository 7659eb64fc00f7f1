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


def tool(name, **arguments):
    """A turn that asks to use a tool."""
    asked = json.dumps(arguments)
    block = {"type": "tool_use", "id": f"toolu_{abs(hash((name, asked))):020d}", "name": name, "input": {}}
    return block, {"type": "input_json_delta", "partial_json": asked}, "tool_use"


def bash(command):
    """A turn that asks to run a command."""
    return tool("Bash", command=command, description="run it")


def refuse():
    """A turn in which the model declines to answer."""
    return (*say("")[:2], "refusal")


class Fail:
    """A turn whose first requests are answered with an error."""

    def __init__(self, status, type, turn, times=1):
        self.turn, self._left = turn, times
        error = {"type": "error", "error": {"type": type, "message": "the stand-in fails"}}
        self._response = Response(status, "application/json", json.dumps(error).encode())

    def error(self):
        """The response to the next request; None after the last failure."""
        self._left -= 1
        return self._response if self._left >= 0 else None


HOLD = object()  # a turn that begins and never ends


class Api:
    """The turn of a request is given by the number of answers in the conversation. After the
    script's end, a turn says "done"."""

    def __init__(self):
        self.usage = {"input_tokens": 10, "output_tokens": 5}  # of each turn
        self._numbers = itertools.count(1)
        self.start_over()

    def start_over(self, *script, of={}):
        """of: other scripts, by a word of the prompt with which a conversation begins."""
        self._script, self._scripts = script, of
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
        turn = self._turn(asked)
        if isinstance(turn, Fail):
            if error := turn.error():
                return error
            turn = turn.turn
        return Response(200, "text/event-stream", self._play(turn, asked["model"]))

    def tool_results(self):
        """The tools' results in the longest conversation."""
        conversations = [asked["messages"] for _, asked in self.requests]
        blocks = [block for message in max(conversations, key=len, default=[]) if isinstance(message["content"], list)
                  for block in message["content"] if block["type"] == "tool_result"]
        return [_text(block["content"]) for block in blocks]

    def _turn(self, asked):
        answered = sum(message["role"] == "assistant" for message in asked["messages"])
        prompt = json.dumps(asked["messages"][:1])
        script = next((script for word, script in self._scripts.items() if word in prompt), self._script)
        return script[answered] if answered < len(script) and asked.get("tools") else say("done")

    def _play(self, turn, model):
        block, delta, stop = say("") if turn is HOLD else turn
        message = {"id": f"msg_{next(self._numbers)}", "type": "message", "role": "assistant", "model": model,
                   "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {**self.usage, "output_tokens": 1}}
        yield _event("message_start", message=message)
        yield _event("content_block_start", index=0, content_block=block)
        if turn is HOLD:
            self.holding.set()
            while True:  # until the client disconnects
                time.sleep(0.1)
                yield _event("ping")
        yield _event("content_block_delta", index=0, delta=delta)
        yield _event("content_block_stop", index=0)
        yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": self.usage["output_tokens"]})
        yield _event("message_stop")


def _event(type, **more):
    return f"event: {type}\ndata: {json.dumps({'type': type, **more})}\n\n".encode()


def _text(content):
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
