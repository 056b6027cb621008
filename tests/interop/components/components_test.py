"""slixmpp as an external component (XEP-0114): an echo that users find, write to and lose; and what strangers get.
Usage: components_test.py FOLDER_OF_PROGRAMS"""
import asyncio
import hashlib
import pathlib
import re
import ssl
import sys
import time

import slixmpp
from slixmpp.exceptions import IqError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "calls"))
from server import DOMAIN, Server, free_port  # noqa: E402

ECHO, OTHER, SECRET = f"echo.{DOMAIN}", f"other.{DOMAIN}", "open sesame"


async def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


class Echo(slixmpp.ComponentXMPP):
    def __init__(self, port):
        super().__init__(ECHO, SECRET, "127.0.0.1", port)
        for plugin in ("xep_0030", "xep_0199"):
            self.register_plugin(plugin)
        self["xep_0030"].add_identity("component", "generic", "An echo", jid=ECHO)
        self.ready = asyncio.Event()
        self.add_event_handler("session_start", lambda _: self.ready.set())
        self.add_event_handler("message", self.heard)

    def heard(self, message):
        if message["type"] in ("chat", "normal"):
            message.reply(message["body"]).send()


class User(slixmpp.ClientXMPP):
    def __init__(self, name):
        super().__init__(f"{name}@{DOMAIN}/desk", f"{name}-secret")
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in ("xep_0030", "xep_0199"):
            self.register_plugin(plugin)
        self.ready, self.bodies, self.errors = asyncio.Event(), [], []
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", lambda m: self.bodies.append((str(m["from"]), m["body"])))
        self.add_event_handler("message_error", lambda m: self.errors.append(m["error"]["condition"]))

    async def started(self, _):
        self.send_presence()
        self.ready.set()


async def talk(server, port):
    romeo = User("romeo")
    romeo.connect(("127.0.0.1", server.port))
    await asyncio.wait_for(romeo.ready.wait(), 20)
    romeo.send_message(f"cave@{ECHO}", "too early", mtype="chat")
    await until(lambda: romeo.errors == ["service-unavailable"], f"a bounce while nobody is there: {romeo.errors}")

    echo = Echo(port)
    echo.connect()
    await asyncio.wait_for(echo.ready.wait(), 20)
    items = await romeo["xep_0030"].get_items(jid=DOMAIN)
    assert (ECHO, None, "An echo of yours") in items["disco_items"]["items"], items
    info = await romeo["xep_0030"].get_info(jid=ECHO)
    assert ("component", "generic", None, "An echo") in info["disco_info"]["identities"], info
    for number in range(200):
        romeo.send_message(f"cave@{ECHO}/deep", f"hoo {number}", mtype="chat")
    await until(lambda: len(romeo.bodies) >= 200, "two hundred echoes")
    assert romeo.bodies == [(f"cave@{ECHO}/deep", f"hoo {n}") for n in range(200)], romeo.bodies[:5]
    await echo["xep_0199"].ping(f"romeo@{DOMAIN}/desk", ifrom=ECHO)
    await flood(echo, romeo)
    await strangers(port)
    await romeo["xep_0199"].ping(ECHO)  # nothing of that disturbed it

    bodies = len(romeo.bodies)
    echo.abort()
    await until(lambda: echo.transport is None, "the component goes")
    romeo.send_message(f"cave@{ECHO}", "wait for it", mtype="chat")  # it is back before this bounces
    soon = Echo(port)
    soon.connect()
    await asyncio.wait_for(soon.ready.wait(), 20)
    await until(lambda: len(romeo.bodies) > bodies, f"what waited for the component's return: {romeo.errors}")
    soon.abort()
    await until(lambda: soon.transport is None, "the component goes again")

    async def refused():
        try:
            await romeo["xep_0199"].ping(ECHO, timeout=5)
        except IqError as error:
            return error.condition == "service-unavailable"

    end = time.monotonic() + 15
    while not await refused():
        assert time.monotonic() < end, "a request to a component that has gone is answered"
    again = Echo(port)
    again.connect()
    await asyncio.wait_for(again.ready.wait(), 20)
    await romeo["xep_0199"].ping(ECHO)
    again.abort()
    romeo.abort()


async def flood(echo, romeo):
    """A component that is faster than it may be is read at its rate, and nothing is lost; others notice nothing."""
    first, begun = len(romeo.bodies), time.monotonic()
    for number in range(800):
        echo.send_message(f"romeo@{DOMAIN}/desk", f"flood {number}", mtype="chat", mfrom=ECHO)
    await romeo["xep_0199"].ping(DOMAIN)
    await until(lambda: len(romeo.bodies) - first >= 800, "the whole flood")
    assert [body for _, body in romeo.bodies[first:]] == [f"flood {n}" for n in range(800)]
    # Four seconds' worth at once, the rest at 100 a second; the 200 echoes before were taken from it too.
    assert time.monotonic() - begun > 3, "a hundred stanzas a second"


async def strangers(port):
    """Each is refused with the right word."""

    async def attempt(*texts, to=OTHER, namespace="jabber:component:accept", secret=SECRET):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"<stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' to='{to}'>".encode())
        said = b""
        if secret is not None:
            while b"id='" not in said or not said.endswith(b">"):
                more = await asyncio.wait_for(reader.read(4096), 20)
                if not more:
                    return said.decode()
                said += more
            stream_id = re.search(rb" id='([^']*)'", said).group(1).decode()
            digest = hashlib.sha1((stream_id + secret).encode()).hexdigest()
            writer.write(f"<handshake>{digest}</handshake>".encode())
        for text in texts:
            writer.write(text.encode())
        said += await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return said.decode()

    def has(text, condition):
        assert f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'" in text, (condition, text)

    has(await attempt(secret="wrong"), "not-authorized")
    has(await attempt(secret=SECRET.upper()), "not-authorized")
    has(await attempt(to=f"nobody.{DOMAIN}"), "host-unknown")
    has(await attempt(to=DOMAIN), "host-unknown")
    has(await attempt(namespace="jabber:server"), "invalid-namespace")
    has(await attempt(to=ECHO), "conflict")  # it is there already
    has(await attempt(f"<message from='romeo@{DOMAIN}' to='juliet@{DOMAIN}'><body>forged</body></message>"), "invalid-from")
    has(await attempt(f"<message from='a@{ECHO}' to='juliet@{DOMAIN}'><body>forged</body></message>"), "invalid-from")
    has(await attempt(f"<message to='juliet@{DOMAIN}'><body>whose?</body></message>"), "improper-addressing")
    has(await attempt("<message><" + "x" * 600_000), "policy-violation")
    has(await attempt("<!-- a remark -->"), "restricted-xml")
    has(await attempt("<message><" + "x" * 6000, secret=None), "policy-violation")
    bad = await attempt(f"<iq type='get' id='7' from='a@{OTHER}' to='{DOMAIN}'/></stream:stream>")
    assert "<handshake/>" in bad and "</stream:stream>" in bad, bad


def main():
    port = free_port()
    server = Server(sys.argv[1], relay=False, users=("romeo", "juliet"), more=f"""
[components]
port = {port}
away = "2 s"
stanzas_per_second = 100
[[host]]
type = "component"
domain = "{ECHO}"
secret = "{SECRET}"
name = "An echo of yours"
[[component]]
domain = "{OTHER}"
secret = "{SECRET}"
""")
    try:
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(talk(server, port), 90))
        print("passed")
    except BaseException:
        print(server.log_text()[-4000:], file=sys.stderr)
        raise
    finally:
        server.stop()


if __name__ == "__main__":
    main()
