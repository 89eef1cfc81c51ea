"""The vectors of docs/protocol.md, worked out again from the rules on that page."""

import hashlib
import re
import sys

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import changes as c


def read(page):
    """Every `name = value` of the page's vectors; a value goes on in indented lines."""
    told = {}
    for block in re.findall(r"```vectors\n(.*?)```", page, re.S):
        for line in block.splitlines():
            if line.startswith("  "):
                told[name] += line[2:]
            else:
                name, value = line.split(" = ", 1)
                told[name] = value
    return told


def check(told):
    session = bytes.fromhex(told["session"])
    text = told["session-text"]
    assert c.session_text(session) == text and c.session_bytes(text) == session
    assert c.record_id("work_order", 7, f"{text}.40").hex() == told["record-40"]
    assert c.base64url(bytes.fromhex(told["record-40"])) == told["record-40-text"]
    assert c.written_key(session, 201, 0) == told["written-key"]
    assert c.derived_key(*c.key_parts(told["derived-key"])[::2]) == told["derived-key"]

    record = c.record_id("contact", 7, f"{text}.1")
    assert record.hex() == told["record"] and c.base64url(record) == told["record-text"]
    chunk, digest = c.genesis(record)
    assert (chunk.hex(), digest.hex()) == (told["genesis"], told["genesis-hash"])
    document = c.Document(record)
    facts = [told[f"fact-{number}"].encode() for number in (1, 2, 3)]
    first = document.build(session, 1, document.heads(), [(f"{text}.1.0", facts[0])])
    document.add(first)
    both = [(f"{text}.2.0", facts[1]), (f"{text}.2.1", facts[2])]
    second = document.build(session, 2, document.heads(), both)
    document.add(second)
    for number, change in ((1, first), (2, second)):
        assert change.bytes.hex() == told[f"change-{number}"]
        assert change.hash.hex() == told[f"change-{number}-hash"]
    assert document.digest().hex() == told["heads-digest"]
    packs = c.pack([(record, [first, second])])
    assert packs.hex() == told["packs"]
    assert [p.facts for p in c.unpack(packs)[0][2]] == [first.facts, second.facts]

    request = cbor2.loads(bytes.fromhex(told["request"]))
    assert request[8] == packs and cbor2.dumps(request).hex() == told["request"]
    statements(told, request)


def statements(told, request):
    installation, device = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2))
    public = device.public_key().public_bytes_raw()
    assert c.base64url(public) == told["device-key"]
    root = installation.public_key().public_bytes_raw()
    assert c.base64url(root) == told["installation-key"]
    assert hashlib.sha256(root).digest()[:16].hex() == told["fingerprint"]
    opened = 1700000000000
    certificate = cbor2.dumps(["fieldbook/certificate/1", 31, 9, public, opened])
    assert certificate.hex() == told["certificate-statement"]
    assert c.base64url(installation.sign(certificate)) == told["certificate-signature"]
    nonce = cbor2.dumps(["fieldbook/nonce/1", 31, 9, b"\x01\x02"])
    assert nonce.hex() == told["nonce-statement"]
    assert c.base64url(device.sign(nonce)) == told["nonce-signature"]
    session = bytes.fromhex(told["session"])
    statement = ["fieldbook/session/1", session, 31, 9, b"\x02" * 16, opened, 60000]
    assert cbor2.dumps(statement).hex() == told["session-statement"]
    signature = device.sign(cbor2.dumps(statement))
    assert signature.hex() == told["session-signature"] and request[6][0][4] == signature


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as page:
        vectors = read(page.read())
    check(vectors)
    print(len(vectors))
