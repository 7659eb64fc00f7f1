"""Compares the rewriting of telemetry with the protobuf library on the same mutated requests.

Every run mutates the same requests in the same way. A request that we accept and that the library reads as well has, after
the rewriting, as the library reads it: the sender's attributes except those with a key of ours, our attributes, and the same
scopes. We copy scopes and values as they are. If one is malformed, the library refuses the request before and after.
"""

import os
import random
import re
import struct
import subprocess
import warnings
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from support.project import ROOT

VERDICTS = Path(os.environ.get("OSTIARY_OTLP_VERDICTS", ROOT / "build" / "tests" / "fuzz" / "otlp_verdicts"))
SEED = 20
REQUESTS = 20000

FIELD = descriptor_pb2.FieldDescriptorProto


def message(file, name, *fields):
    """Adds a message. A field is (name, number, type or message, is it repeated)."""
    made = file.message_type.add(name=name)
    for label, number, kind, repeated in fields:
        field = made.field.add(name=label, number=number,
                               label=FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL)
        if isinstance(kind, str):
            field.type, field.type_name = FIELD.TYPE_MESSAGE, f".{kind}"
        else:
            field.type = kind


def request_class():
    """The part of opentelemetry/proto that the rewriting concerns, in the wire types of the original. A scope is octets."""
    file = descriptor_pb2.FileDescriptorProto(name="otlp.proto", syntax="proto2")
    message(file, "Value", ("text", 1, FIELD.TYPE_BYTES, False))
    message(file, "KeyValue", ("key", 1, FIELD.TYPE_BYTES, False), ("value", 2, "Value", False))
    message(file, "Resource", ("attributes", 1, "KeyValue", True), ("dropped", 2, FIELD.TYPE_UINT32, False))
    message(file, "Block", ("resource", 1, "Resource", False), ("scopes", 2, FIELD.TYPE_BYTES, True),
            ("schema_url", 3, FIELD.TYPE_BYTES, False))
    message(file, "Request", ("blocks", 1, "Block", True))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return factory.GetPrototype(pool.FindMessageTypeByName("Request"))


Request = request_class()


def seeds():
    for attributes in ([], [(b"host.name", b"x")], [(b"service.name", b"forged")],
                       [(b"Service_Name", b"forged"), (b"b", b"c"), (b"a", b"d"), (b"A", b"e")]):
        request = Request()
        for scopes in ([b"scope"], [b"", b"second"], []):
            block = request.blocks.add(scopes=scopes, schema_url=b"url")
            for key, value in attributes:
                block.resource.attributes.add(key=key).value.text = value
            block.resource.dropped = 7
        yield request.SerializeToString()
        yield request.SerializeToString() + request.blocks[0].SerializeToString()


def mutated(random_source, octets):
    octets = bytearray(octets)
    for _ in range(random_source.randrange(3)):
        at = random_source.randrange(len(octets))
        match random_source.randrange(6):
            case 0:
                del octets[at:at + random_source.randrange(1, 6)]
            case 1:
                octets[at:at] = octets[at:at + random_source.randrange(1, 30)]
            case _:
                octets[at] = random_source.choice([0, 10, 18, 97, random_source.randrange(256)])
        if not octets:
            return bytes(1)
    return bytes(octets)


def is_ours(key):
    return re.sub(rb"[^a-z0-9]", b"_", key.lower()) in (b"service_name", b"a")


def expected(request):
    """What the library must read after the rewriting."""
    blocks = []
    for block in request.blocks:
        if not block.scopes:
            continue
        attributes = [(each.key, each.value.text) for each in block.resource.attributes if not is_ours(each.key)]
        blocks.append((attributes + [(b"service.name", b"claude-code"), (b"a", b"")], list(block.scopes), block.schema_url))
    return blocks


def read(octets):
    request = Request()
    try:
        with warnings.catch_warnings(action="ignore"):  # of octets that it did not read
            return request if request.ParseFromString(octets) == len(octets) else None
    except DecodeError:
        return None


def blocks_of(request):
    return [([(each.key, each.value.text) for each in block.resource.attributes], list(block.scopes), block.schema_url)
            for block in request.blocks]


def test_after_the_rewriting_the_library_reads_our_attributes_and_the_senders_others():
    random_source = random.Random(SEED)
    originals = list(seeds())
    requests = [mutated(random_source, random_source.choice(originals)) for _ in range(REQUESTS)]
    verdicts = subprocess.run([VERDICTS], input=b"".join(struct.pack(">H", len(each)) + each for each in requests),
                              capture_output=True, check=True).stdout.decode().splitlines()
    assert len(verdicts) == len(requests)
    compared = refused = 0
    for octets, verdict in zip(requests, verdicts):
        theirs = read(octets)
        if verdict == "malformed":
            refused += theirs is None
            continue
        rewritten = read(bytes.fromhex(verdict))
        if rewritten is None:
            assert theirs is None, octets.hex()
            continue
        assert all(sorted(key for key, _ in attributes if is_ours(key)) == [b"a", b"service.name"]
                   for attributes, _, _ in blocks_of(rewritten)), octets.hex()
        if theirs is not None:
            assert blocks_of(rewritten) == expected(theirs), octets.hex()
            compared += 1
    assert compared > REQUESTS / 5 and refused > REQUESTS / 20, (compared, refused)
