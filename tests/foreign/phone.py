"""A phone in Python: the generated bindings used as an app would, one act of a day at a time.

Run by tests/foreign/main.rs as `phone.py ACT`, with the act's input as JSON on standard input.
Prints one line of JSON for the test to compare with the office; any surprise is a traceback.
"""

import asyncio
import json
import os
import signal
import sys

import fieldbook_mobile as fieldbook
from fieldbook_mobile import ApiError, Pause, Phone

KEY = bytes(range(32))
APP = "foreign-test/1"
STROKES = {
    "width": 1000,
    "height": 400,
    "strokes": [[[120, 90], [180, 110], [150, 300]], [[220, 80], [400, 100], [300, 320]]],
}


async def throws(kind, call):
    """The error that the call has to throw."""
    try:
        answer = await call
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} expected, answered {answer!r}")


async def opened(given, key=KEY):
    return await Phone.open(given["store"], key, given["url"], APP)


def step(name, /, **content):
    fact = {"t": name, "p": content} if content else {"t": name}
    return json.dumps({"command": "record", "fact": fact})


def counts(account):
    names = ("saved", "accepted", "held", "refused", "on_phone")
    return {name: getattr(account, name) for name in names}


async def stores(given):
    """What can go wrong at opening."""
    error = await throws(ApiError.BadInput, opened(given, KEY[:31]))
    assert error.reason == "the key has not 32 bytes", error.reason
    await throws(ApiError.KeyUnavailable, opened(given, b""))
    phone = await opened(given)
    await throws(ApiError.StoreInUse, opened(given))
    await phone.close()
    await throws(ApiError.WrongKey, opened(given, bytes(32)))
    for call in (phone.list(), phone.sync(), phone.account(), phone.set_airplane(True)):
        await throws(ApiError.Closed, call)
    await phone.close()


async def enrols(given, phone):
    """Before anybody enrolled, and what can go wrong at enrolling."""
    assert await phone.identity() is None
    assert await phone.list() == []
    assert counts(await phone.account())["saved"] == 0
    for call in (phone.sync(), phone.refused(), phone.perform(step("received"), "A" * 22)):
        error = await throws(ApiError.SignInAgain, call)
        assert error.code == "not_enrolled", error.code
    error = await throws(ApiError.Answered, phone.enrol("ABCD-EFGH-JKLM", "pad"))
    assert error.code == "wrong_code", error.code
    words = fieldbook.code_words("en", "problem", error.code, error.params)
    assert words not in ("", "problem-wrong-code"), words
    person = await phone.enrol(given["code"], "pad", given["installation"])
    identity = await phone.identity()
    assert person == identity.person == given["person"], identity
    assert identity.person_name == given["person_name"], identity
    assert identity.installation == given["installation"], identity
    await throws(ApiError.Answered, phone.enrol(given["code"], "pad"))
    return identity


async def other_installation(given):
    """A code of one server and the fingerprint of another."""
    phone = await Phone.open(given["store"] + ".other", KEY, given["url"], APP)
    call = phone.enrol(given["other_code"], "pad", "0000 0000")
    await throws(ApiError.UnexpectedAnswer, call)
    assert await phone.identity() is None
    await phone.close()


async def receives(given, phone):
    """The order that the desk assigned arrives."""
    report = await phone.sync()
    assert (report.pushed, report.refused, report.more, report.re_enrol) == (0, 0, False, False)
    assert report.received >= 1, report
    listed = {item.record: item for item in await phone.list()}
    item = listed[given["order"]]
    assert item.present and item.pending == 0
    projection = json.loads(item.projection_json)
    assert projection["title"] == given["description"], projection
    assert projection["assignee"] == given["person"], projection
    review = json.loads(await phone.review(given["order"]))
    assert review["fields"]["description"]["value"] == given["description"], review
    assert await phone.review("A" * 22) is None
    assert json.loads(await phone.inbox())[0]["kind"] == "assigned"
    assert json.loads(await phone.rounds("2026-03-02")) == []
    assert [item.record for item in await phone.open_at("3-2-1501")] == [given["order"]]
    assert fieldbook.local_time(0, "Asia/Shanghai") == "1970-01-01 08:00"
    assert len(fieldbook.new_store_key()) == 32
    reference = json.loads(await phone.reference())
    assert reference["people"][str(given["person"])] == given["person_name"], reference
    assert [grant["role"] for grant in reference["grants"]] == ["technician"], reference


