"""Sends questions at a steady rate, each from a new socket as programs do, and reports the result
as one line of JSON.

    dns_load.py SERVER PATTERN NAMES THREADS RATE SECONDS
"""

import json
import socket
import struct
import sys
import threading
import time

PATIENCE = 5  # seconds
TOLD = 10  # lost questions that the report names


def question(name, number):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!6H", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def fault_of(reply, number):
    """None if the reply belongs to that question and contains an address; otherwise the error."""
    got, flags, _, answers = struct.unpack("!4H", reply[:8])
    if got != number & 0xFFFF:
        return "another id"
    return None if flags & 15 == 0 and answers else f"code {flags & 15}, {answers} answers"


def look_up(server, name, number):
    """Asks for a name. Returns None, or what is wrong with the answer."""
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE)
        try:
            asker.connect((server, 53))
            asker.send(question(name, number))
            return fault_of(asker.recv(4096), number)
        except OSError as error:
            return type(error).__name__


class Load:
    def __init__(self, server, pattern, names, threads, rate, seconds):
        self.server, self.pattern, self.names = server, pattern, names
        self.threads, self.pause, self.begin = threads, threads / rate, time.monotonic()
        self.end = self.begin + seconds
        self.asked, self.lost, self.longest = [0] * threads, [], [0.0] * threads

    def ask(self, thread):
        """Each thread has names of its own, so that the gate never merges two questions."""
        count, due = 0, self.begin + self.pause * thread / self.threads
        while due < self.end:
            time.sleep(max(0, due - time.monotonic()))
            name = self.pattern % ((count * self.threads + thread) % self.names)
            begun = time.monotonic()
            fault = look_up(self.server, name, count)
            self.longest[thread] = max(self.longest[thread], time.monotonic() - begun)
            if fault:
                self.lost.append([round(begun - self.begin, 2), name, fault])
            count += 1
            self.asked[thread] = count
            due = max(due + self.pause, time.monotonic())

    def run(self):
        askers = [threading.Thread(target=self.ask, args=(number,)) for number in range(self.threads)]
        for each in askers:
            each.start()
        for each in askers:
            each.join()
        return {"asked": sum(self.asked), "lost": len(self.lost), "first_lost": sorted(self.lost)[:TOLD],
                "longest": round(max(self.longest), 3), "seconds": round(time.monotonic() - self.begin, 1)}


def main():
    server, pattern, *numbers = sys.argv[1:]
    print(json.dumps(Load(server, pattern, *map(float_or_int, numbers)).run()), flush=True)


def float_or_int(text):
    return float(text) if "." in text else int(text)


main()
