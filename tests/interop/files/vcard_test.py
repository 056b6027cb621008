"""vCards and avatars as foreign clients (slixmpp) know them: vcard-temp (XEP-0054) and vCard4 (XEP-0292) in step, an avatar
published one way is seen the other (XEP-0084, 0153, 0398), bookmarks old and new are the same (XEP-0402, 0048, 0049).
Usage: vcard_test.py BINARIES"""
import asyncio
import base64
import hashlib
import sys
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from house import Client, House, run, until

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
HASH = hashlib.sha1(PNG).hexdigest()
OTHER = PNG + b"other"
OTHER_HASH = hashlib.sha1(OTHER).hexdigest()
UPDATE = "{vcard-temp:x:update}x/{vcard-temp:x:update}photo"
VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"
MARKS = "urn:xmpp:bookmarks:1"


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid)
        for plugin in ("xep_0004", "xep_0054", "xep_0060", "xep_0084", "xep_0115", "xep_0163"):
            self.register_plugin(plugin)
        self.hashes = {}
        self.avatars = []
        self.add_event_handler("presence_available", self.seen_photo)
        self.add_event_handler("avatar_metadata_publish", self.came)

    def seen_photo(self, presence):
        self.hashes[str(presence["from"])] = presence.xml.findtext(UPDATE)

    def came(self, message):
        self.avatars.append(message["pubsub_event"]["items"]["item"]["id"])

    async def ask(self, kind, payload, to=None):
        iq = self.make_iq(itype=kind, ito=to)
        iq.xml.append(ET.fromstring(payload))
        return (await iq.send(timeout=15)).xml

    async def items(self, node, jid=None):
        answer = await self["xep_0060"].get_items(jid or self.boundjid.bare, node)
        return {item["id"]: item.xml[0] for item in answer["pubsub"]["items"] if len(item.xml)}


async def eventually(make, wanted, what):
    got = None
    for _ in range(100):
        try:
            got = await make()
        except IqError as error:
            got = error.condition
        if wanted(got):
            return got
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what}: {got}")


async def vcards(house, alice, bob, carol):
    info = await alice["xep_0030"].get_info(jid="alice@localhost")
    for feature in ("vcard-temp", "urn:xmpp:pep-vcard-conversion:0", MARKS + "#compat", MARKS + "#compat-pep"):
        assert feature in info["disco_info"]["features"], feature
    try:
        await carol["xep_0054"].get_vcard("bob@localhost")
        raise AssertionError("there is none")
    except IqError as error:
        assert error.condition == "item-not-found"
    empty = await carol["xep_0054"].get_vcard("carol@localhost", local=False)
    assert empty.xml.find("{vcard-temp}vCard") is not None

    vcard = alice["xep_0054"].make_vcard()
    vcard["FN"] = "Alice Liddell"
    vcard["N"]["GIVEN"], vcard["N"]["FAMILY"] = "Alice", "Liddell"
    vcard["NICKNAME"] = "Al"
    vcard["BDAY"] = "1852-05-04"
    vcard["PHOTO"]["TYPE"], vcard["PHOTO"]["BINVAL"] = "image/png", PNG
    vcard["EMAIL"]["USERID"] = "alice@example.org"
    await alice["xep_0054"].publish_vcard(vcard=vcard)
    got = await carol["xep_0054"].get_vcard("alice@localhost", cached=False)
    assert got["vcard_temp"]["FN"] == "Alice Liddell" and got["vcard_temp"]["PHOTO"]["BINVAL"] == PNG, "a stranger reads it"

    new = await eventually(lambda: carol.items("urn:xmpp:vcard4", "alice@localhost"), lambda got: "current" in got,
                           "vCard4 follows")
    card = new["current"]
    assert card.findtext(f"{{{VCARD4}}}fn/{{{VCARD4}}}text") == "Alice Liddell"
    assert card.findtext(f"{{{VCARD4}}}n/{{{VCARD4}}}surname") == "Liddell"
    assert card.findtext(f"{{{VCARD4}}}email/{{{VCARD4}}}text") == "alice@example.org"

    await until(lambda: HASH in bob.avatars, "the contact hears of the avatar (vCard to PEP)")
    data = await bob["xep_0084"].retrieve_avatar("alice@localhost", HASH)
    assert data["pubsub"]["items"]["item"]["avatar_data"]["value"] == PNG
    await until(lambda: bob.hashes.get("alice@localhost/desk") == HASH, f"presence says so: {bob.hashes}")

    await alice["xep_0060"].publish("alice@localhost", "urn:xmpp:vcard4", id="current", payload=ET.fromstring(
        f"<vcard xmlns='{VCARD4}'><fn><text>Alice L.</text></fn><tel><parameters><type><text>cell</text></type></parameters>"
        "<uri>tel:+44</uri></tel></vcard>"))

    async def old():
        return (await carol["xep_0054"].get_vcard("alice@localhost", cached=False)).xml.find("{vcard-temp}vCard")

    got = await eventually(old, lambda got: got.findtext("{vcard-temp}FN") == "Alice L.", "vcard-temp follows")
    assert got.findtext("{vcard-temp}TEL/{vcard-temp}NUMBER") == "+44"
    assert got.find("{vcard-temp}TEL/{vcard-temp}CELL") is not None
    assert got.find("{vcard-temp}EMAIL") is None, "what the new card does not say is gone"
    assert got.find("{vcard-temp}PHOTO") is not None, "the picture has no place there, and stays"

    # another picture, published as an avatar
    await alice["xep_0084"].publish_avatar(OTHER)
    await alice["xep_0084"].publish_avatar_metadata({"id": OTHER_HASH, "type": "image/png", "bytes": len(OTHER)})
    binval = "{vcard-temp}PHOTO/{vcard-temp}BINVAL"
    await eventually(old, lambda got: base64.b64decode(got.findtext(binval) or "") == OTHER, "PEP to vCard")
    await until(lambda: bob.hashes.get("alice@localhost/desk") == OTHER_HASH, "and presence says so")
    phone = Person("alice@localhost/phone")
    await phone.log_in(house.port)
    await until(lambda: bob.hashes.get("alice@localhost/phone") == OTHER_HASH, "of a device that knows of no picture too")
    await phone.disconnect()
    try:
        await carol.ask("set", "<vCard xmlns='vcard-temp'><FN>Mallory</FN></vCard>", "alice@localhost")
        raise AssertionError("not hers")
    except IqError as error:
        assert error.condition == "forbidden"
    try:
        await bob.ask("set", f"<vCard xmlns='vcard-temp'><DESC>{'x' * 220_000}</DESC></vCard>")
        raise AssertionError("too large")
    except IqError as error:
        assert error.condition == "resource-constraint"


