"""A foreign client (slixmpp) uses what modules offer: registration, invitations, carbons, blocking, private XML, last
activity, contact addresses, removal. Usage: slixmpp_modules_test.py CARILLOND CARILLONCTL"""
import asyncio
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from xml.etree import ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048 import stanza as bookmarks
from slixmpp_test import free_port, until

PLUGINS = ("xep_0004", "xep_0012", "xep_0030", "xep_0048", "xep_0049", "xep_0050", "xep_0077", "xep_0085", "xep_0191",
           "xep_0199", "xep_0280")


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password="correct horse", register=False, token=None):
        super().__init__(jid, password)
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.auto_authorize = None
        self.token = token
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.bodies = []
        self.received = []
        self.sent = []
        self.pushes = []
        self.seen = []
        self.registered = None
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("disconnected", lambda _: self.ended.set())
        self.add_event_handler("message", self.take)
        self.add_event_handler("carbon_received", lambda m: self.received.append(m["carbon_received"]["body"]))
        self.add_event_handler("carbon_sent", lambda m: self.sent.append(m["carbon_sent"]["body"]))
        self.add_event_handler("blocked", lambda iq: self.pushes.append(("block", {str(j) for j in iq["block"]["items"]})))
        self.add_event_handler("unblocked", lambda iq: self.pushes.append(("unblock", {str(j) for j in iq["unblock"]["items"]})))
        self.add_event_handler("presence", lambda p: self.seen.append((str(p["from"]), p["type"])))
        if register:
            self._always_send_everything = True  # this slixmpp keeps every IQ back until there is a session
            self.unregister_feature("register", 50)
            self.register_feature("register", self.sign_up, restart=False, order=50)

    def take(self, message):
        if message["body"]:
            self.bodies.append(message["body"])

    async def started(self, _):
        await self.get_roster()
        self.send_presence()
        self.ready.set()

    async def sign_up(self, _):
        """Before SASL: the invitation if there is one, the fields, the answers."""
        if "mechanisms" in self.features:
            return False  # logged in already
        try:
            if self.token:
                iq = self.make_iq_set()
                iq.append(ET.Element("{urn:xmpp:pars:0}preauth", token=self.token))
                await iq.send(timeout=5)
            form = await self["xep_0077"].get_registration(timeout=5)
            assert {"username", "password"} <= form["register"]["fields"], form
            iq = self.make_iq_set()
            iq["register"]["username"] = self.boundjid.user
            iq["register"]["password"] = self.password
            await iq.send(timeout=5)
            self.registered = True
        except IqError as error:
            self.registered = error.condition
        return True

    async def log_in(self, port):
        self.connect(("127.0.0.1", port))
        await asyncio.wait_for(self.ready.wait(), 15)

    async def leave(self):
        self.send_presence(ptype="unavailable", pstatus="Heading home")
        await self.disconnect()


async def refused(work):
    try:
        await work
    except IqError as error:
        return error.condition
    return "nothing"


async def registration(port):
    alice = Client("alice@localhost/desk", register=True)
    await alice.log_in(port)
    assert alice.registered is True, alice.registered
    bob = Client("bob@localhost/phone", register=True)
    await bob.log_in(port)
    twin = Client("alice@localhost/other", register=True)
    await twin.log_in(port)  # the account is there: the registration fails, the log-in does not
    assert twin.registered == "conflict", twin.registered
    await alice["xep_0077"].change_password("another horse", jid="localhost", timeout=5)
    await twin.disconnect()
    again = Client("alice@localhost/phone", "another horse")
    await again.log_in(port)
    return alice, again, bob


async def carbons(alice, phone, bob):
    info = await alice["xep_0030"].get_info(jid="localhost")
    features = info["disco_info"]["features"]
    for feature in ("urn:xmpp:carbons:2", "urn:xmpp:carbons:rules:0", "urn:xmpp:blocking", "jabber:iq:private",
                    "jabber:iq:last", "jabber:iq:register", "http://jabber.org/protocol/commands"):
        assert feature in features, feature
    await phone["xep_0280"].enable(timeout=5)
    bob.send_message("alice@localhost/desk", "to the desk", mtype="chat")
    await until(lambda: alice.bodies == ["to the desk"], "the message itself")
    await until(lambda: phone.received == ["to the desk"], f"a received copy, not {phone.received}")
    alice.send_message("bob@localhost", "from the desk", mtype="chat")
    await until(lambda: phone.sent == ["from the desk"], f"a sent copy, not {phone.sent}")
    await until(lambda: bob.bodies == ["from the desk"], "once for the addressee")
    bob.send_message("alice@localhost", "to all", mtype="chat")
    await until(lambda: "to all" in alice.bodies and "to all" in phone.bodies, "a message to all")
    await phone["xep_0280"].disable(timeout=5)
    bob.send_message("alice@localhost/desk", "alone", mtype="chat")
    await until(lambda: "alone" in alice.bodies, "the message")
    await phone["xep_0199"].ping("localhost")
    assert phone.received == ["to the desk"], phone.received


async def blocking(alice, phone, bob):
    await phone["xep_0191"].get_blocked(timeout=5)
    await alice["xep_0191"].block("bob@localhost", timeout=5)
    await until(lambda: phone.pushes == [("block", {"bob@localhost"})], f"a push, not {phone.pushes}")
    listed = await alice["xep_0191"].get_blocked(timeout=5)
    assert {str(jid) for jid in listed["blocklist"]["items"]} == {"bob@localhost"}
    assert await refused(bob["xep_0199"].send_ping("alice@localhost/desk", timeout=5)) == "service-unavailable"
    assert await refused(alice["xep_0199"].send_ping("bob@localhost/phone", timeout=5)) == "not-acceptable"
    before = list(alice.bodies)
    bob.send_message("alice@localhost", "unheard", mtype="chat")
    await bob["xep_0199"].ping("localhost")
    await alice["xep_0199"].ping("localhost")
    assert alice.bodies == before, alice.bodies
    await alice["xep_0191"].unblock("bob@localhost", timeout=5)
    await until(lambda: ("unblock", {"bob@localhost"}) in phone.pushes, "the push of it")
    await bob["xep_0199"].send_ping("alice@localhost/desk", timeout=5)


