"""An XMPP client on slixmpp that speaks raw Jingle: it sends what a test writes and keeps what it is sent."""
import asyncio
import ssl
import uuid
from xml.etree import ElementTree

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

JINGLE = "urn:xmpp:jingle:1"
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
RAW = "urn:xmpp:jingle:transports:raw-udp:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"


class Client(slixmpp.ClientXMPP):
    def __init__(self, server, user, resource):
        super().__init__(f"{user}@montague.test/{resource}", f"{user}-secret")
        self.home, self.jingles, self.messages = server, asyncio.Queue(), asyncio.Queue()
        self.ready = asyncio.get_event_loop().create_future()
        self.ssl_context = ssl._create_unverified_context()
        self.get_ssl_context = lambda: self.ssl_context  # the test's certificate is self-signed
        self.add_event_handler("session_start", lambda _: self.ready.done() or self.ready.set_result(True))
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self._jingle))
        self.register_handler(Callback("any message", MatchXPath("{jabber:client}message"),
                                       lambda message: self.messages.put_nowait(message.xml)))

    async def online(self):
        self.connect(("127.0.0.1", self.home.port), disable_starttls=False)
        await asyncio.wait_for(self.ready, 15)
        return self

    def _jingle(self, iq):
        self.jingles.put_nowait(iq.xml)
        self.send_raw(f"<iq type='result' id='{iq['id']}' to='{iq['from']}'/>")

    async def ask(self, to, kind, payload):
        """Sends an IQ and gives its answer's XML; an error answer too."""
        iq = self.make_iq(id=uuid.uuid4().hex, ifrom=self.boundjid, ito=to, itype=kind)
        iq.append(ElementTree.fromstring(payload))
        try:
            return (await iq.send(timeout=10)).xml
        except slixmpp.exceptions.IqError as error:
            return error.iq.xml

    async def hear(self, action, seconds=10):
        """The next Jingle of that action; others before it are passed over."""
        while True:
            xml = await asyncio.wait_for(self.jingles.get(), seconds)
            jingle = xml.find(f"{{{JINGLE}}}jingle")
            if jingle.get("action") == action:
                return jingle

    async def hear_message(self, name, seconds=10):
        while True:
            xml = await asyncio.wait_for(self.messages.get(), seconds)
            for child in xml:
                if child.tag.endswith("}" + name):
                    return child


def candidate(ip, port, component=1, kind="host"):
    related = "" if kind == "host" else f" rel-addr='{ip}' rel-port='{port}'"
    return (f"<candidate component='{component}' foundation='1' generation='0' id='c{port}' ip='{ip}' network='0' port='{port}' "
            f"priority='2130706431' protocol='udp' type='{kind}'{related}/>")


def content(transport, name="voice", inside="<rtcp-mux/>"):
    return (f"<content creator='initiator' name='{name}'><description xmlns='{RTP}' media='audio'>"
            f"<payload-type id='8' name='PCMA' clockrate='8000'/>{inside}</description>{transport}</content>")


def raw(ip, port):
    return (f"<transport xmlns='{RAW}'><candidate component='1' generation='0' id='r1' ip='{ip}' port='{port}'/></transport>")


def ice(ufrag, pwd, *candidates):
    return (f"<transport xmlns='{ICE}' ufrag='{ufrag}' pwd='{pwd}'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' "
            f"hash='sha-256' setup='actpass'>00:11:22</fingerprint>{''.join(candidates)}</transport>")


def jingle(action, sid, inside="", initiator=""):
    who = f" initiator='{initiator}'" if initiator else ""
    return f"<jingle xmlns='{JINGLE}' action='{action}' sid='{sid}'{who}>{inside}</jingle>"


def candidates(element):
    return [c.attrib for c in element.iter() if c.tag.endswith("}candidate")]


def reason(element):
    found = element.find(f"{{{JINGLE}}}reason")
    return None if found is None else [child.tag.split("}")[1] for child in found][0]
