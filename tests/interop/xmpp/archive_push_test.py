"""A foreign client (slixmpp) against carillond's message archive and push notifications: pages both ways, what is
archived outlives SIGKILL once it is acknowledged, and a client plays the app server that a sleeping device named.
Usage: archive_push_test.py CARILLOND CARILLONCTL"""
import asyncio
import pathlib
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from slixmpp_test import Client, free_port, until

PUBSUB = "http://jabber.org/protocol/pubsub"
PUSH = "urn:xmpp:push:0"
FORM = "jabber:x:data"


class ArchiveClient(Client):
    def __init__(self, jid):
        super().__init__(jid)
        self.register_plugin("xep_0313")
        self.register_plugin("xep_0198")
        self.register_plugin("xep_0359")

    async def archived(self, **how):
        amount = how.pop("amount", 10)
        found = []
        async for message in self["xep_0313"].iterate(rsm={"max": amount}, **how):
            found.append(message["mam_result"]["forwarded"]["stanza"]["body"])
        return found

    async def ask(self, kind, payload):
        iq = self.make_iq(itype=kind)
        iq.xml.append(ET.fromstring(payload))
        return await iq.send(timeout=10)


class AppServer(Client):
    """Answers what is published to it and keeps it."""

    def __init__(self, jid):
        super().__init__(jid)
        self.published = []
        self.register_handler(Callback("publish", MatchXPath(f"{{jabber:client}}iq/{{{PUBSUB}}}pubsub"), self.came))

    def came(self, iq):
        fields = {}
        for field in iq.xml.iter(f"{{{FORM}}}field"):
            fields[field.get("var")] = field.findtext(f"{{{FORM}}}value")
        fields["node"] = iq.xml.find(f".//{{{PUBSUB}}}publish").get("node")
        fields["urgent"] = iq.xml.find(".//{tigase:push:priority:0}priority") is not None
        self.published.append(fields)
        reply = iq.reply()
        reply.send()


async def archive(port):
    alice, bob = ArchiveClient("alice@localhost/desk"), ArchiveClient("bob@localhost/phone")
    await alice.log_in(port)
    info = await alice["xep_0030"].get_info(jid="alice@localhost")
    for feature in ("urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0", PUSH):
        assert feature in info["disco_info"]["features"], feature
    bodies = [f"message {i}" for i in range(25)]
    for body in bodies:
        alice.send_message("bob@localhost", body, mtype="chat")
    await alice["xep_0199"].ping("localhost")
    await bob.log_in(port)
    for client in (alice, bob):
        assert await client.archived() == bodies, "all, forwards"
        assert await client.archived(reverse=True) == bodies[::-1], "all, backwards"
    assert await alice.archived(with_jid="bob@localhost", amount=7) == bodies
    assert await alice.archived(with_jid="carol@localhost") == []
    metadata = await alice["xep_0313"].get_archive_metadata()
    assert metadata["mam_metadata"]["start"]["id"] and metadata["mam_metadata"]["end"]["id"]
    assert metadata["mam_metadata"]["start"]["timestamp"] <= metadata["mam_metadata"]["end"]["timestamp"]
    fields = await alice["xep_0313"].get_fields()
    assert {"with", "start", "end", "before-id", "after-id", "ids"} <= set(fields.get_fields())
    prefs = await alice.ask("get", "<prefs xmlns='urn:xmpp:mam:2'/>")
    assert prefs.xml.find("{urn:xmpp:mam:2}prefs").get("default") == "always"
    try:
        await alice["xep_0313"].retrieve(jid="bob@localhost")
        raise AssertionError("another's archive was given")
    except IqError as error:
        assert error.condition == "forbidden"
    # What bob was delivered names the entry in bob's archive.
    seen = asyncio.get_event_loop().create_future()
    bob.add_event_handler("message", lambda m: seen.done() or seen.set_result((m["stanza_id"]["id"], m["stanza_id"]["by"])))
    alice.send_message("bob@localhost", "the last", mtype="chat")
    identity, by = await asyncio.wait_for(seen, 10)
    assert by == "bob@localhost"
    metadata = await bob["xep_0313"].get_archive_metadata()
    assert metadata["mam_metadata"]["end"]["id"] == identity
    # Acknowledged: the killed server must have it.
    alice["xep_0198"].request_ack()
    await until(lambda: alice["xep_0198"].enabled_out and not alice["xep_0198"].unacked_queue, "everything is acknowledged")
    for client in (alice, bob):
        client.abort()
    return bodies + ["the last"]


