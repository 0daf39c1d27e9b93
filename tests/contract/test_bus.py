"""What every bus does, in memory and over NATS alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proto.bus.port import Disconnected, Message, NoResponders, RequestTimeout
from tests.contract.stores import Connect
from tests.waiting import eventually


async def test_a_message_reaches_all_who_listen(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    seen: list[tuple[str, Message]] = []
    await a.subscribe("x.*", lambda message: seen.append(("star", message)))
    await b.subscribe("x.>", lambda message: seen.append(("rest", message)))
    await b.subscribe("y", lambda message: seen.append(("other", message)))
    await a.publish("x.1", b"hello", headers={"Sp-A": "1"})
    await eventually(lambda: len(seen) == 2)
    assert sorted(who for who, _ in seen) == ["rest", "star"]
    message = seen[0][1]
    assert (message.subject, message.data, message.reply, dict(message.headers)) == ("x.1", b"hello", "", {"Sp-A": "1"})


async def test_messages_of_one_sender_keep_their_order(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    seen: list[int] = []
    await b.subscribe("x", lambda message: seen.append(int(message.data)))
    for number in range(1000):
        await a.publish("x", str(number).encode())
    await eventually(lambda: len(seen) == 1000)
    assert seen == list(range(1000))


async def test_a_request_gets_the_answer(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    tasks: set[asyncio.Task[None]] = set()

    def answer(message: Message) -> None:
        reply = b.publish(message.reply, message.data.upper(), headers={"Sp-Warning": "one\ntwo"})
        tasks.add(asyncio.ensure_future(reply))

    await b.subscribe("ask", answer)
    answers = await asyncio.gather(*(a.request("ask", f"m{n}".encode(), timeout_s=5) for n in range(50)))
    assert [message.data for message in answers] == [f"M{n}".encode() for n in range(50)]
    assert answers[0].headers["Sp-Warning"] == "one\ntwo"


async def test_a_request_that_nobody_hears_fails_at_once(connect: Connect) -> None:
    a = await connect("a")
    with pytest.raises(NoResponders):
        await asyncio.wait_for(a.request("nobody", timeout_s=30), 2)


async def test_a_publish_with_a_reply_that_nobody_hears_is_told_by_a_503(connect: Connect) -> None:
    a = await connect("a")
    seen: list[Message] = []
    inbox = a.inbox()
    await a.subscribe(inbox, seen.append)
    await a.publish("nobody", b"x", reply=inbox)
    await eventually(lambda: seen)
    assert seen[0].headers["Status"] == "503"


async def test_a_request_that_is_not_answered_times_out(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    await b.subscribe("silent", lambda message: None)
    with pytest.raises(RequestTimeout, match=r"no answer on silent within 0\.05 s"):
        await a.request("silent", timeout_s=0.05)


async def test_a_queue_group_shares_the_messages(connect: Connect) -> None:
    a, b, c = await connect("a"), await connect("b"), await connect("c")
    counts = {"b": 0, "c": 0, "all": 0}

    def count(who: str) -> Callable[[Message], None]:
        def handler(message: Message) -> None:
            counts[who] += 1

        return handler

    await b.subscribe("work", count("b"), queue="workers")
    await c.subscribe("work", count("c"), queue="workers")
    await c.subscribe("work", count("all"))
    for _ in range(200):
        await a.publish("work")
    await eventually(lambda: counts["all"] == 200 and counts["b"] + counts["c"] == 200)
    assert min(counts["b"], counts["c"]) > 20


async def test_after_unsubscribe_nothing_comes(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    seen: list[bytes] = []
    subscription = await b.subscribe("x", lambda message: seen.append(message.data))
    await a.publish("x", b"1")
    await eventually(lambda: seen == [b"1"])
    await subscription.unsubscribe()
    await subscription.unsubscribe()

    async def nobody_hears() -> bool:
        with pytest.raises((NoResponders, RequestTimeout)) as failure:
            await a.request("x", b"2", timeout_s=0.5)
        return failure.type is NoResponders

    await eventually(nobody_hears)


async def test_a_handler_that_raises_harms_nobody(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    a, b = await connect("a"), await connect("b")
    seen: list[bytes] = []

    def handler(message: Message) -> None:
        seen.append(message.data)
        raise RuntimeError("a bug")

    await b.subscribe("x", handler)
    await a.publish("x", b"1")
    await a.publish("x", b"2")
    await eventually(lambda: seen == [b"1", b"2"])
    assert caplog.text.count("handler_raised subject=x") == 2


async def test_too_large_a_message_is_not_sent(connect: Connect) -> None:
    a = await connect("a")
    with pytest.raises(Disconnected, match=r"a message of \d+ bytes is over the \d+"):
        await a.publish("x", b"\0" * (a.max_payload_bytes + 1))
    await a.publish("x", b"\0" * a.max_payload_bytes)
    assert a.connected


@pytest.mark.parametrize("subject", ["", "a b", "a..b", "a.>.b"])
async def test_a_bad_subject_is_refused(connect: Connect, subject: str) -> None:
    a = await connect("a")
    with pytest.raises(ValueError, match="bad subject"):
        await a.subscribe(subject, lambda message: None)


async def test_inboxes_are_ones_own(connect: Connect) -> None:
    a, b = await connect("a"), await connect("b")
    inboxes = {bus.inbox() for bus in (a, b) for _ in range(10)}
    assert len(inboxes) == 20


async def test_after_close_everything_says_so(connect: Connect) -> None:
    a = await connect("a")
    await a.close()
    await a.close()
    assert not a.connected
    with pytest.raises(Disconnected, match="the bus is closed"):
        await a.publish("x")
    with pytest.raises(Disconnected):
        await a.request("x", timeout_s=1)
    with pytest.raises(Disconnected):
        await a.subscribe("x", lambda message: None)