async def denied(given, phone):
    """Rules that say no, and input that is none; nothing of it is saved."""
    order = given["order"]
    error = await throws(ApiError.Denied, phone.perform(step("closed"), order))
    assert (error.code, error.params) == ("not_your_role", {"fact": "closed"}), error
    assert fieldbook.code_words("en", "denial", error.code) == "Your role may not do this"
    note = json.dumps({"command": "note", "text": "x" * 1001})
    error = await throws(ApiError.Denied, phone.perform(note, order))
    assert (error.code, error.params["limit"]) == ("text_too_long", "1000"), error
    for language in ("en", "zh-CN"):
        words = fieldbook.code_words(language, "denial", error.code, error.params)
        assert "1000" in words, words
        assert fieldbook.words(language, "denial-text-too-long", error.params) == words
    error = await throws(ApiError.Denied, phone.perform(step("received"), "A" * 22))
    assert error.code == "record_not_here", error.code
    error = await throws(ApiError.Denied, phone.statement(order, given["visit_of_nobody"], "en"))
    assert error.code == "no_such_fact", error.code
    for call in (
        phone.perform("{", order),
        phone.perform(json.dumps({"command": "fly"}), order),
        phone.perform(step("set_out", grade="two"), order),
        phone.perform(step("received"), "no record"),
        phone.review("no record"),
        phone.statement(order, "no visit", "en"),
        phone.statement(order, given["visit_of_nobody"], "fr"),
    ):
        await throws(ApiError.BadInput, call)
    try:
        raise AssertionError(fieldbook.words("fr", "denial-text-empty"))
    except ApiError.BadInput:
        pass
    assert counts(await phone.account())["saved"] == 0


async def visit(given, phone):
    """A whole visit, from signing for the order to the farewell, without signal."""
    order = given["order"]
    performed = []

    async def does(name, /, **content):
        done = await phone.perform(step(name, **content), order)
        assert done.record == order and done.number == len(performed) + 1, done
        performed.append(name)
        return done.key

    await does("received")
    of = {"visit": await does("set_out", grade=2)}
    prepared = ("appearance", "tools", "materials", "instructions_acknowledged", "trained")
    await does("prepare", **of, **dict.fromkeys(prepared, True))
    for name in ("ring", "ring", "introduce", "enter", "shoe_covers"):
        await does(name, **of)
    items = [{"name": "更换角阀", "amount_fen": 12000}]
    quote = await does("quoted", **of, amount_fen=12000, items=items)
    await does("quote_accepted", quote=quote)
    await does("start_work", **of)
    photo = {"size_bytes": 2400000, "media_type": "image/jpeg"}
    await does("photo", **of, **photo, sha256="a" * 64, moment="before")
    line = {"quantity_milli": 1500, "unit": "卷", "unit_price_fen": 200}
    await does("material", **of, **line, name="生料带")
    wrong = await does("material", **of, **line, name="胶")
    await does("material_removed", **of, material=wrong)
    await does("paused", **of, reason="等客户关总阀")
    await does("resumed", **of)
    await does("finish_work", **of)
    await does("photo", **of, **photo, sha256="b" * 64, moment="after")
    await does("advice", **of, text=given["text"])
    await does("tidy", **of, equipment_wiped=True, floor_clean=True, tools_counted=True)
    await does("explain", **of, cause=True, care=True, correct_use=True)
    await does("charged", **of, amount_fen=12000, method="qr_code")
    statement = await signs(phone, order, of["visit"])
    performed.append("signed")
    await does("farewell", **of)
    return performed, statement, of["visit"]