async def private_pictures(alice, bob, carol):
    """An avatar for contacts alone is not given to strangers by way of the vCard (XEP-0398 §6)."""
    await bob["xep_0084"].publish_avatar(PNG)  # makes the node, for contacts
    await bob["xep_0084"].publish_avatar_metadata({"id": HASH, "type": "image/png", "bytes": len(PNG)})

    async def card(client):
        return (await client["xep_0054"].get_vcard("bob@localhost", cached=False)).xml.find("{vcard-temp}vCard")

    await eventually(lambda: card(alice), lambda got: not isinstance(got, str) and got.find("{vcard-temp}PHOTO") is not None,
                     "a contact sees the picture")
    assert (await card(carol)).find("{vcard-temp}PHOTO") is None, "a stranger does not"


async def bookmarks(alice):
    list_of = "<storage xmlns='storage:bookmarks'>{}</storage>"
    one = "<conference jid='one@conference.localhost' name='One' autojoin='1'><nick>al</nick></conference>"
    two = "<conference jid='two@conference.localhost' name='Two'/>"
    private = "<query xmlns='jabber:iq:private'>{}</query>"
    await alice.ask("set", private.format(list_of.format(one + two + "<url url='http://x/' name='X'/>")))
    got = await eventually(lambda: alice.items(MARKS), lambda got: len(got) == 2, "the list becomes items")
    first = got["one@conference.localhost"]
    assert first.get("autojoin") == "true" and first.findtext(f"{{{MARKS}}}nick") == "al"

    options = alice["xep_0004"].make_form(ftype="submit")
    options.add_field("FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    options.add_field("pubsub#access_model", value="whitelist")
    await alice["xep_0060"].publish("alice@localhost", MARKS, id="three@conference.localhost", options=options,
                                    payload=ET.fromstring(f"<conference xmlns='{MARKS}' name='Three'/>"))
    await alice["xep_0060"].retract("alice@localhost", MARKS, "two@conference.localhost")

    async def old():
        xml = await alice.ask("get", private.format("<storage xmlns='storage:bookmarks'/>"))
        return {each.get("jid"): each for each in xml.iter("{storage:bookmarks}conference")}, xml

    rooms, xml = await eventually(old, lambda got: set(got[0]) == {"one@conference.localhost", "three@conference.localhost"},
                                  "items become the list")
    assert rooms["one@conference.localhost"].get("autojoin") == "true"
    assert xml.find(".//{storage:bookmarks}url") is not None, "what is no room stays"

    async def node():
        return {each.get("jid") for each in (await alice.items("storage:bookmarks"))["current"]}

    await eventually(node, lambda got: set(rooms) <= got, "and the list in its node (#compat-pep)")
    await alice["xep_0060"].publish("alice@localhost", "storage:bookmarks", id="current",
                                    payload=ET.fromstring(list_of.format(two)))
    await eventually(lambda: alice.items(MARKS), lambda got: set(got) == {"two@conference.localhost"}, "and back")


async def scenario(house):
    alice, bob, carol = (Person(jid) for jid in ("alice@localhost/desk", "bob@localhost/x", "carol@localhost/y"))
    bob["xep_0163"].add_interest("urn:xmpp:avatar:metadata")
    await asyncio.gather(*(client.log_in(house.port) for client in (alice, bob, carol)))
    alice.send_presence_subscription("bob@localhost")
    await until(lambda: alice.client_roster["bob@localhost"]["subscription"] == "both", "a mutual subscription")
    await vcards(house, alice, bob, carol)
    await private_pictures(alice, bob, carol)
    await bookmarks(alice)
    for client in (alice, bob, carol):
        await client.disconnect()


def main():
    with House(sys.argv[1]) as house:
        run(scenario(house), 120)
    print("vCards, avatars and bookmarks are in step")


if __name__ == "__main__":
    main()
