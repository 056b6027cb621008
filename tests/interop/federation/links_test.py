"""Links to prosody that go both ways on one stream (XEP-0288), whoever opened it; and links whose connections are cut under
traffic, with acknowledgements (XEP-0198): what was written to a connection that died gets there all the same.
Usage: links_test.py CARILLOND CARILLONCTL"""
import asyncio
import functools
import pathlib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from people import Client, until
from servers import HERE, OURS, THEIRS, Carillon, Prosody, in_namespace, serve_names, trial

THERE = "prosody.example"
PROXY_PORT = 5369
CUTS = 6


class Proxy:
    """Passes streams on to port 5269 of the same address, until they are cut: then what is under way is swallowed for a
    while, as on a line that died, and at last both ends are reset."""

    def __init__(self, address):
        self.address, self.streams, self.cuts = address, [], 0

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, self.address, PROXY_PORT)
        return self

    async def serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(self.address, 5269)
        except OSError:
            return writer.transport.abort()
        stream = {"ends": (writer, far_writer), "dead": False}
        self.streams.append(stream)
        await asyncio.gather(self.pump(stream, reader, far_writer), self.pump(stream, far_reader, writer), return_exceptions=True)
        self.streams.remove(stream)
        for end in stream["ends"]:
            end.close()

    @staticmethod
    async def pump(stream, reader, writer):
        try:
            while data := await reader.read(65536):
                if not stream["dead"]:
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def cut(self):
        victims = list(self.streams)
        for stream in victims:
            stream["dead"] = True
        await asyncio.sleep(0.3)
        for stream in victims:
            self.cuts += 1
            for end in stream["ends"]:
                sock = end.get_extra_info("socket")
                if sock and sock.fileno() >= 0:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()


async def people():
    return await Client(f"alice@{HERE}/desk").online(), await Client(f"bob@{THERE}/phone").online()


async def say(sender, receiver, words):
    for word in words:
        sender.send_message(receiver.boundjid.full, word, mtype="chat")
    await until(lambda: {("chat", word) for word in words} <= set(receiver.bodies), f"{words} of {sender.boundjid}: {sender.errors}")


def both_ways(names, opener):
    """`opener` speaks first, so that its server opens the stream; the other one answers on it and asks the DNS for nothing."""

    async def talk():
        alice, bob = await people()
        first, second = (alice, bob) if opener == HERE else (bob, alice)
        await say(first, second, ["first"])
        await say(second, first, [f"answer {n}" for n in range(20)])
        await say(first, second, [f"more {n}" for n in range(20)])
        alice.send_presence_subscription(f"bob@{THERE}")
        await until(lambda: f"bob@{THERE}/phone" in alice.seen and f"alice@{HERE}/desk" in bob.seen, "presence both ways")
        for client in (alice, bob):
            await client.disconnect()

    def run(carillon, _):
        names.asked.clear()
        asyncio.run(asyncio.wait_for(talk(), 60))
        asked = {name for name, kind in names.asked if kind == 33}
        answerer = THERE if opener == HERE else HERE
        assert f"_xmpp-server._tcp.{answerer}" in asked, asked
        assert f"_xmpp-server._tcp.{opener}" not in asked, f"the other server opened a stream of its own: {asked}"
        log = carillon.log_text()
        if opener == HERE:
            assert f"link open from={HERE} to={THERE} secure=true verified=true both_ways=true acks=true" in log, "how our link was opened"
        else:
            assert f"stream goes both ways local={HERE} remote={THERE}" in log and "link goes back on their stream" in log, "their stream"
        print(f"both ways on a stream that {opener} opened: passed", flush=True)

    return run


async def cut_and_count(carillon):
    proxies = [await Proxy(address).listen() for address in (OURS, THEIRS)]
    alice, bob = await people()
    said = {alice: [], bob: []}

    async def chat(sender, receiver, name):
        for number in range(60 * CUTS):
            said[sender].append(f"{name} {number}")
            sender.send_message(receiver.boundjid.full, said[sender][-1], mtype="chat")
            await asyncio.sleep(0.02)

    async def cutter():
        for _ in range(CUTS):
            await asyncio.sleep(0.9)
            for proxy in proxies:
                await proxy.cut()

    await say(alice, bob, ["hello"])
    await say(bob, alice, ["hello"])
    await asyncio.gather(chat(alice, bob, "a"), chat(bob, alice, "b"), cutter())
    cuts = sum(proxy.cuts for proxy in proxies)
    assert cuts >= CUTS, cuts
    for sender, receiver in ((alice, bob), (bob, alice)):
        words = {("chat", word) for word in said[sender]}
        await until(lambda: words <= set(receiver.bodies), f"lost from {sender.boundjid}", 60)
        heard = [body for _, body in receiver.bodies if body != "hello"]
        print(f"{cuts} cuts: {len(words)} messages of {sender.boundjid.bare} all arrived, {len(heard) - len(words)} of them twice", flush=True)
    assert not alice.errors and not bob.errors, (alice.errors, bob.errors)
    for client in (alice, bob):
        await client.disconnect()
    # Without acknowledgements none of the cuts would have been made good.
    assert f"link open from={HERE} to={THERE} secure=true verified=true both_ways=false acks=true" in carillon.log_text()


def main(words):
    names = serve_names("prosody", PROXY_PORT if words[2] == "cuts" else 5269)
    carillon = lambda folder, **more: Carillon(folder, words[:2], **more)  # noqa: E731
    if words[2] == "bidi":
        for opener in (HERE, THERE):
            trial(carillon, functools.partial(Prosody, modules='"s2s_bidi"; "smacks";'), True, both_ways(names, opener))
        return
    carillon = lambda folder, **more: Carillon(folder, words[:2], federation="bidirectional = false", **more)  # noqa: E731
    trial(carillon, functools.partial(Prosody, modules='"smacks";', more="smacks_s2s_resend = true"), True,
          lambda server, _: asyncio.run(asyncio.wait_for(cut_and_count(server), 150)))


if __name__ == "__main__":
    in_namespace(__file__, main)
