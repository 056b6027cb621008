"""A foreign client (slixmpp) publishes: an avatar to a contact who asks for it (XEP-0084, 0163), private bookmarks
(XEP-0402, 0223), and nodes of pubsub.localhost (XEP-0060); all of it outlives SIGKILL.
Usage: pubsub_test.py CARILLOND CARILLONCTL"""
import asyncio
import hashlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from archive_push_test import run, start
from slixmpp_test import Client, free_port, until

SERVICE = "pubsub.localhost"
PICTURE = b"\x89PNG a picture of nothing"
HASH = hashlib.sha1(PICTURE).hexdigest()


class Publisher(Client):
    def __init__(self, jid):
        super().__init__(jid)
        for plugin in ("xep_0004", "xep_0059", "xep_0060", "xep_0084", "xep_0115", "xep_0163"):
            self.register_plugin(plugin)
        self.avatars = []
        self.events = []
        self.add_event_handler("avatar_metadata_publish", self.came)
        self.add_event_handler("pubsub_publish", self.told)

    def told(self, message):
        if message["from"] == SERVICE:
            self.events.append(message["pubsub_event"]["items"]["item"]["id"])

    def came(self, message):
        self.avatars.append((str(message["from"].bare), message["pubsub_event"]["items"]["item"]["id"]))


async def personal(port):
    alice, bob, carol = (Publisher(jid) for jid in ("alice@localhost/desk", "bob@localhost/phone", "carol@localhost/x"))
    bob["xep_0163"].add_interest("urn:xmpp:avatar:metadata")
    await asyncio.gather(*(client.log_in(port) for client in (alice, bob, carol)))
    alice.send_presence_subscription("bob@localhost")
    await until(lambda: alice.client_roster["bob@localhost"]["subscription"] == "both", "a mutual subscription")
    info = await alice["xep_0030"].get_info(jid="alice@localhost")
    assert ("pubsub", "pep") in {identity[:2] for identity in info["disco_info"]["identities"]}
    assert "http://jabber.org/protocol/pubsub#publish-options" in info["disco_info"]["features"]
    await alice["xep_0084"].publish_avatar(PICTURE)
    await alice["xep_0084"].publish_avatar_metadata({"id": HASH, "type": "image/png", "bytes": len(PICTURE)})
    await until(lambda: ("alice@localhost", HASH) in bob.avatars, "the contact hears of the avatar")
    got = await bob["xep_0084"].retrieve_avatar("alice@localhost", HASH)
    assert got["pubsub"]["items"]["item"]["avatar_data"]["value"] == PICTURE
    for node in ("urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"):
        try:
            await carol["xep_0060"].get_items("alice@localhost", node)
            raise AssertionError("strangers see nothing")
        except IqError as error:
            assert error.condition == "not-authorized", error.condition

    room = ET.fromstring("<conference xmlns='urn:xmpp:bookmarks:1' name='Council' autojoin='true'/>")
    wishes = alice["xep_0004"].make_form(ftype="submit")
    wishes.add_field("FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in (("persist_items", "true"), ("max_items", "max"), ("access_model", "whitelist"),
                        ("send_last_published_item", "never")):
        wishes.add_field(f"pubsub#{name}", value=value)
    for jid in ("other@muc.localhost", "council@muc.localhost"):  # made by the first, met by the second
        await alice["xep_0060"].publish(
            "alice@localhost", "urn:xmpp:bookmarks:1", id=jid, payload=room, options=wishes
        )
    try:
        await bob["xep_0060"].get_items("alice@localhost", "urn:xmpp:bookmarks:1")
        raise AssertionError("bookmarks are private")
    except IqError as error:
        assert error.condition == "not-allowed", error.condition
    for client in (alice, bob, carol):
        await client.disconnect()


async def service(port):
    alice, bob = Publisher("alice@localhost/desk"), Publisher("bob@localhost/phone")
    await asyncio.gather(alice.log_in(port), bob.log_in(port))
    pubsub = alice["xep_0060"]
    form = alice["xep_0004"].make_form(ftype="submit")
    form.add_field("FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
    form.add_field("pubsub#max_items", value="max")
    form.add_field("pubsub#title", value="News")
    await pubsub.create_node(SERVICE, "news", config=form)
    await bob["xep_0060"].subscribe(SERVICE, "news")
    for i in range(30):
        await pubsub.publish(SERVICE, "news", id=f"i{i}", payload=ET.fromstring(f"<n xmlns='urn:n'>{i}</n>"))
    await until(lambda: bob.events == [f"i{i}" for i in range(30)], f"every item in order, not {bob.events}")
    items = await bob["xep_0060"].get_items(SERVICE, "news", max_items=3)
    assert [item["id"] for item in items["pubsub"]["items"]] == ["i29", "i28", "i27"]
    await pubsub.retract(SERVICE, "news", "i29", notify=True)
    nodes = await bob["xep_0060"].get_nodes(SERVICE)
    assert any(item[1] == "news" for item in nodes["disco_items"]["items"]), nodes
    try:
        await bob["xep_0060"].delete_node(SERVICE, "news")
        raise AssertionError("only owners delete")
    except IqError as error:
        assert error.condition == "forbidden", error.condition
    for client in (alice, bob):
        await client.disconnect()


async def after_kill(port):
    alice, bob = Publisher("alice@localhost/desk"), Publisher("bob@localhost/phone")
    bob["xep_0163"].add_interest("urn:xmpp:avatar:metadata")
    await alice.log_in(port)
    await bob.log_in(port)
    await until(lambda: ("alice@localhost", HASH) in bob.avatars, "the last item comes with presence")
    kept = await alice["xep_0060"].get_items("alice@localhost", "urn:xmpp:bookmarks:1")
    assert [item["id"] for item in kept["pubsub"]["items"]] == ["council@muc.localhost", "other@muc.localhost"]
    items = await bob["xep_0060"].get_items(SERVICE, "news", max_items=1)
    assert [item["id"] for item in items["pubsub"]["items"]] == ["i28"]
    await alice["xep_0060"].publish(SERVICE, "news", id="new", payload=ET.fromstring("<n xmlns='urn:n'/>"))
    await until(lambda: "new" in bob.events, "the subscription is still there")
    for client in (alice, bob):
        await client.disconnect()


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
            for user in ("alice", "bob", "carol"):
                subprocess.run(
                    [carillonctl, "--data", f"{folder}/data", "user", "add", f"{user}@localhost", "--password", "secret"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            run(personal(port))
            run(service(port))
            server.kill()
            server.wait(20)
            server = start(carillond, config)
            run(after_kill(port))
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
