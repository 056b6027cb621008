"""Publish-subscribe as the clients of today use it, by a foreign client (slixmpp): OMEMO's nodes (XEP-0384), a microblog with
comments (XEP-0277, 0472), messages displayed (XEP-0490), and hostile requests.  Usage: feeds_test.py BINARIES"""
import asyncio
import pathlib
import sys
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "files"))

from house import Client, House, run, until  # noqa: E402

OMEMO = "urn:xmpp:omemo:2"
SIACS = "eu.siacs.conversations.axolotl"
BLOG = "urn:xmpp:microblog:0"
DISPLAYED = "urn:xmpp:mds:displayed:0"
ATOM = "http://www.w3.org/2005/Atom"
PUBSUB = "http://jabber.org/protocol/pubsub"
RSM = "http://jabber.org/protocol/rsm"
SERVICE = "pubsub.localhost"


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid)
        for plugin in ("xep_0004", "xep_0059", "xep_0060", "xep_0115", "xep_0163"):
            self.register_plugin(plugin)
        self.events = []
        for kind in ("publish", "retract", "delete", "purge"):
            self.add_event_handler(f"pubsub_{kind}", lambda message, kind=kind: self.told(kind, message))

    def told(self, kind, message):
        about = message.xml.find(f"{{{PUBSUB}#event}}event")[0]
        ids = [child.get("id") for child in about] or [None]
        self.events += [(kind, str(message["from"].bare), about.get("node"), each) for each in ids]

    async def publish(self, node, identity, payload, to=None, **options):
        form = None
        if options:
            form = self["xep_0004"].make_form(ftype="submit")
            form.add_field("FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#publish-options")
            for name, value in options.items():
                form.add_field(f"pubsub#{name}", value=value)
        return await self["xep_0060"].publish(to or self.boundjid.bare, node, id=identity, options=form,
                                              payload=ET.fromstring(payload))

    async def items(self, jid, node, **how):
        answer = await self["xep_0060"].get_items(jid, node, timeout=15, **how)
        return {item["id"]: item.xml[0] for item in answer["pubsub"]["items"] if len(item.xml)}

    async def ask(self, kind, payload, to=None):
        iq = self.make_iq(itype=kind, ito=to)
        iq.xml.append(ET.fromstring(payload))
        return (await iq.send(timeout=15)).xml


async def refused(request, *conditions):
    try:
        await request
    except IqError as error:
        assert error.condition in conditions, (error.condition, conditions)
        return error.iq.xml
    raise AssertionError(f"not refused with {conditions}")


def device_list(*ids, ns=OMEMO):
    name = "devices" if ns == OMEMO else "list"
    return f"<{name} xmlns='{ns}'>{''.join(f'<device id={chr(34)}{i}{chr(34)}/>' for i in ids)}</{name}>"


async def omemo(alice, phone, bob, carol):
    """XEP-0384 §5.3, §5.4: the list of devices and the bundles are open to all, contacts or not."""
    for ns, lists, bundles in ((OMEMO, f"{OMEMO}:devices", f"{OMEMO}:bundles"),):
        await alice.publish(lists, "current", device_list(1, 2), access_model="open")
        for device in (1, 2):
            await alice.publish(bundles, str(device), f"<bundle xmlns='{ns}'><ik>key of {device}</ik></bundle>", access_model="open",
                                max_items="max")
        for reader in (bob, carol):  # a contact, and one who is none
            devices = (await reader.items("alice@localhost", lists))["current"]
            assert [each.get("id") for each in devices] == ["1", "2"]
            keys = await reader.items("alice@localhost", bundles, item_ids=["2"])
            assert keys["2"].findtext(f"{{{ns}}}ik") == "key of 2", "one bundle by its id"
            assert set(await reader.items("alice@localhost", bundles)) == {"1", "2"}, "max_items=max keeps all"
    # Conversations and its kin: a node for each bundle.
    await alice.publish(f"{SIACS}.devicelist", "current", device_list(1, ns=SIACS), access_model="open")
    await alice.publish(f"{SIACS}.bundles:1", "current", f"<bundle xmlns='{SIACS}'/>", access_model="open")
    assert await carol.items("alice@localhost", f"{SIACS}.bundles:1")
    # A contact's device hears of a new one (+notify), as do the user's own.
    node = f"{OMEMO}:devices"
    await phone.publish(node, "current", device_list(1, 2, 3), access_model="open")
    for hears in (bob, alice):
        await until(lambda: ("publish", "alice@localhost", node, "current") in hears.events, "a new device is told of")
    assert not [event for event in carol.events if event[1] == "alice@localhost"], "who is no contact is told nothing"
    # Options are a precondition (XEP-0060 §7.1.5): a node that is another is not overwritten.
    error = await refused(alice.publish(node, "current", device_list(), access_model="whitelist"), "conflict")
    assert error.find(f".//{{{PUBSUB}#errors}}precondition-not-met") is not None
    await refused(carol.publish(node, "current", device_list(9), to="alice@localhost"), "forbidden")
    config = await alice["xep_0060"].get_node_config("alice@localhost", node)
    assert config["pubsub_owner"]["configure"]["form"].get_values()["pubsub#access_model"] == "open"


