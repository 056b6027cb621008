"""SASL on the wire, by a client of Python's own cryptography and OpenSSL's certificates: SCRAM with and without channel binding,
client certificates, tokens; and what an attacker does: downgrades, replays, steps out of turn, oversize.
Spec: RFC 5802, RFC 6120 §6, XEP-0178 §2, XEP-0388, XEP-0440, XEP-0474, XEP-0484.  Usage: sasl_test.py FOLDER_OF_PROGRAMS"""
import base64
import hashlib
import hmac
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SASL, SASL2 = "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2"
AGENT = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Makes certificates for XMPP addresses."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")

    def issue(self, label, *addresses, days="30"):
        key, request, made = (self.folder / f"{label}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = self.folder / f"{label}.ext"
        names = ",".join(f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{address}" for address in addresses) or "DNS:nobody.test"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=clientAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={label}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.folder / f"{self.name}.pem", "-CAkey", self.folder / f"{self.name}.key", "-days", days,
                "-CAcreateserial", "-extfile", extensions, "-out", made)
        return made, key


class Stream:
    """Direct TLS, opening tag said, features heard."""

    def __init__(self, certificate=None, sender="", version=None):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        if version:
            context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", server.tls_port), 20)
        self.socket = context.wrap_socket(raw, server_hostname=DOMAIN)
        self.socket.settimeout(20)
        self.heard = b""
        self.open(sender)

    def open(self, sender=""):
        attribute = f" from='{sender}'" if sender else ""
        self.say(f"<?xml version='1.0'?><stream:stream to='{DOMAIN}'{attribute} version='1.0' xmlns='jabber:client' "
                 "xmlns:stream='http://etherx.jabber.org/streams'>")
        self.features = self.hear("</stream:features>")

    def say(self, text):
        self.socket.sendall(text.encode())

    def hear(self, *any_of):
        """Up to one of these; what came behind it waits. At the end of the stream all there was."""
        try:
            while True:
                ends = [self.heard.find(text.encode()) + len(text) for text in any_of if text.encode() in self.heard]
                if ends:
                    part, self.heard = self.heard[:min(ends)], self.heard[min(ends):]
                    return part.decode()
                more = self.socket.recv(65536)
                if not more:
                    break
                self.heard += more
        except (ConnectionError, ssl.SSLError):
            pass
        part, self.heard = self.heard, b""
        return part.decode()

    def ask(self, text):
        self.say(text)
        return self.hear("</challenge>", "</success>", "</failure>", "</stream:stream>", "<success xmlns='" + SASL + "'/>")

    def mechanisms(self):
        part = self.features.split("<mechanisms", 1)[-1].split("</mechanisms>", 1)[0]
        return re.findall("<mechanism>([^<]*)", part)

    def close(self):
        self.socket.close()


def auth(mechanism, data):
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{b64(data)}</auth>"


def authenticate(mechanism, data, more=""):
    return f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{b64(data)}</initial-response>{more}</authenticate>"


def condition(heard):
    """The condition of a failure; or what else it is."""
    found = re.search("<failure[^>]*><([a-z-]+)", heard)
    return found.group(1) if found else heard


class Scram:
    """RFC 5802's client; `flag` is the GS2 header's first part, `binding` what the channel gives for it."""

    def __init__(self, user, password, hash_name, flag="n", binding=b""):
        self.password, self.hash, self.flag, self.binding = password, hash_name, flag, binding
        self.bare = f"n={user},r={b64(os.urandom(12))}"
        self.first = f"{flag},,{self.bare}"

    def final(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        self.extension = parts.get("h")
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        client_key = hmac.digest(salted, b"Client Key", self.hash)
        stored = hashlib.new(self.hash, client_key).digest()
        without = f"c={b64(f'{self.flag},,'.encode() + self.binding)},r={parts['r']}"
        message = ",".join((self.bare, challenge, without)).encode()
        proof = bytes(a ^ b for a, b in zip(client_key, hmac.digest(stored, message, self.hash)))
        self.expected = hmac.digest(hmac.digest(salted, b"Server Key", self.hash), message, self.hash)
        return f"{without},p={b64(proof)}"


def challenge_of(heard):
    return base64.b64decode(re.search(">([^<]*)</challenge>", heard).group(1)).decode()


def response(data, ns=SASL):
    return f"<response xmlns='{ns}'>{b64(data)}</response>"


def log_in(stream, scram, mechanism):
    heard = stream.ask(auth(mechanism, scram.first))
    if "<challenge" not in heard:
        return heard
    return stream.ask(response(scram.final(challenge_of(heard))))


class ScramOnTheWire(unittest.TestCase):
    def test_both_hashes_prove_both_sides(self):
        for mechanism, hash_name in (("SCRAM-SHA-1", "sha1"), ("SCRAM-SHA-256", "sha256")):
            scram = Scram("romeo", "romeo-secret", hash_name)
            heard = log_in(Stream(), scram, mechanism)
            self.assertIn("<success", heard)
            self.assertIn(b64("v=" + b64(scram.expected)), heard, "the server did not prove that it knows the keys")

    def test_tls_unique_binds_the_older_tls(self):
        stream = Stream(version=ssl.TLSVersion.TLSv1_2)
        self.assertIn("tls-unique", stream.features)
        binding = stream.socket.get_channel_binding("tls-unique")
        self.assertIn("<success", log_in(stream, Scram("romeo", "romeo-secret", "sha256", "p=tls-unique", binding), "SCRAM-SHA-256-PLUS"))
        other = Stream(version=ssl.TLSVersion.TLSv1_2)
        heard = log_in(other, Scram("romeo", "romeo-secret", "sha256", "p=tls-unique", binding), "SCRAM-SHA-256-PLUS")
        self.assertEqual(condition(heard), "not-authorized", "the binding of another connection")

    def test_server_end_point_is_the_certificates_hash(self):
        stream = Stream()
        binding = hashlib.sha256(stream.socket.getpeercert(binary_form=True)).digest()
        self.assertIn("<success", log_in(stream, Scram("romeo", "romeo-secret", "sha256", "p=tls-server-end-point", binding), "SCRAM-SHA-256-PLUS"))

    def test_downgrades_are_found_out(self):
        stream = Stream()
        self.assertEqual(condition(log_in(stream, Scram("romeo", "romeo-secret", "sha256", "y"), "SCRAM-SHA-256")), "not-authorized")
        self.assertEqual(condition(log_in(stream, Scram("romeo", "romeo-secret", "sha256", "p=tls-unknown", b"x"), "SCRAM-SHA-256-PLUS")),
                         "not-authorized")
        self.assertNotIn("<success", log_in(stream, Scram("romeo", "romeo-secret", "sha256", "n"), "SCRAM-SHA-256-PLUS"))
        scram = Scram("romeo", "romeo-secret", "sha256")
        stream = Stream()
        self.assertIn("<success", log_in(stream, scram, "SCRAM-SHA-256"))
        types = re.findall("channel-binding type=['\"]([^'\"]*)", stream.features)
        offer = "\x1e".join(sorted(stream.mechanisms())) + "\x1f" + "\x1e".join(sorted(types))
        self.assertEqual(scram.extension, b64(hashlib.sha256(offer.encode()).digest()), "XEP-0474: what was offered is signed")

    def test_nothing_can_be_replayed(self):
        stream, scram = Stream(), Scram("romeo", "romeo-secret", "sha256")
        last = scram.final(challenge_of(stream.ask(auth("SCRAM-SHA-256", scram.first))))
        self.assertIn("<success", stream.ask(response(last)))
        thief = Stream()
        self.assertIn("<challenge", thief.ask(auth("SCRAM-SHA-256", scram.first)))
        self.assertEqual(condition(thief.ask(response(last))), "not-authorized", "the nonce is of another exchange")

    def test_steps_out_of_turn(self):
        first = auth("SCRAM-SHA-256", Scram("romeo", "romeo-secret", "sha256").first)
        for text in (first, response("c=biws,r=x"), response(""), response("\0" * 5000), f"<response xmlns='{SASL}'>%</response>",
                     f"<success xmlns='{SASL}'/>", f"<response xmlns='{SASL2}'>AAAA</response>"):
            stream = Stream()
            stream.ask(first)
            heard = stream.ask(text)
            self.assertNotIn("<success", heard, text[:60])
            self.assertIn("<failure", heard, text[:60])
        self.assertIn("not-authorized", Stream().ask(response("AAAA")))
        two = Stream()
        two.say(first + first)
        self.assertIn("<failure", two.hear("</challenge>") + two.hear("</failure>"), "two negotiations at once")

    def test_unknown_users_look_like_others(self):
        seen = set()
        for _ in range(2):
            parts = challenge_of(Stream().ask(auth("SCRAM-SHA-256", Scram("nobody", "x", "sha256").first))).split(",")
            seen.add(",".join(parts[1:]))
        self.assertEqual(len(seen), 1, "a salt that changes tells that there is no such user")
        real = challenge_of(Stream().ask(auth("SCRAM-SHA-256", Scram("romeo", "x", "sha256").first))).split(",")
        self.assertEqual(real[2], seen.pop().split(",")[1], "the count of iterations tells")


class Certificates(unittest.TestCase):
    def test_one_address_needs_no_word(self):
        stream = Stream(romeos)
        self.assertEqual(stream.mechanisms()[0], "EXTERNAL")
        self.assertIn("<success", stream.ask(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>"))
        stream.open()
        stream.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        self.assertIn(f"romeo@{DOMAIN}/", stream.hear("</iq>"))
        self.assertIn("<success", Stream(romeos).ask(auth("EXTERNAL", f"romeo@{DOMAIN}")))

    def test_the_extensible_profile_as_well(self):
        heard = Stream(romeos, f"romeo@{DOMAIN}").ask(authenticate("EXTERNAL", "", "<bind xmlns='urn:xmpp:bind:0'><tag>x</tag></bind>"))
        self.assertIn(f"<authorization-identifier>romeo@{DOMAIN}/x/", heard)

    def test_it_speaks_for_nobody_else(self):
        for text in (f"juliet@{DOMAIN}", f"romeo@{DOMAIN}/desk", "romeo@elsewhere.test", "@@"):
            self.assertEqual(condition(Stream(romeos).ask(auth("EXTERNAL", text))), "invalid-authzid", text)
        self.assertEqual(condition(Stream(romeos, f"juliet@{DOMAIN}").ask(authenticate("EXTERNAL", f"romeo@{DOMAIN}"))), "invalid-authzid")

    def test_of_several_addresses_one_must_be_said(self):
        self.assertEqual(condition(Stream(boths).ask(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")), "invalid-authzid")
        self.assertIn("<success", Stream(boths).ask(auth("EXTERNAL", f"juliet@{DOMAIN}")))
        self.assertIn("<success", Stream(boths, f"juliet@{DOMAIN}").ask(authenticate("EXTERNAL", "")))

    def test_a_user_who_does_not_exist(self):
        self.assertEqual(condition(Stream(nobodys).ask(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")), "not-authorized")

    def test_what_nobody_vouches_for_is_worth_nothing(self):
        for certificate in (forged, strangers, None):
            stream = Stream(certificate)
            self.assertNotIn("EXTERNAL", stream.mechanisms())
            self.assertEqual(condition(stream.ask(auth("EXTERNAL", f"romeo@{DOMAIN}"))), "invalid-mechanism")
            self.assertIn("<success", log_in(stream, Scram("romeo", "romeo-secret", "sha256"), "SCRAM-SHA-256"), "others still work")


class Tokens(unittest.TestCase):
    def prove(self, token, binding=b"", role=b"Initiator"):
        return hmac.digest(token.encode(), role + binding, "sha256")

    def test_a_token_bound_to_the_certificate_of_the_server(self):
        stream = Stream(None, f"romeo@{DOMAIN}")
        heard = stream.ask(authenticate("PLAIN", "\0romeo\0romeo-secret", AGENT + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-ENDP'/>"))
        token = re.search("<token [^>]*token=['\"]([^'\"]*)", heard).group(1)
        again = Stream(None, f"romeo@{DOMAIN}")
        binding = hashlib.sha256(again.socket.getpeercert(binary_form=True)).digest()
        fast = AGENT + "<fast xmlns='urn:xmpp:fast:0'/>"
        self.assertEqual(condition(again.ask(authenticate("HT-SHA-256-NONE", b"romeo\0" + self.prove(token), fast))), "not-authorized")
        self.assertEqual(condition(again.ask(authenticate("HT-SHA-256-ENDP", b"romeo\0" + self.prove(token), fast))), "not-authorized")
        heard = again.ask(authenticate("HT-SHA-256-ENDP", b"romeo\0" + self.prove(token, binding), fast))
        self.assertIn(b64(self.prove(token, binding, b"Responder")), heard)
        stored = (server.data / "carillon.sqlite").read_bytes() + (server.data / "carillon.sqlite-wal").read_bytes()
        self.assertNotIn(token.encode(), stored, "the database gives tokens away")

    def test_tokens_survive_a_restart_and_no_new_password(self):
        more = AGENT.replace("d4565fa7", "00005fa7")
        heard = Stream().ask(authenticate("PLAIN", "\0juliet\0juliet-secret", more + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"))
        token = re.search("<token [^>]*token=['\"]([^'\"]*)", heard).group(1)
        request = authenticate("HT-SHA-256-NONE", b"juliet\0" + self.prove(token), more + "<fast xmlns='urn:xmpp:fast:0'/>")
        server.kill()
        server.start()
        self.assertIn("<success", Stream().ask(request))
        server.ctl("user", "passwd", f"juliet@{DOMAIN}", "--password", "juliet-secret")
        self.assertEqual(condition(Stream().ask(request)), "not-authorized")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    with tempfile.TemporaryDirectory(prefix="carillon-sasl-") as name:
        folder = pathlib.Path(name)
        trusted, other = Authority(folder, "trusted"), Authority(folder, "other")
        romeos = trusted.issue("romeos", f"romeo@{DOMAIN}")
        boths = trusted.issue("boths", f"romeo@{DOMAIN}", f"juliet@{DOMAIN}", "romeo@elsewhere.test")
        nobodys = trusted.issue("nobodys", f"nobody@{DOMAIN}")
        strangers = trusted.issue("strangers", "romeo@elsewhere.test")
        forged = other.issue("forged", f"romeo@{DOMAIN}")
        server = Server(sys.argv.pop(1), more=f'[tls]\nclient_authorities = "{folder / "trusted.pem"}"', relay=False)
        try:
            result = unittest.main(exit=False, verbosity=2, warnings="ignore").result
        finally:
            server.stop()
    sys.exit(not result.wasSuccessful())
