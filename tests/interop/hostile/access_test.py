"""Who may come in, and how fast: PROXY protocol, rates, TLS tickets, certificates exchanged while users are online.
Usage: access_test.py FOLDER_OF_PROGRAMS"""
import http.client
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
import hostile_test  # noqa: E402
from hostile_test import HEADER, Raw, User  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

OTHER = "capulet.test"
LIMITS = """
[limits]
connections_per_address = 40
connection_rate = 30
stanzas_per_second = 50
auth_timeout = "4 s"
"""


def make_certificate(folder, name, domain):
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                    f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def shown_certificate(domain, alpn=None, port=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    with socket.create_connection(("127.0.0.1", port or server.tls_port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=domain) as secure:
            return secure.getpeercert(binary_form=True), secure.selected_alpn_protocol()


def s_client(*options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-ign_eof", *options],
                          input=HEADER + "</stream:stream>", capture_output=True, text=True, timeout=20)
    return done.stdout


class Certificates(unittest.TestCase):
    def test_each_host_has_its_own(self):
        first, _ = shown_certificate(DOMAIN)
        second, _ = shown_certificate(OTHER)
        self.assertNotEqual(first, second)
        self.assertEqual(shown_certificate("unknown.test")[0], first, "the first host's is the default")

    def test_alpn(self):
        self.assertEqual(shown_certificate(DOMAIN, ["xmpp-client"])[1], "xmpp-client")
        self.assertEqual(shown_certificate(DOMAIN, ["h2", "xmpp-client"])[1], "xmpp-client")
        with self.assertRaises(ssl.SSLError):
            shown_certificate(DOMAIN, ["http/1.1"])

    def test_a_session_is_resumed_until_its_certificate_goes(self):
        ticket = pathlib.Path(folder.name) / "ticket"
        for version in ("-tls1_3", "-tls1_2"):
            self.assertIn("New, ", s_client(version, "-servername", OTHER, "-sess_out", ticket))
            self.assertIn("Reused, ", s_client(version, "-servername", OTHER, "-sess_in", ticket), version)
            # Keys outlive a reload that changes nothing.
            server.ctl("tls", "reload")
            self.assertIn("Reused, ", s_client(version, "-servername", OTHER, "-sess_in", ticket), version)
        before = shown_certificate(OTHER)[0]
        user = User("romeo", "online")
        new_certificate, new_key = make_certificate(pathlib.Path(folder.name), "next", OTHER)
        certificate.write_bytes(new_certificate.read_bytes())
        key.write_bytes(new_key.read_bytes())
        server.ctl("tls", "reload")
        self.assertNotEqual(shown_certificate(OTHER)[0], before)
        self.assertIn("New, ", s_client("-servername", OTHER, "-sess_in", ticket), "the old certificate still speaks")
        user.say(f"<iq type='get' id='alive' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertIn("alive", user.hear("</iq>", "/>"))
        # By signal as well; a broken file leaves what was there.
        after = shown_certificate(OTHER)[0]
        certificate.write_text("nonsense")
        with self.assertRaises(AssertionError):
            server.ctl("tls", "reload")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        self.assertEqual(shown_certificate(OTHER)[0], after)
        certificate.write_bytes(new_certificate.read_bytes())
        user.close()


class Balancers(unittest.TestCase):
    """127.0.0.0/8 is all ours: what comes from 127.0.0.2 is the load balancer."""

    def connect(self, header, port=None, source="127.0.0.2"):
        link = socket.create_connection(("127.0.0.1", port or server.port), 10, source_address=(source, 0))
        link.settimeout(10)
        if header:
            link.sendall(header)
        return link

    def heard(self, link):
        text = b""
        try:
            while more := link.recv(65536):
                text += more
                if b"</stream:features>" in text:
                    break
        except (ConnectionError, TimeoutError):
            pass
        return text.decode(errors="replace")

    def binary(self, address):
        return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", 12) + socket.inet_aton(address) + socket.inet_aton("198.51.100.1") + b"\x10\0\x10\0"

    def test_the_client_is_who_the_balancer_says(self):
        for header in (b"PROXY TCP4 192.0.2.77 198.51.100.1 5555 5222\r\n", self.binary("192.0.2.77"), b"PROXY UNKNOWN\r\n"):
            link = self.connect(header + HEADER.encode())
            self.assertIn("<starttls", self.heard(link), header)
            link.close()
        link = self.connect(None)
        for octet in b"PROXY TCP4 192.0.2.78 198.51.100.1 5555 5222\r\n" + HEADER.encode():
            link.sendall(bytes([octet]))
        self.assertIn("<starttls", self.heard(link))

    def test_limits_count_the_client_and_not_the_balancer(self):
        links = [self.connect(b"PROXY TCP4 192.0.2.99 198.51.100.1 5555 5222\r\n" + HEADER.encode()) for _ in range(45)]
        served = sum("<starttls" in self.heard(link) for link in links)
        self.assertEqual(served, 40)
        other = self.connect(self.binary("192.0.2.100") + HEADER.encode())
        self.assertIn("<starttls", self.heard(other))
        for link in (*links, other):
            link.close()

    def test_a_wrong_header_or_none_is_refused(self):
        for header in (HEADER.encode(), b"PROXY TCP4 x y 1 2\r\n" + HEADER.encode(), b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"x" * 12,
                       b"PROXY " + b"x" * 200, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 5000):
            link = self.connect(header)
            self.assertEqual(self.heard(link), "", header[:30])
        begun = time.monotonic()
        self.assertEqual(self.heard(self.connect(b"PROXY TC")), "")
        self.assertLess(time.monotonic() - begun, 9, "half a header may wait for ever")

    def test_nobody_else_is_believed(self):
        link = self.connect(b"PROXY TCP4 192.0.2.77 198.51.100.1 5555 5222\r\n", source="127.0.0.3")
        self.assertIn("not-well-formed", self.heard(link))

    def test_http_as_well(self):
        link = self.connect(b"PROXY TCP4 192.0.2.77 198.51.100.1 5555 80\r\nGET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                            server.http_port)
        self.assertIn(" 403 ", self.heard(link), "the client is far away, whoever connected")


class WebSocket:
    """A WebSocket that says what it likes."""

    def __init__(self):
        self.link = socket.create_connection(("127.0.0.1", server.http_port), 10)
        self.link.settimeout(15)
        self.link.sendall(b"GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n")
        while b"\r\n\r\n" not in self.link.recv(4096):
            pass

    def say(self, text):
        data = text.encode()
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xff" + struct.pack(">Q", len(data))
        self.link.sendall(b"\x81" + size + b"\0\0\0\0" + data)

    def hear_all(self):
        heard = b""
        try:
            while more := self.link.recv(65536):
                heard += more
        except (ConnectionError, TimeoutError):
            pass
        return heard.decode(errors="replace")


OPEN = f"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{DOMAIN}' version='1.0'/>"


class EveryTransport(unittest.TestCase):
    """Two users chat all the while (hostile_test.Chatters); what they lose is counted at the end."""

    @classmethod
    def setUpClass(cls):
        cls.chatters = hostile_test.Chatters()
        cls.chatters.start()

    @classmethod
    def tearDownClass(cls):
        cls.chatters.over.set()
        cls.chatters.join(10)
        missing = [n for n in range(1, cls.chatters.sent + 1) if cls.chatters.got.count(f"number {n}.") != 1]
        assert not missing, f"of {cls.chatters.sent} messages of others these did not come exactly once: {missing[:5]}"

    def test_websocket_refuses_what_streams_refuse(self):
        bomb = "<!DOCTYPE x [<!ENTITY a 'ha'>]>" + OPEN
        for texts, condition in (((bomb,), "not-well-formed"), ((OPEN, "<auth>" + "x" * 20_000 + "</auth>"), "policy-violation"),
                                 ((OPEN, "<a>" * 300), "policy-violation"), ((OPEN, "<a></b>"), "not-well-formed"),
                                 ((OPEN, "<presence xmlns='jabber:client'/>"), "not-authorized")):
            peer = WebSocket()
            for text in texts:
                peer.say(text)
            self.assertIn(condition, peer.hear_all(), texts[-1][:30])

    def test_slow_ones_are_sent_away(self):
        begun = time.monotonic()
        handshake = socket.create_connection(("127.0.0.1", server.tls_port), 10)
        head = socket.create_connection(("127.0.0.1", server.http_port), 10)
        body = socket.create_connection(("127.0.0.1", server.http_port), 10)
        body.sendall(b"POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        handshake.sendall(b"\x16\x03\x01\x02\x00")
        head.sendall(b"GET / HTTP/1.1\r\nX: ")
        web = WebSocket()
        web.say(OPEN)
        ended = {}
        links = {"tls handshake": handshake, "http head": head, "http body": body, "websocket": web.link}
        for link in links.values():
            link.settimeout(0.01)
        while len(ended) < len(links) and time.monotonic() - begun < 20:
            for name, link in links.items():
                if name in ended:
                    continue
                try:
                    if name != "websocket":
                        link.sendall(b"x")
                    if not link.recv(65536):
                        ended[name] = time.monotonic() - begun
                except TimeoutError:
                    pass
                except OSError:
                    ended[name] = time.monotonic() - begun
            time.sleep(0.3)
        self.assertEqual(set(ended), set(links), "slow ones may stay for ever")
        print("slow ones were sent away after", {name: f"{seconds:.1f} s" for name, seconds in ended.items()}, file=sys.stderr)

    def test_bosh_session_that_does_not_log_in(self):
        text = (f"<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='{DOMAIN}' wait='30' hold='1' ver='1.6'/>")
        def post(what):
            link = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
            link.request("POST", "/http-bind", what)
            return link.getresponse().read().decode()
        sid = re.search(r"sid='(\w+)'", post(text))[1]
        begun = time.monotonic()
        heard = post(f"<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='{sid}'/>")
        self.assertIn("connection-timeout", heard)
        self.assertLess(time.monotonic() - begun, 12)


class Rates(unittest.TestCase):
    def test_a_burst_passes_and_a_flood_waits(self):
        user = User("juliet", "fast")
        begun = time.monotonic()
        ping = f"<iq type='get' id='%d' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        user.say("".join(ping % n for n in range(32)) + f"<message to='juliet@{DOMAIN}/fast'><body>{'x' * 12_000}</body></message>")
        heard = user.hear("x</body>")
        self.assertTrue(all(f"id='{n}'" in heard or f'id="{n}"' in heard for n in range(32)))
        self.assertLess(time.monotonic() - begun, 2, "a call's set-up is held up")
        begun = time.monotonic()
        user.say("".join(ping % n for n in range(1000, 1400)))
        calm = User("romeo", "calm")
        slowest, seen = 0.0, ""
        for n in range(40):
            asked = time.monotonic()
            calm.say(ping % n)
            calm.hear(f"id='{n}'", f'id="{n}"')
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.02)
        seen = user.hear("1399")
        took = time.monotonic() - begun
        self.assertIn("1399", seen, "slowed down is not thrown out")
        self.assertGreater(took, 3, "400 stanzas at 50 a second after a burst of 200")
        self.assertLess(slowest, 1.0, "others wait with a client that is too fast")
        print(f"flood of 400 took {took:.1f} s; slowest answer to somebody else {slowest * 1000:.0f} ms", file=sys.stderr)
        user.close()
        calm.close()

    def test_connections_come_at_a_rate(self):
        def one():
            with socket.create_connection(("127.0.0.1", server.port), 5, source_address=("127.0.0.9", 0)) as link:
                link.settimeout(5)
                link.sendall(HEADER.encode())
                try:
                    return bool(link.recv(10))
                except OSError:
                    return False
        served = sum(one() for _ in range(600))
        self.assertLess(served, 600)
        self.assertGreaterEqual(served, 300)
        time.sleep(1)
        self.assertTrue(one())


if __name__ == "__main__":
    folder = tempfile.TemporaryDirectory(prefix="carillon-certificates-")
    certificate, key = make_certificate(pathlib.Path(folder.name), "first", OTHER)
    more = LIMITS + f'[[host]]\ndomain = "{OTHER}"\ncertificate = "{certificate}"\nkey = "{key}"\n'
    server = hostile_test.server = Server(sys.argv.pop(1), more=more, relay=False, network='proxy_protocol = ["127.0.0.2"]')
    try:
        result = unittest.main(exit=False, verbosity=2, warnings="ignore").result
        if not result.wasSuccessful():
            print(server.log_text()[-3000:])
    finally:
        server.stop()
        folder.cleanup()
    sys.exit(not result.wasSuccessful())