async def after_kill(port, bodies):
    alice = ArchiveClient("alice@localhost/desk")
    await alice.log_in(port)
    assert await alice.archived() == bodies, "the archive outlives SIGKILL"
    await alice.disconnect()


async def push(port):
    app = AppServer("app@localhost/push")
    alice, bob = ArchiveClient("alice@localhost/desk"), ArchiveClient("bob@localhost/phone")
    for client in (app, alice, bob):
        await client.log_in(port)
    await bob.ask(
        "set",
        f"<enable xmlns='{PUSH}' jid='app@localhost/push' node='device-1'><x xmlns='{FORM}' type='submit'>"
        f"<field var='FORM_TYPE'><value>{PUBSUB}#publish-options</value></field>"
        "<field var='secret'><value>s3cret</value></field></x></enable>",
    )
    alice.send_message("bob@localhost", "seen", mtype="chat")
    await until(lambda: "seen" in bob.bodies, "bob is here")
    assert not app.published
    await bob.disconnect()
    await asyncio.sleep(0.5)
    alice.send_message("bob@localhost", "missed", mtype="chat")
    await until(lambda: len(app.published) == 1, "a message is told")
    first = app.published[0]
    assert first["node"] == "device-1" and first["message-count"] == "1" and first["secret"] == "s3cret", first
    assert "last-message-body" not in first and not first["urgent"]
    call = alice.make_message("bob@localhost", mtype="chat")
    call.xml.append(ET.fromstring("<propose xmlns='urn:xmpp:jingle-message:0' id='c1'/>"))
    call.send()
    await until(lambda: len(app.published) == 2, "a call is told")
    assert app.published[1]["urgent"]
    bob = ArchiveClient("bob@localhost/phone")
    await bob.log_in(port)
    await bob.ask("set", f"<disable xmlns='{PUSH}' jid='app@localhost/push'/>")
    await bob.disconnect()
    await asyncio.sleep(0.5)
    alice.send_message("bob@localhost", "untold", mtype="chat")
    await alice["xep_0199"].ping("localhost")
    await asyncio.sleep(0.5)
    assert len(app.published) == 2, app.published
    for client in (app, alice):
        await client.disconnect()


def start(carillond, config):
    server = subprocess.Popen([carillond, "--config", str(config)], stdout=subprocess.PIPE, text=True)
    for line in server.stdout:  # the welcome ends with how to add a user
        if "Add a user" in line:
            return server
    raise AssertionError("carillond does not start")


def run(scenario):
    return asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenario, 60))


def main():
    carillond, carillonctl = sys.argv[1:3]
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "carillon.toml"
        config.write_text(
            f"""
[network]
bind = ["127.0.0.1"]
c2s_port = {port}
c2s_tls_port = 0
http_port = 0
https_port = 0
stun_port = 0
[relay]
enabled = false
[data]
dir = "{folder}/data"
"""
        )
        server = start(carillond, config)
        try:
            for user in ("alice", "bob", "app"):
                subprocess.run(
                    [carillonctl, "--data", f"{folder}/data", "user", "add", f"{user}@localhost", "--password", "secret"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            bodies = run(archive(port))
            server.kill()
            server.wait(20)
            server = start(carillond, config)
            run(after_kill(port, bodies))
            run(push(port))
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