def entry(title, more=""):
    return (f"<entry xmlns='{ATOM}'><title type='text'>{title}</title><id>tag:localhost:{title}</id>"
            f"<published>2026-01-01T00:00:00Z</published><updated>2026-01-01T00:00:00Z</updated>{more}</entry>")


async def microblog(alice, bob, carol):
    """XEP-0277: entries, an entry's comments in a node of their own that everybody may read and write."""
    comments = f"{BLOG}:comments/one"
    link = f"<link rel='replies' title='comments' href='xmpp:{SERVICE}?;node={comments.replace('/', '%2F')}'/>"
    await alice.publish(BLOG, "one", entry("one", link), access_model="presence", max_items="max", persist_items="true")
    await until(lambda: ("publish", "alice@localhost", BLOG, "one") in bob.events, "a contact hears of the entry")
    form = alice["xep_0004"].make_form(ftype="submit")
    form.add_field("FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#node_config")
    for name, value in (("access_model", "open"), ("publish_model", "open"), ("max_items", "max"),
                        ("notify_retract", "true"), ("type", f"{BLOG}:comments")):
        form.add_field(f"pubsub#{name}", value=value)
    await alice["xep_0060"].create_node(SERVICE, comments, config=form)
    await alice["xep_0060"].subscribe(SERVICE, comments)
    got = (await bob.items("alice@localhost", BLOG))["one"]
    assert got.find(f"{{{ATOM}}}link").get("href").endswith(comments.replace("/", "%2F"))
    await bob.publish(comments, "c1", entry("nice"), to=SERVICE)
    await carol.publish(comments, "c2", entry("indeed"), to=SERVICE)
    await until(lambda: [event[3] for event in alice.events if event[2] == comments] == ["c1", "c2"], "comments are told of")
    read = await carol["xep_0060"].get_items(SERVICE, comments)
    publishers = {item["id"]: item.xml.get("publisher") for item in read["pubsub"]["items"]}
    assert publishers["c1"].startswith("bob@localhost"), f"who said it is the server's word: {publishers}"
    await refused(carol["xep_0060"].retract(SERVICE, comments, "c1"), "forbidden")
    await refused(carol.publish(comments, "c1", entry("forged"), to=SERVICE), "forbidden")
    await alice["xep_0060"].retract(SERVICE, comments, "c1", notify="true")
    assert set(await bob.items(SERVICE, comments)) == {"c2"}
    await refused(carol.items("alice@localhost", BLOG), "not-authorized")
    info = await bob["xep_0030"].get_info(jid=SERVICE, node=comments)
    assert ("pubsub", "leaf") in {identity[:2] for identity in info["disco_info"]["identities"]}
    for number in range(60):  # a feed, paged from the newest on
        await alice.publish(BLOG, f"e{number:02}", entry(f"e{number}"))
    seen, before = [], None
    for _ in range(10):
        where = f"<after>{before}</after>" if before else ""
        xml = await bob.ask("get", f"<pubsub xmlns='{PUBSUB}'><items node='{BLOG}'/><set xmlns='{RSM}'><max>25</max>{where}"
                                   "</set></pubsub>", "alice@localhost")
        page = [item.get("id") for item in xml.iter(f"{{{PUBSUB}}}item")]
        assert xml.findtext(f".//{{{RSM}}}count") == "61", "how many there are"
        seen += page
        before = xml.findtext(f".//{{{RSM}}}last")
        if len(page) < 25:
            break
    assert len(seen) == 61 and len(set(seen)) == 61 and {seen[0], seen[-1]} == {"e59", "one"}, seen


async def displayed(alice, phone, bob):
    """XEP-0490: how far a conversation has been read, for the user's own devices alone."""
    options = dict(persist_items="true", max_items="max", send_last_published_item="never", access_model="whitelist")
    for peer in ("bob@localhost", "room@conference.localhost"):
        await alice.publish(DISPLAYED, peer, f"<displayed xmlns='{DISPLAYED}'><stanza-id xmlns='urn:xmpp:sid:0' by='{peer}' id='7'/>"
                                             "</displayed>", **options)
    await until(lambda: ("publish", "alice@localhost", DISPLAYED, "bob@localhost") in phone.events, "the other device is told")
    assert set(await phone.items("alice@localhost", DISPLAYED)) == {"bob@localhost", "room@conference.localhost"}
    await refused(bob.items("alice@localhost", DISPLAYED), "not-allowed", "forbidden")
    assert not [event for event in bob.events if event[2] == DISPLAYED], "nobody else is"


