"""BOSH (XEP-0124, XEP-0206) corner by corner, request by request.  Usage: bosh_test.py FOLDER_OF_PROGRAMS"""
import base64
import concurrent.futures
import hashlib
import http.client
import pathlib
import re
import sys
import time
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

BIND = "http://jabber.org/protocol/httpbind"
MORE = """
[web]
bosh_wait = "5 s"
bosh_inactivity = "5 s"
"""


def post(text, path="/http-bind", method="POST", headers=None, connection=None):
    link = connection or http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
    link.request(method, path, text.encode() if isinstance(text, str) else text, {"Content-Type": "text/xml", **(headers or {})})
    answer = link.getresponse()
    return answer, answer.read().decode()


class Session:
    """A client that says exactly what it is told."""

    def __init__(self, rid=1000, hold=1, wait=5, **more):
        self.rid, self.link = rid, http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
        more = {"to": DOMAIN, "ver": "1.6", "hold": hold, "wait": wait, "xml:lang": "en", **more}
        self.created = self.raw(rid, "", **{"xmpp:version": "1.0", "xmlns:xmpp": "urn:xmpp:xbosh", **more}, sid=None)
        self.sid = self.root().get("sid")

    def root(self, text=None):
        return ElementTree.fromstring(text or self.created)

    def raw(self, rid, payload, own_link=False, sid=..., **attributes):
        sid = self.sid if sid is ... else sid
        if sid:
            attributes["sid"] = sid
        text = f"<body xmlns='{BIND}' rid='{rid}' " + " ".join(f"{k}='{v}'" for k, v in attributes.items()) + f">{payload}</body>"
        return post(text, connection=None if own_link else self.link)[1]

    def say(self, payload="", **attributes):
        self.rid += 1
        return self.raw(self.rid, payload, **attributes)

    def log_in(self, name, resource):
        token = base64.b64encode(f"\0{name}\0{name}-secret".encode()).decode()
        heard = self.say(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
        assert "<success" in heard, heard
        heard = self.say(**{"xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh", "to": DOMAIN})
        assert "xmpp-bind" in heard and "urn:xmpp:sm" not in heard, heard
        heard = self.say("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                         f"<resource>{resource}</resource></bind></iq>")
        assert f"/{resource}" in heard, heard
        heard = self.say("<presence xmlns='jabber:client'/>")
        while f'<presence xmlns="jabber:client" from="{name}@{DOMAIN}/{resource}"' not in heard:  # others' may come before
            heard += self.say()
        self.heard = heard
        return self

    def end(self):
        return self.say("<presence xmlns='jabber:client' type='unavailable'/>", type="terminate")


def message(body, to=f"juliet@{DOMAIN}/b"):
    return f"<message xmlns='jabber:client' to='{to}' type='chat'><body>{body}</body></message>"


def bodies(text):
    return re.findall(r"<body>([^<]*)</body>", text)


class Bosh(unittest.TestCase):
    def condition(self, text):
        root = ElementTree.fromstring(text)
        self.assertEqual(root.get("type"), "terminate", text)
        return root.get("condition")

    def test_session_creation_tells_the_terms(self):
        session = Session(hold=1, wait=60, ver="1.11")
        root = session.root()
        for name, value in {"wait": "5", "hold": "1", "requests": "2", "inactivity": "5", "ver": "1.11", "from": DOMAIN, "ack": "1000",
                            "{urn:xmpp:xbosh}version": "1.0", "{urn:xmpp:xbosh}restartlogic": "true"}.items():
            self.assertEqual(root.get(name), value, name)
        self.assertGreater(len(root.get("sid")), 20)
        self.assertTrue(root.get("authid"))
        self.assertIn("SCRAM-SHA-256", session.created)
        self.assertEqual(self.condition(session.say(type="terminate")), None)
        self.assertEqual(self.condition(session.say()), "item-not-found")

    def test_what_is_no_request(self):
        for text in ("", "hello", "<body", f"<body xmlns='{BIND}'/>", "<body rid='1' to='x'/>", f"<body xmlns='{BIND}' rid='x' to='{DOMAIN}'/>",
                     f"<body xmlns='{BIND}' rid='99999999999999999999' to='{DOMAIN}'/>", b"\xff\xfe\x00",
                     f"<!DOCTYPE x [<!ENTITY a 'ha'>]><body xmlns='{BIND}' rid='1' to='{DOMAIN}'>&a;</body>"):
            self.assertEqual(self.condition(post(text)[1]), "bad-request", text)
        self.assertEqual(self.condition(post(f"<body xmlns='{BIND}' rid='1'/>")[1]), "improper-addressing")
        self.assertEqual(self.condition(post(f"<body xmlns='{BIND}' rid='1' to='elsewhere.test' wait='5' hold='1'/>")[1]), "host-unknown")
        self.assertEqual(self.condition(post(f"<body xmlns='{BIND}' rid='1' sid='nobody'/>")[1]), "item-not-found")
        deep = "<a>" * 500 + "</a>" * 500
        self.assertEqual(self.condition(post(f"<body xmlns='{BIND}' rid='1' to='{DOMAIN}'>{deep}</body>")[1]), "policy-violation")
        self.assertEqual(post("x" * 2_000_000)[0].status, 413)

    def test_scripts_of_other_pages(self):
        answer, _ = post("", method="OPTIONS", headers={"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.getheader("Access-Control-Allow-Origin"), "*")
        self.assertIn("POST", answer.getheader("Access-Control-Allow-Methods"))
        answer, _ = post(f"<body xmlns='{BIND}' rid='1' sid='nobody'/>", headers={"Origin": "https://chat.example"})
        self.assertEqual(answer.getheader("Access-Control-Allow-Origin"), "*")

    def test_it_is_advertised(self):
        self.assertIn("urn:xmpp:alt-connections:xbosh", post("", "/.well-known/host-meta", "GET")[1])
        self.assertIn(f"http://127.0.0.1:{server.http_port}/http-bind", post("", "/.well-known/host-meta.json", "GET")[1])

    def test_a_conversation(self):
        romeo, juliet = Session().log_in("romeo", "a"), Session().log_in("juliet", "b")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(juliet.say)
            romeo.say("".join(message(f"number {n}") for n in range(20)) + "<iq xmlns='jabber:client' type='get' id='p' "
                      "to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % DOMAIN)
            heard = bodies(waiting.result())
            while len(heard) < 20:
                heard += bodies(juliet.say())
        self.assertEqual(heard, [f"number {n}" for n in range(20)])
        romeo.end()
        juliet.end()

    def test_requests_are_dealt_with_in_order(self):
        romeo, juliet = Session().log_in("romeo", "order"), Session().log_in("juliet", "b2")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            second = pool.submit(romeo.raw, romeo.rid + 2, message("second", f"juliet@{DOMAIN}/b2"), True)
            time.sleep(0.3)
            romeo.raw(romeo.rid + 1, message("first", f"juliet@{DOMAIN}/b2"), True)
            heard = []
            while len(heard) < 2:
                heard += bodies(juliet.say())
            self.assertEqual(heard, ["first", "second"])
            second.result()

    def test_an_answer_may_be_asked_for_again(self):
        session = Session().log_in("romeo", "again")
        ping = f"<iq xmlns='jabber:client' type='get' id='once' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        first = session.say(ping)
        self.assertIn("once", first)
        self.assertEqual(session.raw(session.rid, ping, own_link=True), first)
        self.assertEqual(self.condition(session.raw(session.rid - 50, "")), "item-not-found")

    def test_rids_beyond_the_window(self):
        session = Session()
        self.assertEqual(self.condition(session.raw(session.rid + 3, "")), "item-not-found")
        self.assertEqual(self.condition(session.say()), "item-not-found")

    def test_polling_too_fast(self):
        session = Session(hold=0)
        self.assertEqual(session.root().get("requests"), "1")
        session.say()
        self.assertEqual(self.condition(session.say()), "policy-violation")
        session = Session().log_in("romeo", "hasty")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            sent = []
            for _ in range(8):
                session.rid += 1
                sent.append(pool.submit(session.raw, session.rid, "", True))
                time.sleep(0.15)
            self.assertTrue(any("policy-violation" in one.result() or "item-not-found" in one.result() for one in sent))

    def test_a_request_is_answered_in_time(self):
        session = Session(wait=2).log_in("romeo", "patient")
        begun = time.monotonic()
        self.assertNotIn("terminate", session.say())
        self.assertTrue(1.5 < time.monotonic() - begun < 8)

    def test_pause(self):
        session = Session().log_in("romeo", "pausing")
        begun = time.monotonic()
        self.assertNotIn("terminate", session.say(pause=60))
        self.assertLess(time.monotonic() - begun, 3)
        time.sleep(6)  # longer than inactivity allows
        self.assertNotIn("terminate", session.say())
        self.assertEqual(self.condition(session.say(pause=100_000)), "policy-violation")

    def test_key_sequences(self):
        keys = [b"seed"]
        for _ in range(4):
            keys.append(hashlib.sha1(keys[-1]).hexdigest().encode())
        session = Session(newkey=keys.pop().decode())
        self.assertNotIn("terminate", session.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X'/>", key=keys.pop().decode()))
        self.assertEqual(self.condition(session.say(key="0" * 40)), "item-not-found")

    def test_nothing_is_lost_with_a_session(self):
        romeo, juliet = Session().log_in("romeo", "sender"), Session().log_in("juliet", "gone")
        romeo.say(message("into the void", f"juliet@{DOMAIN}/gone"), own_link=True)  # no request of Juliet's is there to carry it
        deadline = time.monotonic() + 30
        while any(one["jid"].endswith("/gone") for one in server.ctl("session", "list")):
            self.assertLess(time.monotonic(), deadline, "a silent session may live for ever")
            time.sleep(0.2)
        back = Session().log_in("juliet", "back")
        heard = bodies(back.heard)
        for _ in range(6):
            if heard:
                break
            heard += bodies(back.say())
        self.assertIn("into the void", heard)
        self.assertEqual(self.condition(juliet.say()), "item-not-found")
        back.end()
        # What was delivered comes no second time.
        time.sleep(0.5)
        once_more = Session(wait=1).log_in("juliet", "once-more")
        self.assertNotIn("into the void", once_more.heard + once_more.say())
        once_more.end()

    def test_oversize_stanza(self):
        session = Session().log_in("romeo", "big")
        heard = session.say(message("x" * 262_100))
        for _ in range(4):
            heard += "" if "terminate" in heard else session.say()
        self.assertIn("terminate", heard)
        self.assertIn("policy-violation", heard)

    def test_stream_management_is_not_offered(self):
        session = Session().log_in("romeo", "managed")
        self.assertIn("<failed", session.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"))

    def test_failed_log_in(self):
        session = Session()
        token = base64.b64encode(b"\0romeo\0guess").decode()
        self.assertIn("not-authorized", session.say(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>"))


if __name__ == "__main__":
    server = Server(sys.argv.pop(1), more=MORE, relay=False)
    try:
        result = unittest.main(exit=False, verbosity=2, warnings="ignore").result
        if not result.wasSuccessful():
            print(server.log_text()[-3000:])
    finally:
        server.stop()
    sys.exit(not result.wasSuccessful())
