"""An XMPP client of a few lines that keeps exact accounts: what it sent, what the server acknowledged, what it received. It comes back
whenever its connection is lost and resumes its stream.
Spec: RFC 6120, XEP-0198, XEP-0368."""
import asyncio
import base64
import ssl
from xml.etree.ElementTree import XMLPullParser
from xml.sax.saxutils import quoteattr

SM = "{urn:xmpp:sm:3}"
CLIENT = "{jabber:client}"
STANZAS = (CLIENT + "message", CLIENT + "presence", CLIENT + "iq")
LOST = (OSError, EOFError, asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError)


class StreamError(Exception):
    """The server ended the stream with an error that no lost connection explains."""


class Stream:
    """One connection: TLS, stream headers, elements."""

    def __init__(self, port, domain):
        self.port, self.domain = port, domain
        self.reader = self.writer = None
        self.waiting = []

    async def open(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["xmpp-client"])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=self.domain,
                                                                 ssl_handshake_timeout=5)

    async def header(self):
        """A new stream; gives its features."""
        self.parser, self.depth, self.root = XMLPullParser(("start", "end")), 0, None
        self.write(f"<?xml version='1.0'?><stream:stream to='{self.domain}' version='1.0' xmlns='jabber:client' "
                   "xmlns:stream='http://etherx.jabber.org/streams'>")
        return await self.element(5)

    def write(self, text):
        self.writer.write(text.encode())

    async def element(self, seconds=None):
        """The next child of the stream."""
        while not self.waiting:
            async with asyncio.timeout(seconds):
                data = await self.reader.read(65536)
            if not data:
                raise EOFError
            self.parser.feed(data)
            for event, element in self.parser.read_events():
                if event == "start":
                    self.depth += 1
                    self.root = self.root if self.root is not None else element
                    continue
                self.depth -= 1
                if self.depth == 1:
                    self.waiting.append(element)
                    self.root.clear()
                elif self.depth == 0:
                    self.waiting.append(None)
        element = self.waiting.pop(0)
        if element is None:
            raise EOFError
        return element

    def abort(self):
        if self.writer:
            self.writer.transport.abort()


class SmClient:
    """Owns a session that outlives its connections. `heard(element)` gets each stanza once."""

    def __init__(self, user, password, domain, port, heard, resume=True, pause=0.01, strict=True,
                 acknowledged=lambda texts: None):
        self.user, self.password, self.domain, self.port = user, password, domain, port
        self.heard, self.resume, self.pause = heard, resume, pause
        self.note_acknowledged = acknowledged
        self.strict, self.stream_errors = strict, []  # strict: a stream error is the end
        self.id = None
        self.jid = None
        self.received = 0  # stanzas since <enabled/>
        self.acknowledged = 0  # of ours, as the server says
        self.unacknowledged = []  # text, oldest first
        self.live = None  # the Stream that is logged in
        self.ready = asyncio.Event()
        self.over = False
        self.logins = self.resumptions = self.replayed = self.failed_logins = 0
        self.lost_sessions = []
        self.since_request = 0

    def send(self, text):
        """Kept until it is acknowledged, written now or after the next resumption."""
        self.unacknowledged.append(text)
        if self.live:
            self._put(text)

    def _put(self, text):
        self.since_request += 1
        if self.since_request >= 5:
            self.since_request = 0
            text += "<r xmlns='urn:xmpp:sm:3'/>"
        self.live.write(text)

    def request(self):
        if self.live:
            self.live.write("<r xmlns='urn:xmpp:sm:3'/>")

    async def run(self):
        while not self.over:
            stream = Stream(self.port, self.domain)
            try:
                await stream.open()
                await self._log_in(stream)
                while True:
                    self._handle(await stream.element(30))
            except LOST:
                if not self.live:
                    self.failed_logins += 1
            finally:
                self.live = None
                self.ready.clear()
                stream.abort()
            if not self.over:
                await asyncio.sleep(self.pause)

    async def _log_in(self, stream):
        await stream.header()
        token = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        stream.write(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
        answer = await stream.element(10)
        if not answer.tag.endswith("}success"):
            raise StreamError(f"log-in refused: {[child.tag for child in answer]}")
        features = await stream.header()
        if features.find(f"{SM}sm") is None:
            raise StreamError("stream management is not offered")
        if self.id:
            stream.write(f"<resume xmlns='urn:xmpp:sm:3' previd={quoteattr(self.id)} h='{self.received}'/>")
            answer = await stream.element(10)
            if answer.tag == SM + "resumed":
                self._acknowledge(int(answer.get("h")))
                self.live = stream
                self.resumptions += 1
                self.replayed += len(self.unacknowledged)
                for text in self.unacknowledged:
                    self._put(text)
                self.ready.set()
                return
            self.lost_sessions.append([child.tag for child in answer])
            if answer.get("h"):
                self._acknowledge(int(answer.get("h")))
            self.id = None
        await self._bind(stream)

    async def _bind(self, stream):
        stream.write(f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{self.user}-1</resource></bind></iq>")
        answer = await stream.element(10)
        self.jid = answer.findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}jid")
        stream.write(f"<enable xmlns='urn:xmpp:sm:3' resume='{str(self.resume).lower()}'/>")
        while (enabled := await stream.element(10)).tag in STANZAS:  # sent before the counting began
            self.heard(enabled)
        if enabled.tag != SM + "enabled":
            raise StreamError(f"stream management refused: {enabled.tag}")
        self.id = enabled.get("id") if self.resume else None
        self.received = self.acknowledged = 0
        self.logins += 1
        self.live = stream
        again, self.unacknowledged = self.unacknowledged, []
        self.send("<presence/>")
        for text in again:
            self.send(text)
        self.ready.set()

    def _acknowledge(self, h):
        new = h - self.acknowledged
        if not 0 <= new <= len(self.unacknowledged):
            raise StreamError(f"h={h} while {self.acknowledged} were acknowledged and {len(self.unacknowledged)} are not")
        self.note_acknowledged(self.unacknowledged[:new])
        del self.unacknowledged[:new]
        self.acknowledged = h

    def _handle(self, element):
        if element.tag in STANZAS:
            self.received += 1
            self.heard(element)
        elif element.tag == SM + "r":
            self.live.write(f"<a xmlns='urn:xmpp:sm:3' h='{self.received}'/>")
        elif element.tag == SM + "a":
            self._acknowledge(int(element.get("h")))
        elif element.tag == "{http://etherx.jabber.org/streams}error":
            self.stream_errors.append([child.tag for child in element])
            if self.strict:
                raise StreamError(self.stream_errors[-1])

    def vanish(self):
        """Cut off without a word, and never back: the server waits for a resumption in vain."""
        self.over = True
        if self.live:
            self.live.abort()

    async def log_out(self):
        """Says the last <a/> and closes the stream in order."""
        self.over = True
        if self.live:
            self.live.write(f"<a xmlns='urn:xmpp:sm:3' h='{self.received}'/></stream:stream>")
            await asyncio.sleep(0.2)
            if self.live:
                self.live.abort()
