"""What the test has the second client do, one act a process: `acts.py ACT`, input on stdin as JSON.

Prints one line of JSON for the test to compare with the office; any surprise is a traceback.
"""

import json
import sys

from changes import base64url, from_base64url
from fieldbook_client import Client, cbor2, framed, unframed


def told(client, given):
    """What the client holds of the order and of its commands."""
    record = from_base64url(given["order"])
    names = ("number", "outcome", "code", "had")
    folded = client.folded(record)
    return {
        "record": given["order"],
        "person": client.state["person"],
        "device": client.state["device"],
        "commands": [{name: c.get(name) for name in names} for c in client.state["commands"]],
        "digest": client.document(record).digest().hex(),
        "facts": {entry["key"]: entry["fact"] for entry in folded},
        "frontier": client.frontier(client.facts(record)),
        "order": [entry["key"] for entry in folded],
        "repaired": client.state.get("repaired", []),
    }


def enrol(client, given):
    client.enrol(given["code"], given["installation"])
    client.sync()


def visit(client, given):
    """Signs for the order, sets out and rings, without signal."""
    order = from_base64url(given["order"])
    client.write(order, given["site"], ("received", {}))
    (setting_out,) = client.write(order, given["site"], ("set_out", {"grade": 2}))
    client.write(order, given["site"], ("ring", {"visit": setting_out}))


def write(client, given):
    order = from_base64url(given["order"])
    client.write(order, given["site"], *given["steps"])


def contact(client, given):
    """Opens a contact by hand, without signal."""
    members = {"name": given["name"], "phones": ["13800000000"], "salt": "0f"}
    given["order"] = base64url(client.create("contact", given["site"], members))


def sync(client, given):
    client.sync()


def lost(client, given):
    """The answer to a push never arrives."""
    request = client.request()
    client.save()
    client.exchange(request)


def expired(client, given):
    """A token that is none any more, and members of a version to come, both ways."""
    client.state["token"] = "expired"
    request = client.request()
    answer = client.exchange(request | {99: {"of": ["a newer", "version"]}})
    answer = unframed(framed(cbor2.dumps(answer | {98: [1, None, "unknown"]})))
    client.apply(request, answer)


def tampered(client, given):
    """The first record's check is another than that of the change it sends."""
    request = client.request()
    packs = bytearray(request[8])
    packs[2 + 16] ^= 1
    client.apply(request, client.exchange(request | {8: bytes(packs)}))


def main():
    acts = (enrol, visit, write, contact, sync, lost, expired, tampered)
    acts = {act.__name__: act for act in acts}
    given = json.loads(sys.stdin.read())
    client = Client(given["store"], given["url"])
    acts[sys.argv[1]](client, given)
    print(json.dumps(told(client, given)))


main()
