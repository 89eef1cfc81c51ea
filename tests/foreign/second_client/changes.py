"""Ids, changes and fact packs of Fieldbook's protocol: sections 1, 2, 4 and 5 of docs/protocol.md.

Written from that page alone. Bytes in, bytes out: no clock, no store, no network.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field

GENESIS_HEAD = bytes.fromhex(
    "00" "10" "ff000000000000000000000000000000" "01" "01" "00" "00" "00"
    "06" "150a" "3401" "4203" "5604" "5716" "7002"
    "7e" "02" "6964" "05" "6661637473" "02" "7e0100" "7ee60200"
)
GENESIS_TAIL = bytes.fromhex("0200")
OTHER_ACTOR = bytes.fromhex("0110ff000000000000000000000000000000")
COLUMNS = (0x01, 0x02, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70)


class Refused(Exception):
    """Bytes that the protocol says to refuse."""


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text):
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(raw) != text:
        raise Refused("another spelling of base64url")
    return raw


def session_text(session):
    return base64.b32encode(session).rstrip(b"=").decode().lower()


def session_bytes(text):
    raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if session_text(raw) != text or len(raw) != 8:
        raise Refused("no session")
    return raw


def written_key(session, number, index):
    return f"{session_text(session)}.{number}.{index}"


def derived_key(cause, index):
    return f"~{base64url(cause)}.{index}"


def key_parts(key):
    """(session or cause, number or None, index) of a fact's key."""
    if key.startswith("~"):
        cause, index = key[1:].split(".")
        return from_base64url(cause), None, int(index)
    session, number, index = key.split(".")
    return session_bytes(session), int(number), int(index)


def canonical(value):
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def record_id(kind, site, origin):
    return hashlib.sha256(canonical({"from": origin, "kind": kind, "site": site})).digest()[:16]


