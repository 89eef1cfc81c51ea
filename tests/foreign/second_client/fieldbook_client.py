"""A phone of Fieldbook written from docs/protocol.md alone: enrols, writes offline, syncs, folds.

One file is its store. What is sent is built once and sent again unchanged until an answer comes.
It keeps what it receives and shows facts; it judges nothing and has no interface.
"""

import hashlib
import io
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import cbor2
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from changes import Change, Document, Refused, base64url, canonical, from_base64url
from changes import key_parts, pack, record_id, session_text, unpack, written_key

VERSION = 1
APP = "second-client/1"
MEDIA = "application/vnd.fieldbook.sync"
COMPRESS_FROM_BYTES = 256
UNPACKED_BYTES_MAX = 67_108_864
ROUNDS_MAX = 20
OUTCOMES = ("entered", "rewritten", "held", "refused", "not_stored")
NEW_TOKEN = ("token_expired", "not_signed_in")


class Problem(Exception):
    """An answer that is an error: its status and its code."""

    def __init__(self, status, body):
        self.status, self.code = status, body.get("code", "unknown")
        super().__init__(f"{status} {body}")


def now():
    """(boot, monotonic, wall) of this machine; the monotonic clock counts through suspend."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    monotonic = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return bytes.fromhex(boot), monotonic, time.time_ns() // 1_000_000


def framed(message):
    if len(message) >= COMPRESS_FROM_BYTES:
        small = zstandard.ZstdCompressor(level=1).compress(message)
        if len(small) < len(message):
            return b"\x01" + small
    return b"\x00" + message


def unframed(body):
    if body[:1] == b"\x00":
        message = body[1:]
    elif body[:1] == b"\x01":
        size = zstandard.frame_content_size(body[1:])
        if not 0 <= size <= UNPACKED_BYTES_MAX:
            raise Refused("no size, or too large a one")
        message = zstandard.ZstdDecompressor().decompress(body[1:], allow_extra_data=False)
    else:
        raise Refused("an unknown format")
    stream = io.BytesIO(message)
    value = cbor2.CBORDecoder(stream).decode()
    if stream.read(1):
        raise Refused("bytes behind the message")
    return value


class Client:
    """A person's phone. `state` is all it keeps; `save` writes it in one step."""

    def __init__(self, path, url):
        self.path, self.url = Path(path), url
        self.state = {
            "receipts_after": 0, "reference": 0, "last_number": 0, "token": "",
            "cursors": {}, "sites": {}, "sessions": {}, "unregistered": [],
            "accepted": {}, "deliveries": {}, "left": [], "repairs": [],
            "commands": [], "sent": None,
        }  # fmt: skip
        if self.path.exists():
            self.state = json.loads(self.path.read_text())
        self.session = None

    def save(self):
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.state))
        beside.replace(self.path)

    # Section 8: who this is.

    def post_json(self, path, body):
        answer = self.post(path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.loads(answer)

    def post(self, path, body, headers):
        request = urllib.request.Request(self.url + path, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Problem(error.code, json.loads(error.read() or b"{}")) from error

    def enrol(self, code, fingerprint, device_name="second client"):
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        asked = {"code": code, "public_key": base64url(public), "device_name": device_name}
        told = self.post_json("/v1/enrol", asked)
        installation = from_base64url(told["installation_key"])
        if hashlib.sha256(installation).digest()[:16].hex() != fingerprint:
            raise Refused("another installation")
        given = told["certificate"]
        if from_base64url(given["public_key"]) != public:
            raise Refused("a certificate of another key")
        statement = ["fieldbook/certificate/1", given["person"], given["device"], public]
        statement = cbor2.dumps(statement + [given["issued_ms"]])
        signature = from_base64url(given["signature"])
        Ed25519PublicKey.from_public_bytes(installation).verify(signature, statement)
        self.state |= {"person": given["person"], "device": given["device"]}
        self.state["key"] = key.private_bytes_raw().hex()
        self.save()

    def sign(self, domain, *members):
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.state["key"]))
        return key.sign(cbor2.dumps([domain, *members]))

    def take_token(self):
        person, device = self.state["person"], self.state["device"]
        nonce = self.post_json("/v1/nonce", {})["nonce"]
        signature = self.sign("fieldbook/nonce/1", person, device, from_base64url(nonce))
        asked = {"person": person, "device": device, "nonce": nonce}
        told = self.post_json("/v1/token", asked | {"signature": base64url(signature)})
        self.state["token"] = told["access_token"]
        self.save()

    def open_session(self):
        """A new session of this person on this device, to be registered with the next request."""
        session, (boot, monotonic, wall) = os.urandom(8), now()
        person, device = self.state["person"], self.state["device"]
        signature = self.sign(
            "fieldbook/session/1", session, person, device, boot, wall, monotonic
        )
        row = [session.hex(), boot.hex(), wall, monotonic, signature.hex()]
        self.state["unregistered"].append(row)
        self.state["sessions"][session_text(session)] = [person, device]
        return session

    # Sections 2 and 4: what is written.

    def document(self, record):
        document = Document(record)
        for kept in self.state["accepted"].get(record.hex(), []):
            document.add(change_of(kept))
        return document

    def keep(self, document):
        kept = [kept_of(change) for change in document.changes.values()]
        self.state["accepted"][document.record.hex()] = kept

    def pending(self, record=None):
        """Commands of this phone that are not in the accepted document, oldest first."""
        return [
            command for command in self.state["commands"]
            if command["outcome"] not in ("entered", "refused") and not command.get("arrived")
            and record in (None, bytes.fromhex(command["record"]))
        ]  # fmt: skip

    def facts(self, record):
        """Every fact of the record, accepted or pending: JSON by key."""
        facts = self.document(record).facts()
        for command in self.pending(record):
            facts |= {key: text.encode() for key, text in command["facts"]}
        return facts

    def predecessors(self, facts):
        """The keys that each fact comes after."""
        told = {key: json.loads(text) for key, text in facts.items()}
        comes_after = {key: set(fact.get("after", [])) for key, fact in told.items()}
        by_writer = {}
        for key in facts:
            session, number, index = key_parts(key)
            if number:
                writer = tuple(self.state["sessions"].get(session_text(session), [session]))
                by_writer.setdefault(writer, []).append((number, index, key))
        for written in by_writer.values():
            written.sort()
            for (_, _, before), (_, index, key) in zip(written, written[1:]):
                if "after" not in told[key] or index > 0:
                    comes_after[key].add(before)
        return comes_after

    def frontier(self, facts):
        passed = set().union(*self.predecessors(facts).values()) if facts else set()
        return sorted(set(facts) - passed)

    def seen(self, site):
        """[epoch, sequence] of the site's feed that this phone has seen."""
        of_site = (a for a, s in self.state["sites"].items() if s == site)
        return max((self.state["cursors"].get(a, [0, 0]) for a in of_site), default=[0, 0])

    def write(self, record, site, *steps):
        """One command: facts as (type, payload). Saved, numbered, not sent. Gives their keys."""
        self.session = self.session or self.open_session()
        number = self.state["last_number"] + 1
        _boot, monotonic, wall = now()
        facts, written = self.facts(record), []
        for index, (kind, payload) in enumerate(steps):
            key = written_key(self.session, number, index)
            fact = {"t": kind, "w": wall, "s": self.seen(site), "m": monotonic}
            if payload:
                fact["p"] = payload
            frontier = self.frontier(facts)
            if frontier and frontier != [self.own_last(facts)]:
                fact["after"] = frontier
            facts[key] = canonical(fact)
            written.append([key, facts[key].decode()])
        self.state["last_number"] = number
        self.state["commands"].append({
            "number": number, "record": record.hex(), "facts": written, "saved": wall,
            "outcome": None, "code": None,
        })  # fmt: skip
        self.save()
        return [key for key, _ in written]

    def create(self, kind, site, members):
        """Opens a record by hand; gives its id."""
        self.session = self.session or self.open_session()
        origin = f"{session_text(self.session)}.{self.state['last_number'] + 1}"
        record = record_id(kind, site, origin)
        payload = {"kind": kind, "site": site, "schema": 1} | members
        self.write(record, site, ("created", payload))
        return record

    def own_last(self, facts):
        me = [self.state["person"], self.state["device"]]
        own = []
        for key in facts:
            session, number, index = key_parts(key)
            if number and self.state["sessions"].get(session_text(session)) == me:
                own.append((number, index, key))
        return max(own)[2] if own else None

    # Sections 6 and 7: a sync.

    def build_sent(self):
        """Puts what is pending on the accepted documents, under a session of its own."""
        records = {}
        for command in self.pending():
            if command["outcome"] in (None, "not_stored"):
                records.setdefault(bytes.fromhex(command["record"]), []).append(command)
        session = self.open_session() if records else None
        sent, packs = [], []
        for record, commands in records.items():
            document, changes = self.document(record), []
            for seq, command in enumerate(commands, 1):
                facts = [(key, text.encode()) for key, text in command["facts"]]
                change = document.build(session, seq, document.heads(), facts)
                document.add(change)
                changes.append(change)
                sent.append([command["number"], record.hex(), kept_of(change)])
            packs.append((record, changes))
        self.state["sent"] = {"changes": sent, "packs": pack(packs).hex()}

    def request(self):
        if self.state["sent"] is None:
            self.build_sent()
        boot, monotonic, wall = now()
        waiting = [c["saved"] for c in self.pending() if c["outcome"] in (None, "not_stored")]
        state = {0: self.state["last_number"], 1: len(waiting), 3: APP}
        if waiting:
            state[2] = min(waiting)
        return {
            0: VERSION,
            1: self.state["device"],
            2: {0: boot, 1: monotonic, 2: wall},
            3: [{0: e, 1: a, 2: s} for a, (e, s) in self.state["cursors"].items()],
            4: self.state["receipts_after"],
            5: self.state["reference"],
            6: [
                {0: bytes.fromhex(s), 1: bytes.fromhex(b), 2: w, 3: m, 4: bytes.fromhex(g)}
                for s, b, w, m, g in self.state["unregistered"]
            ],
            7: state,
            8: bytes.fromhex(self.state["sent"]["packs"]),
            9: [bytes.fromhex(record) for record in self.state["repairs"]],
        }

    def exchange(self, request):
        """Sends a request and reads the answer; takes a new token once where it needs one."""
        body = framed(cbor2.dumps(request))
        for last in (False, True):
            headers = {"Content-Type": MEDIA, "Authorization": f"Bearer {self.state['token']}"}
            try:
                return unframed(self.post("/v1/sync", body, headers))
            except Problem as problem:
                if last or problem.code not in NEW_TOKEN:
                    raise
                self.take_token()

    def sync(self):
        """Until the server has nothing more and nothing of the phone's can be sent."""
        for _ in range(ROUNDS_MAX):
            request = self.request()
            self.save()
            try:
                answer = self.exchange(request)
            except Problem as problem:
                if problem.code != "cursor_from_elsewhere":
                    raise
                self.state |= {"cursors": {}, "receipts_after": 0}
                continue
            self.apply(request, answer)
            unsent = any(c["outcome"] is None for c in self.pending())
            if not (answer[13] or self.state["repairs"] or unsent):
                return
        raise Refused("it does not come to an end")

    def apply(self, request, answer):
        """Takes an answer as a whole; members it does not know do not disturb it."""
        state = self.state
        registered = {row[0].hex() for row in request[6]}
        state["unregistered"] = [r for r in state["unregistered"] if r[0] not in registered]
        for row in answer[7]:
            state["sessions"][session_text(row[0])] = [row[1], row[2]]
        self.apply_receipts(answer[4])
        repairs = self.apply_deliveries(answer[8], unpack(answer[9]))
        for left in answer[10]:
            state["left"].append([left[0].hex(), left[1]])
        state["cursors"] = {c[1]: [c[0], c[2]] for c in answer[11]}
        state["receipts_after"] = answer[5]
        if 6 in answer:
            state["reference"], state["reference_json"] = answer[6][0], answer[6][1]
        state["repairs"], state["sent"] = sorted(repairs), None
        self.drop_arrived()
        self.save()

    def apply_receipts(self, receipts):
        commands = {command["number"]: command for command in self.state["commands"]}
        entered = set()
        for receipt in receipts:
            for number in range(receipt[0], receipt[1] + 1):
                if number in commands:
                    commands[number]["outcome"] = OUTCOMES[receipt[2]]
                    commands[number]["code"] = receipt.get(3)
                    commands[number]["had"] = receipt[6]
                    entered.discard(number)
                    entered |= {number} if receipt[2] == 0 else set()
        for number, record, kept in self.state["sent"]["changes"]:
            document = self.document(bytes.fromhex(record))
            known = {document.genesis, *document.changes}
            if number in entered and known.issuperset(map(bytes.fromhex, kept[2])):
                document.add(change_of(kept))
                self.keep(document)

    def apply_deliveries(self, deliveries, packs):
        """Gives the records that have to come whole."""
        packs, repairs = iter(packs), set()
        for delivery in deliveries:
            record, name = delivery[0], delivery[0].hex()
            for audience in delivery[2]:
                self.state["sites"][audience] = delivery[1]
            document = Document(record) if delivery[3] else self.document(record)
            try:
                if delivery[4]:
                    packed_record, check, packed = next(packs)
                    if packed_record != record:
                        raise Refused("packs in another order")
                    self.unfold(document, check, packed)
                if document.digest() != delivery[6]:
                    raise Refused("other heads")
            except Refused as refused:
                self.state.setdefault("repaired", []).append([name, str(refused)])
                repairs.add(name)
                continue
            self.keep(document)
            self.state["deliveries"][name] = [delivery[1], delivery[5].hex(), delivery[2]]
        return repairs

    def unfold(self, document, check, packed):
        """Builds the changes of a pack on the document."""
        previous = None
        for told in packed:
            dependencies = told.dependencies
            if dependencies == "previous":
                dependencies = [previous]
            elif dependencies == "genesis":
                dependencies = [document.genesis]
            for key, text in told.facts:
                session = key_parts(key)
                if session[1] and session_text(session[0]) not in self.state["sessions"]:
                    raise Refused("a session row is missing")
                if canonical(json.loads(text)) != text:
                    raise Refused("not_canonical")
            change = document.build(told.session, told.seq, dependencies, told.facts)
            document.add(change)
            previous = change.hash
        if previous[:8] != check:
            raise Refused("check_mismatch")

    def drop_arrived(self):
        """Commands whose facts are in an accepted document are no longer pending."""
        for command in self.pending():
            there = self.document(bytes.fromhex(command["record"])).facts()
            if all(key in there for key, _ in command["facts"]):
                command["arrived"] = True

    def folded(self, record):
        """The record's facts as a list, each behind those it comes after."""
        facts, done, out = self.facts(record), set(), []
        comes_after = self.predecessors(facts)
        while len(out) < len(facts):
            missing = facts.keys() - done
            ready = sorted(key for key in missing if not comes_after[key] & missing)
            if not ready:
                raise Refused("facts come after each other")
            for key in ready:
                done.add(key)
                origin, number, _ = key_parts(key)
                writer = self.state["sessions"].get(session_text(origin)) if number else None
                out.append({"key": key, "by": writer, "fact": json.loads(facts[key])})
        return out


def kept_of(change):
    """A change as the store keeps it: what its bytes follow from."""
    facts = [[key, text.decode()] for key, text in change.facts]
    dependencies = [hash.hex() for hash in change.dependencies]
    return [change.session.hex(), change.seq, dependencies, change.first_operation, facts]


def change_of(kept):
    session, seq, dependencies, first_operation, facts = kept
    facts = [(key, text.encode()) for key, text in facts]
    hashes = [bytes.fromhex(hash) for hash in dependencies]
    return Change(bytes.fromhex(session), seq, hashes, first_operation, facts)