async def hostile(alice, carol):
    await refused(alice.publish("n" * 5000, "1", "<a xmlns='urn:x'/>"), "not-acceptable", "bad-request", "jid-malformed")
    await refused(alice.publish("node", "i" * 5000, "<a xmlns='urn:x'/>"), "not-acceptable", "bad-request")
    # A form without end, fields of a kind that is none, options that contradict.
    fields = "".join(f"<field var='f{i}'><value>v</value></field>" for i in range(1500))
    for form in (fields, "<field var='pubsub#max_items'><value>-1</value></field>",
                 "<field var='pubsub#access_model'><value>nonsense</value></field>",
                 f"<field var='pubsub#title'>{'<value>x</value>' * 1000}</field>"):
        await refused(configured(alice, form), "not-acceptable", "bad-request")
    # More than there may be becomes what there may be.
    await configured(alice, "<field var='pubsub#max_items'><value>999999999</value></field>")
    config = await alice["xep_0060"].get_node_config(SERVICE, "made")
    assert config["pubsub_owner"]["configure"]["form"].get_values()["pubsub#max_items"] == "max"
    # Paging that is nonsense.
    for page in ("<max>-1</max>", "<max>x</max>", "<max>99999999999999999999</max><after>nothing</after>",
                 "<before>nothing such</before>", "<index>-5</index>", f"<after>{'a' * 5000}</after>"):
        try:
            await alice.ask("get", f"<pubsub xmlns='{PUBSUB}'><items node='{BLOG}'/><set xmlns='{RSM}'>{page}</set></pubsub>",
                            "alice@localhost")
        except IqError as error:
            assert error.condition in ("item-not-found", "bad-request", "feature-not-implemented", "not-acceptable"), error.condition
    # A flood of nodes ends at the bound, and nobody else pays for it.
    made = 0
    for number in range(130):
        try:
            await carol["xep_0060"].create_node(SERVICE, f"bomb-{number}", timeout=15)
            made += 1
        except IqError as error:
            assert error.condition in ("resource-constraint", "not-allowed", "policy-violation", "forbidden"), error.condition
            break
    assert made == 100, f"{made} nodes"
    await alice["xep_0060"].create_node(SERVICE, "still-there")
    # Collections that would contain themselves (XEP-0248).
    for name, parent in (("c-one", "c-two"), ("c-self", "c-self")):
        form = alice["xep_0004"].make_form(ftype="submit")
        form.add_field("FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#node_config")
        form.add_field("pubsub#node_type", value="collection")
        form.add_field("pubsub#collection", value=parent)
        try:
            await alice["xep_0060"].create_node(SERVICE, name, config=form)
        except IqError as error:
            assert error.condition in ("item-not-found", "not-acceptable", "not-allowed", "bad-request"), error.condition
    assert (await alice["xep_0030"].get_items(jid=SERVICE))["disco_items"]["items"]


def configured(client, fields):
    return client.ask("set", f"<pubsub xmlns='{PUBSUB}'><create node='made'/><configure><x xmlns='jabber:x:data' type='submit'>"
                             f"<field var='FORM_TYPE'><value>{PUBSUB}#node_config</value></field>{fields}</x></configure></pubsub>",
                      SERVICE)


async def scenario(house):
    alice, phone, bob, carol = (Person(jid) for jid in ("alice@localhost/desk", "alice@localhost/phone", "bob@localhost/x",
                                                        "carol@localhost/y"))
    for client in (alice, phone, bob, carol):
        client["xep_0163"].add_interest([f"{OMEMO}:devices", BLOG, DISPLAYED])  # at once: its hash is of all then
    await asyncio.gather(*(client.log_in(house.port) for client in (alice, phone, bob, carol)))
    for client in (alice, phone, bob, carol):  # this slixmpp's first hash is of what it knew before its plugins were there
        await client["xep_0115"].update_caps(broadcast=False)
        client.send_presence()
    alice.send_presence_subscription("bob@localhost")
    await until(lambda: alice.client_roster["bob@localhost"]["subscription"] == "both", "a mutual subscription")
    await omemo(alice, phone, bob, carol)
    await microblog(alice, bob, carol)
    await displayed(alice, phone, bob)
    await hostile(alice, carol)
    for client in (alice, phone, bob, carol):
        await client.disconnect()


def main():
    with House(sys.argv[1]) as house:
        run(scenario(house), 120)
    print("OMEMO, microblog, messages displayed, and what does not belong there")


if __name__ == "__main__":
    main()