def unsigned(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def signed(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        ends = value == (-1 if low & 0x40 else 0)
        out.append(low | (0 if ends else 0x80))
        if ends:
            return bytes(out)


def runs(values):
    """Run-length coded numbers of a column."""
    out, literal, at = b"", [], 0

    def flushed():
        coded = signed(-len(literal)) + b"".join(map(unsigned, literal)) if literal else b""
        literal.clear()
        return coded

    while at < len(values):
        end = at
        while end < len(values) and values[end] == values[at]:
            end += 1
        if end - at == 1:
            literal.append(values[at])
        else:
            out += flushed() + signed(end - at) + unsigned(values[at])
        at = end
    return out + flushed()


def chunk(body):
    """A chunk and its hash."""
    hashed = b"\x01" + unsigned(len(body)) + body
    digest = hashlib.sha256(hashed).digest()
    return b"\x85\x6f\x4a\x83" + digest[:4] + hashed, digest


def genesis(record):
    return chunk(GENESIS_HEAD + base64url(record).encode() + GENESIS_TAIL)


@dataclass
class Change:
    """One command's facts, with the bytes that follow from them."""

    session: bytes
    seq: int
    dependencies: list
    first_operation: int
    facts: list  # of (key, JSON's bytes)
    bytes: bytes = b""
    hash: bytes = b""

    def __post_init__(self):
        count = len(self.facts)
        keys = [key.encode() for key, _ in self.facts]
        columns = (
            runs([1] * count),
            runs([2] * count),
            signed(-count) + b"".join(unsigned(len(key)) + key for key in keys),
            unsigned(count),
            runs([1] * count),
            runs([len(text) * 16 + 6 for _, text in self.facts]),
            b"".join(text for _, text in self.facts),
            runs([0] * count),
        )
        self.dependencies = sorted(self.dependencies)
        body = unsigned(len(self.dependencies)) + b"".join(self.dependencies)
        body += b"\x08" + self.session + unsigned(self.seq) + unsigned(self.first_operation)
        body += b"\x00\x00" + OTHER_ACTOR + unsigned(len(columns))
        body += b"".join(unsigned(s) + unsigned(len(c)) for s, c in zip(COLUMNS, columns))
        self.bytes, self.hash = chunk(body + b"".join(columns))

    @property
    def last_operation(self):
        return self.first_operation + len(self.facts) - 1


@dataclass
class Document:
    """The changes of one record."""

    record: bytes
    changes: dict = field(default_factory=dict)

    def __post_init__(self):
        self.genesis = genesis(self.record)[1]

    def heads(self):
        needed = {hash for change in self.changes.values() for hash in change.dependencies}
        return sorted(set(self.changes) - needed) or [self.genesis]

    def digest(self):
        return hashlib.sha256(b"".join(self.heads())).digest()[:8]

    def build(self, session, seq, dependencies, facts):
        """The change, not yet part of the document; its dependencies have to be."""
        last = 0
        for hash in dependencies:
            if hash != self.genesis and hash not in self.changes:
                raise Refused("missing_dependency")
            last = max(last, 2 if hash == self.genesis else self.changes[hash].last_operation)
        return Change(session, seq, dependencies, last + 1, facts)

    def add(self, change):
        self.changes[change.hash] = change

    def facts(self):
        return {key: text for change in self.changes.values() for key, text in change.facts}


@dataclass
class Packed:
    """A change as a pack tells it: `dependencies` are "previous", "genesis" or hashes."""

    session: bytes
    seq: int
    dependencies: object
    facts: list


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        if self.at > len(self.data):
            raise Refused("a column is too short")
        return self.data[self.at - count : self.at]

    def number(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if value >= 2**64 or (byte == 0 and shift > 7):
            raise Refused("not the shortest varint")
        return value

    def until(self, end):
        stop = self.data.find(end, self.at)
        if stop < 0:
            raise Refused("a text does not end")
        return self.take(stop + 1 - self.at)[:-1]

    def ended(self):
        return self.at == len(self.data)


def zigzag(value):
    return value * 2 if value >= 0 else -value * 2 - 1


def zagzig(value):
    return value >> 1 if value & 1 == 0 else -(value + 1 >> 1)


class Expected:
    """What both ends of a pack expect of the next key."""

    def __init__(self):
        self.session, self.last_number = None, {}

    def begin_change(self, new_actor):
        self.before = None
        if new_actor is not None:
            self.session = new_actor

    def written(self, session):
        if self.before and self.before[1] is not None and self.before[0] == session:
            return self.before[1], self.before[2] + 1
        return self.last_number.get(session, 0) + 1, 0

    def derived(self):
        if self.before and self.before[1] is None:
            return self.before[0], self.before[2] + 1
        return None, 0

    def came(self, parts):
        self.before = parts
        if parts[1] is not None:
            self.session = parts[0]
            self.last_number[parts[0]] = parts[1]


def unpack(data):
    """[(record, check, [Packed])] of a byte string of packs; nothing is built yet."""
    if not data:
        return []
    if data[0] != 1:
        raise Refused("an unknown version of packs")
    whole = Reader(data[1:])
    columns = [Reader(whole.take(whole.number())) for _ in range(8)]
    records, actors, causes, hashes, numbers, changes, facts, texts = columns
    actors = [actors.take(8) for _ in range(len(actors.data) // 8)]
    columns[1].at = len(actors) * 8
    expected, packs, actor = Expected(), [], None

    def fact():
        byte = facts.take(1)[0]
        if byte & 1:
            cause, index = expected.derived()
            if byte & 2:
                cause, index = causes.take(16), 0
            index = numbers.number() if byte & 8 else index
            parts = cause, None, index
            key = derived_key(cause, index)
        else:
            session = actors[numbers.number()] if byte & 2 else expected.session
            number, index = expected.written(session)
            if byte & 4:
                number, index = number + zagzig(numbers.number()), 0
            index = numbers.number() if byte & 8 else index
            parts = session, number, index
            key = written_key(session, number, index)
        expected.came(parts)
        return key, texts.until(b"\xff")

    while not records.ended():
        record, check = records.take(16), records.take(8)
        packed, last_seq = [], {}
        for _ in range(numbers.number()):
            byte = changes.take(1)[0]
            dependencies = ("previous", "genesis", None)[byte & 3]
            if dependencies is None:
                dependencies = [hashes.take(32) for _ in range(numbers.number())]
            new_actor = actors[numbers.number()] if byte & 4 else None
            actor = new_actor or actor
            seq = numbers.number() if byte & 8 else last_seq.get(actor, 0) + 1
            last_seq[actor] = seq
            count = numbers.number() if byte & 16 else 1
            expected.begin_change(new_actor)
            packed.append(Packed(actor, seq, dependencies, [fact() for _ in range(count)]))
        packs.append((record, check, packed))
    if not whole.ended() or not all(column.ended() for column in columns):
        raise Refused("bytes nobody asked for")
    return packs


def pack(records):
    """The byte string of packs for [(Document's id, its changes to send)]."""
    if not records:
        return b""
    columns = [bytearray() for _ in range(8)]
    ids, actor_column, causes, hashes, numbers, changes, facts, texts = columns
    actors, expected, actor = {}, Expected(), None

    def number(value):
        numbers.extend(unsigned(value))

    def index_of(session):
        if session not in actors:
            actors[session] = len(actors)
            actor_column.extend(session)
        return actors[session]

    def fact(key, text):
        parts = key_parts(key)
        byte, wanted = 0, []
        if parts[1] is None:
            cause, index = expected.derived()
            byte = 1
            if cause != parts[0]:
                byte, index = byte | 2, 0
                causes.extend(parts[0])
        else:
            if parts[0] != expected.session:
                byte |= 2
                wanted.append(index_of(parts[0]))
            expected_number, index = expected.written(parts[0])
            if expected_number != parts[1]:
                byte, index = byte | 4, 0
                wanted.append(zigzag(parts[1] - expected_number))
        if index != parts[2]:
            byte |= 8
            wanted.append(parts[2])
        facts.append(byte)
        for value in wanted:
            number(value)
        texts.extend(text + b"\xff")
        expected.came(parts)

    for record, sent in records:
        ids.extend(record + sent[-1].hash[:8])
        number(len(sent))
        previous, last_seq, first = None, {}, genesis(record)[1]
        for change in sent:
            byte, wanted = 2, []
            if change.dependencies == [previous]:
                byte = 0
            elif change.dependencies == [first]:
                byte = 1
            else:
                wanted.append(len(change.dependencies))
                hashes.extend(b"".join(change.dependencies))
            new_actor = change.session if change.session != actor else None
            if new_actor:
                byte |= 4
                wanted.append(index_of(new_actor))
            if change.seq != last_seq.get(change.session, 0) + 1:
                byte |= 8
                wanted.append(change.seq)
            if len(change.facts) != 1:
                byte |= 16
                wanted.append(len(change.facts))
            changes.append(byte)
            for value in wanted:
                number(value)
            expected.begin_change(new_actor)
            for key, text in change.facts:
                fact(key, text)
            previous, actor = change.hash, change.session
            last_seq[change.session] = change.seq
    return b"\x01" + b"".join(unsigned(len(column)) + bytes(column) for column in columns)
