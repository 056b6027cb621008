"""Hostile input on the client port: garbage, oversize, slow, half-open, forged. Each gets the answer its RFC names, and two
users who chat all the while lose nothing.  Usage: hostile_test.py FOLDER_OF_PROGRAMS"""
import base64
import pathlib
import socket
import ssl
import sys
import threading
import time
import unittest
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

HEADER = (f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
LIMITS = """
[limits]
auth_timeout = "3 s"
connections_per_address = 60
"""


class Raw:
    """A TCP connection that says what it likes."""

    def __init__(self, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", server.port), 10)
        self.socket.settimeout(10)
        if tls:
            self.say(HEADER)
            self.hear("</stream:features>")
            self.say(STARTTLS)
            self.hear("<proceed")
            self.secure()

    def secure(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=DOMAIN)
        self.socket.settimeout(10)

    def say(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def hear(self, *any_of):
        """Everything up to one of these texts, or up to the end of the connection."""
        heard = b""
        try:
            while not any(text.encode() in heard for text in any_of):
                more = self.socket.recv(65536)
                if not more:
                    break
                heard += more
        except (ConnectionError, ssl.SSLError):
            pass
        return heard.decode(errors="replace")

    def hear_all(self):
        return self.hear("\0 never")

    def close(self):
        self.socket.close()


class User(Raw):
    """Logged in with PLAIN inside TLS, resource bound, available."""

    def __init__(self, name, resource):
        super().__init__(tls=True)
        self.say(HEADER)
        self.hear("</stream:features>")
        token = base64.b64encode(f"\0{name}\0{name}-secret".encode()).decode()
        self.say(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")
        assert "<success" in self.hear("<success", "<failure")
        self.say(HEADER)
        self.hear("</stream:features>")
        self.say(f"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>")
        self.hear("</iq>")
        self.say("<presence/>")
        self.hear("<presence")


class Chatters(threading.Thread):
    """Romeo writes to Juliet without pause; what she got is compared at the end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.romeo, self.juliet = User("romeo", "chat"), User("juliet", "chat")
        self.sent, self.got, self.over = 0, "", threading.Event()

    def run(self):
        while not self.over.is_set():
            self.sent += 1
            self.romeo.say(f"<message to='juliet@{DOMAIN}/chat' type='chat'><body>number {self.sent}.</body></message>")
            self.got += self.juliet.hear(f"number {self.sent}.</body>")
            time.sleep(0.01)


class HostileInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chatters = Chatters()
        cls.chatters.start()

    @classmethod
    def tearDownClass(cls):
        cls.chatters.over.set()
        cls.chatters.join(10)
        missing = [n for n in range(1, cls.chatters.sent + 1) if cls.chatters.got.count(f"number {n}.") != 1]
        assert not missing, f"of {cls.chatters.sent} messages of others these did not come exactly once: {missing[:5]}"
        assert cls.chatters.sent > 100, "the others hardly spoke"
        assert server.process.poll() is None, server.log_text()
        print(f"{cls.chatters.sent} messages of others, none lost", file=sys.stderr)

    def error_after(self, text, tls=False):
        peer = Raw(tls)
        peer.say(text)
        heard = peer.hear_all()  # RFC 6120 §4.9.1.1: after a stream error the stream is closed
        peer.close()
        return heard

    def test_what_is_no_xml_stream(self):
        for text in ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\xff\xff\xff\xff", "<<<<", "]]>"):
            self.assertIn("not-well-formed", self.error_after(text), text)
        self.assertIn("not-well-formed", self.error_after(HEADER + "<auth>" + "\0"))
        self.assertIn("not-well-formed", self.error_after((HEADER + "<auth>").encode() + b"\xc3\x28"))
        self.assertIn("invalid-namespace", self.error_after("<stream xmlns='urn:example:other'>"))
        self.assertIn("host-unknown", self.error_after(HEADER.replace(DOMAIN, "elsewhere.test")))

    def test_xml_that_xmpp_forbids(self):
        laughs = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
            f"<!ENTITY {chr(98 + i)} '{('&' + chr(97 + i) + ';') * 10}'>" for i in range(9)) + "]>"
        self.assertIn("restricted-xml", self.error_after(laughs + HEADER + "<auth>&j;</auth>"))
        for text in ("<!-- comment -->", "<?php echo 1 ?>", "<auth>&custom;</auth>"):
            self.assertIn("restricted-xml", self.error_after(HEADER + text), text)
        self.assertIn("bad-namespace-prefix", self.error_after(HEADER + "<x:auth/>"))

    def test_size_before_log_in(self):
        for text in ("<auth>" + "x" * 20_000, "<auth x='" + "y" * 20_000, "<a>" * 500, "<a " + " ".join(f"b{i}='1'" for i in range(500)) + "/>"):
            self.assertIn("policy-violation", self.error_after(HEADER + text), text[:20])

    def test_size_after_log_in(self):
        for text in ("<message><body>" + "x" * 400_000, "<message>" + "<a>" * 500,
                     "<message><body>" + "x" * 300_000 + "</body></message>"):
            user = User("romeo", "big")
            user.say(text)
            self.assertIn("policy-violation", user.hear_all())

    def test_stanzas_before_log_in(self):
        for text in (f"<message to='juliet@{DOMAIN}'><body>x</body></message>", "<presence/>",
                     "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"):
            self.assertIn("not-authorized", self.error_after(HEADER + text, tls=False), text)

    def test_plain_in_the_clear_is_refused(self):
        token = base64.b64encode(b"\0romeo\0romeo-secret").decode()
        heard = self.error_after(HEADER + f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth></stream:stream>")
        self.assertNotIn("<success", heard)

    def sasl(self, *texts):
        peer = Raw(tls=True)
        peer.say(HEADER)
        peer.hear("</stream:features>")
        heard = ""
        for text in texts:
            peer.say(text)
            heard += peer.hear("<success", "</failure>", "<challenge", "</stream:stream>")
        peer.close()
        return heard

    def test_sasl_abuse(self):
        auth = f"<auth xmlns='{SASL}' mechanism='%s'>%s</auth>"
        other = base64.b64encode(b"juliet@" + DOMAIN.encode() + b"\0romeo\0romeo-secret").decode()
        wrong = base64.b64encode(b"\0romeo\0guess").decode()
        nobody = base64.b64encode(b"\0nobody\0guess").decode()
        for text, condition in ((auth % ("PLAIN", "%%%"), "incorrect-encoding"), (auth % ("PLAIN", other), "invalid-authzid"),
                                (auth % ("PLAIN", wrong), "not-authorized"), (auth % ("PLAIN", nobody), "not-authorized"),
                                (auth % ("EXTERNAL", "="), "invalid-mechanism"),
                                (auth % ("SCRAM-SHA-256", base64.b64encode(b"x" * 6000).decode()), "malformed-request"),
                                (f"<response xmlns='{SASL}'>AAAA</response>", "")):
            heard = self.sasl(text)
            self.assertNotIn("<success", heard, text[:60])
            self.assertIn(condition, heard, text[:60])
        first = auth % ("SCRAM-SHA-256", base64.b64encode(b"n,,n=romeo,r=abc").decode())
        self.assertIn("aborted", self.sasl(first, f"<abort xmlns='{SASL}'/>"))

    def test_guessing_is_ended(self):
        wrong = base64.b64encode(b"\0romeo\0guess").decode()
        peer = Raw(tls=True)
        peer.say(HEADER)
        peer.hear("</stream:features>")
        heard = ""
        for _ in range(50):
            try:
                peer.say(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{wrong}</auth>")
            except OSError:
                break
            part = peer.hear("</failure>", "</stream:stream>")
            heard += part
            if "</stream:stream>" in part or not part:
                break
        self.assertLess(heard.count("</failure>"), 20, "somebody may guess for ever on one connection")

    def test_what_was_said_in_the_clear_is_not_believed_inside_tls(self):
        peer = Raw()
        peer.say(HEADER)
        peer.hear("</stream:features>")
        token = base64.b64encode(b"\0romeo\0romeo-secret").decode()
        peer.say(STARTTLS + HEADER + f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")
        peer.hear("<proceed")
        try:
            peer.secure()
            peer.socket.settimeout(1)
            heard = peer.socket.recv(65536).decode()
        except (OSError, ssl.SSLError):
            heard = ""
        self.assertNotIn("<success", heard)
        peer.close()

    def test_forged_and_malformed_stanzas(self):
        user = User("romeo", "forger")
        user.say(f"<message id='1' to='juliet@{DOMAIN}/chat' from='juliet@{DOMAIN}/chat'><body>forged</body></message>")
        self.assertIn("invalid-from", user.hear_all())
        user = User("romeo", "clumsy")
        for text, expected in (("<iq type='get' id='a' to='juliet@@x'><q xmlns='x'/></iq>", "jid-malformed"),
                               ("<iq type='get' id='b'/>", "bad-request"),
                               ("<iq type='get' id='c'><a xmlns='x'/><b xmlns='x'/></iq>", "bad-request"),
                               ("<iq type='nonsense' id='d'><a xmlns='x'/></iq>", "bad-request"),
                               ("<presence id='e'><priority>1000</priority></presence>", "bad-request"),
                               ("<presence id='f' type='nonsense'/>", "bad-request"),
                               (f"<iq type='get' id='g' to='{DOMAIN}'><unknown xmlns='urn:example:x'/></iq>", "service-unavailable"),
                               (f"<iq type='get' id='h' to='juliet@{DOMAIN}/nowhere'><q xmlns='x'/></iq>", "service-unavailable"),
                               ("<message id='i' to='romeo@elsewhere.invalid'><body>x</body></message>", "remote-server-not-found")):
            user.say(text)
            heard = user.hear("</error>", "</stream:stream>")
            self.assertIn(expected, heard, text)
            self.assertNotIn("stream:error", heard, text)
        user.say("<nonsense/>")
        self.assertIn("unsupported-stanza-type", user.hear_all())

    def test_slow_and_silent_ones_are_sent_away(self):
        silent, slow = Raw(), Raw()
        begun = time.monotonic()
        slow.say(HEADER)
        try:
            for octet in b"<auth xmlns='x'>" * 100:
                slow.say(bytes([octet]))
                time.sleep(0.1)
                if time.monotonic() - begun > 5:
                    break
        except OSError:
            pass
        self.assertIn("connection-timeout", slow.hear_all(), "a log-in may take for ever, octet by octet")
        silent.hear_all()
        self.assertLess(time.monotonic() - begun, 12, "a connection may stay silent for ever")

    def test_many_half_open_connections(self):
        peers = []
        for number in range(200):
            try:
                peer = socket.create_connection(("127.0.0.1", server.port), 5)
                if number % 2:
                    peer.sendall(HEADER[: number % len(HEADER)].encode())
                peers.append(peer)
            except OSError:
                pass
        time.sleep(1)
        before = self.chatters.sent
        time.sleep(1)
        self.assertGreater(self.chatters.sent, before + 10, "others are held up")
        for peer in peers:
            peer.close()
        time.sleep(0.5)
        User("juliet", "afterwards").close()


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)  # what the server has ended needs no closing
    server = Server(sys.argv.pop(1), more=LIMITS, relay=False)
    try:
        result = unittest.main(exit=False, verbosity=2, warnings="ignore").result
    finally:
        server.stop()
    sys.exit(not result.wasSuccessful())