async def signs(phone, order, of_visit):
    english = await phone.statement(order, of_visit, "en")
    statement = await phone.statement(order, of_visit, "zh-CN")
    assert statement.template == "visit/1/zh-CN", statement.template
    assert "生料带" in statement.text, statement.text
    assert english.text_sha256 != statement.text_sha256
    sign = {
        "command": "sign",
        "visit": of_visit,
        "language": "zh-CN",
        "strokes": STROKES,
        "relation": "owner",
        "ratings": {"quality": 5, "attitude": 5, "conduct": 4},
    }
    dot = dict(sign, strokes=dict(STROKES, strokes=[[[1, 1]]]))
    error = await throws(ApiError.Denied, phone.perform(json.dumps(dot), order))
    assert error.code == "not_a_drawing", error.code
    await phone.perform(json.dumps(sign), order)
    return statement


async def act_visit(given):
    await stores(given)
    await other_installation(given)
    phone = await opened(given)
    identity = await enrols(given, phone)
    await receives(given, phone)
    await denied(given, phone)

    await phone.set_airplane(True)
    assert await phone.paused() == Pause.AIRPLANE
    assert await phone.next_sync_delay_ms() is None
    assert await phone.sync_if_due() is None
    await throws(ApiError.Offline, phone.sync())
    performed, statement, of_visit = await visit(given, phone)
    note = json.dumps({"command": "note", "text": given["text"]})
    await phone.perform(note, given["order"])
    performed.append("note")
    saved = len(performed)
    on_phone = {"saved": saved, "accepted": 0, "held": 0, "refused": 0, "on_phone": saved}
    assert counts(await phone.account()) == on_phone

    outbox = await phone.outbox()
    assert [command.number for command in outbox.commands] == list(range(1, saved + 1))
    facts = json.loads(outbox.commands[-1].facts_json)
    assert [json.loads(fact)["p"]["text"] for fact in facts.values()] == [given["text"]]
    assert len(outbox.sessions) == 1, outbox

    # Killed or closed in between: what was saved is there.
    await phone.close()
    phone = await opened(given)
    assert counts(await phone.account()) == on_phone
    assert [item.pending for item in await phone.list()] == [saved]
    report = await phone.sync()
    assert (report.pushed, report.refused) == (saved, 0), report
    assert await phone.refused() == []
    assert [item.pending for item in await phone.list()] == [0]
    assert await phone.paused() is None
    delay_ms = await phone.next_sync_delay_ms()
    assert delay_ms is None or delay_ms >= 0, delay_ms
    account = counts(await phone.account())
    await phone.close()
    return {
        "account": account,
        "device": identity.device,
        "performed": performed,
        "text_sha256": statement.text_sha256,
        "visit": of_visit,
    }


async def act_offline(given):
    """The server is gone: a command is saved all the same."""
    phone = await opened(given)
    note = json.dumps({"command": "note", "text": given["text"]})
    await phone.perform(note, given["order"])
    error = await throws(ApiError.Offline, phone.sync())
    assert error.reason, error
    assert await phone.next_sync_delay_ms() > 0
    assert await phone.sync_if_due() is None, "it is not time yet"
    account = counts(await phone.account())
    await phone.close()
    return {"account": account}


async def act_again(given):
    """The server is back, at another address: what was saved goes out."""
    phone = await opened(given)
    report = await phone.sync()
    assert (report.pushed, report.refused) == (1, 0), report
    account = counts(await phone.account())
    await phone.close()
    return {"account": account}


