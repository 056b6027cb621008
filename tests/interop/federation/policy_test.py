"""What is different for one domain: rates, sizes, streams, queues, dialback, TLS; and what both ways and acks must not become:
a door. The other side is mini.py, on loopback.
Usage: policy_test.py FOLDER_OF_PROGRAMS    (with CARILLON_SOAK set, also what takes minutes)"""
import asyncio
import os
import pathlib
import ssl
import sys
import tempfile
import time

import slixmpp

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "calls"), str(HERE)]
from mini import Mini, Stream, certificate  # noqa: E402
from server import DOMAIN, Server, free_port  # noqa: E402

ROMEO = f"romeo@{DOMAIN}/desk"


class User(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(ROMEO, "romeo-secret")
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.register_plugin("xep_0199")
        self.ready, self.bodies, self.errors = asyncio.Event(), [], []
        self.add_event_handler("session_start", lambda _: (self.send_presence(), self.ready.set()))
        self.add_event_handler("message", lambda m: self.bodies.append(m["body"]) if m["body"] else None)
        self.add_event_handler("message_error", lambda m: self.errors.append(m["error"]["condition"]))

    async def hears(self, body, seconds=20):
        end = time.monotonic() + seconds
        while body not in self.bodies:
            assert time.monotonic() < end, f"{body} among {self.bodies[-3:]}, {self.errors}"
            await asyncio.sleep(0.05)


class Trial:
    def __init__(self, server, mini, ports, romeo):
        self.server, self.mini, (self.plain_port, self.tls_port), self.romeo = server, mini, ports, romeo

    async def stream(self, domain, tls=True, **more):
        return await Stream(domain, DOMAIN).open(self.tls_port if tls else self.plain_port, tls, **more)

    async def proved(self, domain):
        return await (await self.stream(domain)).prove()

    async def test_any_domain_proves_itself_by_dialback(self):
        stream = await self.proved("any.example")
        stream.message(ROMEO, "hello")
        await self.romeo.hears("hello")
        stream.message(ROMEO, "x" * 20_000)
        await self.romeo.hears("x" * 20_000)
        stream.message(ROMEO, "forged", source="bob@other.example")
        await stream.hears("<invalid-from ")

    async def test_a_domain_is_read_at_its_rate(self):
        stream = await self.proved("slow.example")
        other = await self.proved("sub.slow.example")  # under the same rules, with a meter of its own
        begun = time.monotonic()
        for number in range(400):
            stream.message(ROMEO, f"slow {number}")
        other.message(ROMEO, "quick")
        await self.romeo.hears("quick")
        await self.romeo["xep_0199"].ping(DOMAIN)
        assert "slow 399" not in self.romeo.bodies, "it was not slowed down"
        await self.romeo.hears("slow 399", 40)
        heard = [body for body in self.romeo.bodies if body.startswith("slow")]
        assert heard == [f"slow {n}" for n in range(400)], heard[:5]
        assert time.monotonic() - begun > 3, "200 at once, then 50 a second"

    async def test_a_domain_has_its_longest_stanza(self):
        stream = await self.proved("small.example")
        stream.message(ROMEO, "small enough")
        await self.romeo.hears("small enough")
        stream.message(ROMEO, "x" * 20_000)
        await stream.hears("<policy-violation ")

    async def test_a_domain_has_so_many_streams(self):
        first = await self.proved("one.example")
        await (await self.stream("one.example")).prove("<resource-constraint ")
        first.message(ROMEO, "the first one still works")
        await self.romeo.hears("the first one still works")
        first.close()
        for _ in range(50):  # until its end has been noticed
            again = await (await self.stream("one.example")).prove("type='")
            if "type='valid'" in again.said:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(again.said)

    async def test_dialback_may_be_too_little(self):
        stream = await self.stream("strict.example")
        assert "urn:xmpp:features:dialback" not in stream.said, stream.said
        await stream.prove("<not-authorized ")
        stream.message(ROMEO, "unproved")
        await stream.hears("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'")

    async def test_plain_text_where_it_was_allowed(self):
        stream = await self.stream("plain.example", tls=False)
        assert "<required/>" not in stream.said, stream.said
        await stream.prove()
        stream.message(ROMEO, "in clear")
        await self.romeo.hears("in clear")
        self.romeo.send_message("bob@plain.example", "back in clear", mtype="chat")
        await self.mini_hears("back in clear")
        other = await self.stream("any.example", tls=False)
        assert "<required/>" in other.said, other.said
        await other.prove("<policy-violation ")

    async def test_a_queue_that_is_full_bounces(self):
        self.romeo.errors.clear()
        for number in range(12):
            self.romeo.send_message("bob@full.example", f"full {number}", mtype="chat")
        end = time.monotonic() + 20
        while len(self.romeo.errors) < 12:
            assert time.monotonic() < end, self.romeo.errors
            await asyncio.sleep(0.05)
        assert self.romeo.errors == ["resource-constraint"] * 7 + ["remote-server-timeout"] * 5, self.romeo.errors

    async def test_stanzas_come_back_on_a_stream_that_goes_both_ways(self):
        stream = await self.stream("both.example")
        assert "<bidi xmlns='urn:xmpp:features:bidi'/>" in stream.said and "urn:xmpp:sm:3" in stream.said, stream.said
        stream.put("<enable xmlns='urn:xmpp:sm:3'/>")
        await stream.hears("<unexpected-request ")  # nothing has been proved
        stream.put("<bidi xmlns='urn:xmpp:bidi'/>")
        await stream.prove()
        stream.put("<enable xmlns='urn:xmpp:sm:3'/>")
        await stream.hears("<enabled ")
        stream.message(ROMEO, "counted")
        stream.put("<r xmlns='urn:xmpp:sm:3'/>")
        await stream.hears("<a xmlns='urn:xmpp:sm:3' h='1'/>")
        await self.romeo.hears("counted")
        self.romeo.send_message("bob@both.example", "this way", mtype="chat")
        await stream.hears("this way</body></message><r xmlns='urn:xmpp:sm:3'/>")
        stream.close()  # without an ack: it comes again, to where the domain is
        await self.mini_hears("this way</body>")
        stream = await self.proved("both.example")  # not asked for: nothing comes back on it
        self.mini.heard = ""
        self.romeo.send_message("bob@both.example", "on a stream of our own", mtype="chat")
        await self.mini_hears("on a stream of our own")

    async def test_acks_of_what_was_never_sent_end_the_stream(self):
        stream = await self.proved("any.example")
        stream.put("<enable xmlns='urn:xmpp:sm:3'/>")
        await stream.hears("<enabled ")
        stream.put("<a xmlns='urn:xmpp:sm:3' h='7'/>")
        await stream.hears("<undefined-condition ")

    async def test_on_our_own_stream_they_speak_for_themselves_alone(self):
        self.mini.features, self.mini.heard = "<bidi xmlns='urn:xmpp:features:bidi'/>", ""
        self.romeo.send_message("bob@own.example", "hello there", mtype="chat")
        await self.mini_hears("hello there")
        assert self.mini.heard.index("<bidi ") < self.mini.heard.index("<db:result "), self.mini.heard
        writer = self.mini.streams[-1]
        writer.write(f"<message from='bob@own.example' to='{ROMEO}'><body>back on it</body></message>".encode())
        await self.romeo.hears("back on it")
        writer.write(f"<message from='bob@other.example' to='{ROMEO}'><body>not theirs</body></message>".encode())
        await self.mini_hears("<invalid-from ")
        assert "not theirs" not in self.romeo.bodies
        self.mini.features = ""

    async def test_a_load_balancer_says_who_it_is(self):
        for tls in (True, False):
            stream = Stream("any.example", DOMAIN)
            prefix = b"PROXY TCP4 192.0.2.9 127.0.0.1 40000 5269\r\n"
            await stream.open(self.tls_port if tls else self.plain_port, tls, prefix, "127.0.0.2")
            stream.close()
        with_none = await asyncio.open_connection("127.0.0.1", self.plain_port, local_addr=("127.0.0.2", 0))
        with_none[1].write(b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>")
        try:
            assert await asyncio.wait_for(with_none[0].read(), 10) == b"", "a balancer without a header is dropped"
        except ConnectionResetError:
            pass

    async def soak_without_acks_a_stanza_is_tried_again_and_then_bounced(self):
        self.mini.features, self.mini.heard = "<sm xmlns='urn:xmpp:sm:3'/>", ""
        self.romeo.errors.clear()
        begun = time.monotonic()
        self.romeo.send_message("bob@own.example", "is anybody there", mtype="chat")
        end = begun + 130
        while not self.romeo.errors:
            assert time.monotonic() < end, self.mini.heard
            await asyncio.sleep(0.1)
        assert self.romeo.errors == ["remote-server-timeout"] and self.mini.heard.count("is anybody there") == 3, self.mini.heard
        assert time.monotonic() - begun > 85, "three times thirty seconds"
        self.mini.features = ""

    async def mini_hears(self, words, seconds=20):
        end = time.monotonic() + seconds
        while words not in self.mini.heard:
            assert time.monotonic() < end, f"{words} in {self.mini.heard[-600:]}"
            await asyncio.sleep(0.05)


def settings(mini, ports):
    tls, plain, mute = mini.ports
    targets = [f"{name}.example=tls://127.0.0.1:{tls}" for name in
               ("any", "slow", "sub.slow", "small", "one", "strict", "both", "own", "other")]
    targets += [f"plain.example=127.0.0.1:{plain}", f"full.example=127.0.0.1:{mute}"]
    rules = {"slow": "stanzas_per_second = 50", "small": 'stanza_size = "16 KiB"', "one": "streams = 1", "strict": "dialback = false",
             "plain": "require_tls = false", "full": "queue_stanzas = 5"}
    return "\n".join([f"[federation]\nenabled = 'yes'\nport = {ports[0]}\ntls_port = {ports[1]}\ntargets = {targets!r}",
                      *(f"[[federation.domain]]\nname = '{name}.example'\n{rule}" for name, rule in rules.items())])


async def everything(binaries):
    with tempfile.TemporaryDirectory() as folder:
        mini = await Mini().listen(*certificate(pathlib.Path(folder)))
        ports = [free_port(), free_port()]
        server = Server(binaries, relay=False, users=("romeo",), more=settings(mini, ports), network='proxy_protocol = ["127.0.0.2"]')
        try:
            romeo = User()
            romeo.connect(("127.0.0.1", server.port))
            await asyncio.wait_for(romeo.ready.wait(), 20)
            trial = Trial(server, mini, ports, romeo)
            kinds = ("test_", "soak_") if os.environ.get("CARILLON_SOAK") else "test_"
            for name in [name for name in dir(trial) if name.startswith(kinds)]:
                await asyncio.wait_for(getattr(trial, name)(), 150)
                print("ok", name, flush=True)
            romeo.abort()
        except BaseException:
            print(server.log_text()[-4000:], file=sys.stderr)
            raise
        finally:
            server.stop()


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(everything(sys.argv[1]))
