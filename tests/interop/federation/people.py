"""A user of either server on slixmpp: keeps what it hears."""
import asyncio
import ssl
import time

import slixmpp

from servers import HERE, OURS, THEIRS


async def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid):
        super().__init__(jid, "secret")
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in ("xep_0030", "xep_0045", "xep_0199"):
            self.register_plugin(plugin)
        self.auto_authorize = self.auto_subscribe = True
        self.ready, self.bodies, self.errors, self.seen, self.gone = asyncio.Event(), [], [], set(), set()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.heard)
        self.add_event_handler("message_error", lambda m: self.errors.append(m["error"]["condition"]))
        self.add_event_handler("presence_available", lambda p: self.seen.add(str(p["from"])))
        self.add_event_handler("presence_unavailable", lambda p: self.gone.add(str(p["from"])))

    def heard(self, message):
        if message["body"]:
            self.bodies.append((message["type"], message["body"]))

    async def started(self, _):
        await self.get_roster()
        self.send_presence()
        self.ready.set()

    async def online(self):
        self.connect((OURS if self.boundjid.domain == HERE else THEIRS, 5222))
        await asyncio.wait_for(self.ready.wait(), 20)
        return self

    async def make_instant(self, room):
        """XEP-0045 §10.1.2: a room with the default configuration."""
        await self.make_iq_set(ito=room, sub=slixmpp.xmlstream.ET.fromstring(
            "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>")).send(timeout=10)