async def act_half_a_signing(given):
    """A signing is begun and the process is killed in the middle of it."""
    phone = await opened(given)
    await phone.enrol(given["code"], "pad", given["installation"])
    await phone.sync()
    order = given["order"]
    done = await phone.perform(step("set_out", grade=2), order)
    of = {"visit": done.key}
    await phone.perform(step("start_work", **of), order)
    await phone.perform(step("finish_work", **of), order)
    assert await phone.resume_signing() is None
    error = await throws(ApiError.Denied, phone.add_strokes("[[[1, 1]]]"))
    assert error.code == "no_such_fact", error.code
    shown = await phone.begin_signing(order, done.key, "zh-CN", 1000, 400)
    assert shown.template == "visit/1/zh-CN", shown
    await throws(ApiError.BadInput, phone.add_strokes("{"))
    outside = await throws(ApiError.Denied, phone.add_strokes("[[[1001, 1]]]"))
    assert outside.code == "not_a_drawing", outside.code
    await phone.add_strokes(json.dumps(STROKES["strokes"][:1]))
    os.kill(os.getpid(), signal.SIGKILL)


async def act_rest_of_a_signing(given):
    """It goes on where it was, and only now the order is signed."""
    phone = await opened(given)
    order = given["order"]

    async def signed():
        review = json.loads(await phone.review(order))
        return [entry for entry in review["timeline"] if entry["fact_type"] == "signed"]

    signing = await phone.resume_signing()
    assert json.loads(signing.strokes_json) == STROKES["strokes"][:1], signing.strokes_json
    assert (signing.width, signing.height, signing.changed) == (1000, 400, False)
    assert signing.record == order and signing.language == "zh-CN"
    assert await signed() == []
    ratings = json.dumps({"quality": 5, "attitude": 5, "conduct": 4})
    error = await throws(ApiError.BadInput, phone.sign("neighbour", ratings))
    assert error.reason, error
    await phone.add_strokes(json.dumps(STROKES["strokes"][1:]))
    await phone.sign("owner", ratings)
    assert len(await signed()) == 1
    assert await phone.resume_signing() is None
    error = await throws(ApiError.Denied, phone.sign("owner", ratings))
    assert error.code == "no_such_fact", error.code
    report = await phone.sync()
    assert report.refused == 0, report
    assert await phone.lost() == []
    await phone.close()
    assert await fieldbook.salvage_store(given["store"], KEY) is None
    await throws(ApiError.KeyUnavailable, fieldbook.salvage_store(given["store"], b""))
    return {"text_sha256": signing.statement.text_sha256}


async def act_salvage(given):
    """The file's beginning was overwritten: it is salvaged, and nothing is lost."""
    phone = await opened(given)
    await phone.perform(json.dumps({"command": "note", "text": given["text"]}), given["order"])
    await phone.close()
    with open(given["store"], "r+b") as store:
        store.write(bytes(100))
    error = await throws(ApiError.StoreDamaged, opened(given))
    assert error.code == "header_damaged", error.code
    assert fieldbook.code_words("en", "store", error.code) != error.code
    await throws(ApiError.WrongKey, fieldbook.salvage_store(given["store"], bytes(32)))
    salvaged = await fieldbook.salvage_store(given["store"], KEY)
    assert (salvaged.pending, salvaged.lost, salvaged.re_enrol) == (1, [], []), salvaged
    assert os.path.exists(salvaged.damaged), salvaged
    phone = await opened(given)
    report = await phone.sync()
    assert (report.pushed, report.refused) == (1, 0), report
    account = counts(await phone.account())
    await phone.close()
    return {"account": account}


def main():
    acts = {
        "visit": act_visit,
        "offline": act_offline,
        "again": act_again,
        "half_a_signing": act_half_a_signing,
        "rest_of_a_signing": act_rest_of_a_signing,
        "salvage": act_salvage,
    }
    given = json.loads(sys.stdin.read())
    print(json.dumps(asyncio.run(acts[sys.argv[1]](given))), flush=True)
    # A thread of the library may still tell the event loop that something is done. Python ends
    # such a thread in the middle of the library's code when it shuts down, which aborts the
    # process after all work is done; so it is left without a shutdown.
    os._exit(0)


main()