async def data(alice, phone, bob):
    kept = bookmarks.Bookmarks()
    kept.add_conference("room@muc.localhost", "ally", autojoin=True, name="A room & more")
    await alice["xep_0049"].store(kept, timeout=5)
    found = await phone["xep_0049"].retrieve("bookmarks", timeout=5)
    rooms = [room["jid"] for room in found["private"]["bookmarks"]["conferences"]]
    assert rooms == ["room@muc.localhost"], rooms

    up = await alice["xep_0012"].get_last_activity("localhost", timeout=5)
    assert 0 <= up["last_activity"]["seconds"] < 600
    assert await refused(alice["xep_0012"].get_last_activity("bob@localhost", timeout=5)) == "forbidden"
    bob.auto_authorize = True
    alice.auto_authorize = True
    alice.send_presence_subscription("bob@localhost")
    await until(lambda: alice.client_roster["bob@localhost"]["subscription"] in ("to", "both"), "a subscription")
    there = await alice["xep_0012"].get_last_activity("bob@localhost", timeout=5)
    assert there["last_activity"]["seconds"] == 0
    await bob.leave()
    await until(lambda: ("bob@localhost/phone", "unavailable") in alice.seen, "Bob's leaving")
    gone = await alice["xep_0012"].get_last_activity("bob@localhost", timeout=5)
    assert gone["last_activity"]["status"] == "Heading home", gone

    info = await alice["xep_0030"].get_info(jid="localhost")
    values = [value.text for value in info.xml.iter("{jabber:x:data}value")]
    assert "mailto:abuse@localhost" in values, values


async def invitations(alice, port, http_port):
    items = await alice["xep_0030"].get_items(jid="localhost", node="http://jabber.org/protocol/commands", timeout=5)
    assert "urn:xmpp:invite#invite" in {node for _, node, _ in items["disco_items"]["items"]}
    result = await alice["xep_0050"].send_command("localhost", "urn:xmpp:invite#invite", timeout=5)
    assert result["command"]["status"] == "completed"
    values = {field["var"]: field["value"] for field in result["command"]["form"]}
    uri = values["uri"]
    assert uri.startswith("xmpp:alice@localhost?roster;preauth=") and uri.endswith(";ibr=y"), uri
    token = uri.split("preauth=")[1].split(";")[0]
    page = await asyncio.to_thread(
        lambda: urllib.request.urlopen(f"http://127.0.0.1:{http_port}/invite?{token}", timeout=5).read().decode())
    assert uri in page and "<svg" in page and "<script" not in page
    erin = Client("erin@localhost/tablet", register=True, token=token)
    await erin.log_in(port)
    assert erin.registered is True, erin.registered
    await until(lambda: alice.client_roster["erin@localhost"]["subscription"] == "both", "contacts at once")
    await until(lambda: ("alice@localhost/desk", "available") in erin.seen, "they see one another")
    late = Client("frank@localhost/x", register=True, token=token)
    late.connect(("127.0.0.1", port))
    await asyncio.sleep(1)
    assert late.registered is not True, "the invitation was for one"
    late.abort()
    return erin


async def removal(alice, erin):
    await erin["xep_0077"].cancel_registration(timeout=5)
    await asyncio.wait_for(erin.ended.wait(), 10)
    await until(lambda: alice.client_roster["erin@localhost"]["subscription"] == "none", "the subscriptions' end")


async def scenario(port, http_port):
    alice, phone, bob = await registration(port)
    await carbons(alice, phone, bob)
    await blocking(alice, phone, bob)
    await data(alice, phone, bob)
    erin = await invitations(alice, port, http_port)
    await removal(alice, erin)
    for client in (alice, phone):
        await client.disconnect()


def main():
    carillond, carillonctl = sys.argv[1:3]
    port, http_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "carillon.toml"
        config.write_text(
            f"""
[network]
bind = ["127.0.0.1"]
c2s_port = {port}
c2s_tls_port = 0
http_port = {http_port}
https_port = 0
stun_port = 0
[relay]
enabled = false
[data]
dir = "{folder}/data"
[module.registration]
mode = "open"
attempts_per_address = 100
[module.contact]
abuse = ["mailto:abuse@localhost"]
"""
        )
        server = subprocess.Popen([carillond, "--config", str(config)], stdout=subprocess.PIPE, text=True)
        try:
            for line in server.stdout:  # the welcome ends with how to add a user
                if "Add a user" in line:
                    break
            asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenario(port, http_port), 80))
            ctl = [carillonctl, "--data", f"{folder}/data", "--json"]
            made = subprocess.run([*ctl, "invite", "create", "--account", "gina"], check=True, capture_output=True)
            assert json.loads(made.stdout)["uri"].startswith("xmpp:gina@localhost?register;preauth=")
            users = subprocess.run([*ctl, "user", "list"], check=True, capture_output=True)
            assert {user["jid"] for user in json.loads(users.stdout)} == {"alice@localhost", "bob@localhost"}
            subprocess.run([*ctl, "user", "remove", "bob@localhost"], check=True, stdout=subprocess.DEVNULL)
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
