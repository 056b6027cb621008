"""Administration by a foreign client (slixmpp, XEP-0050 and 0133), announcements, the user directory (XEP-0055), and a search
in the archive (XEP-0431).  Usage: admin_test.py BINARIES"""
import asyncio
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError

from house import Client, House, run, until

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"
SEARCH = "jabber:iq:search"
FORM = "{jabber:x:data}"
MAM = "urn:xmpp:mam:2"


class Person(Client):
    def __init__(self, jid, password="secret"):
        super().__init__(jid)
        self.password = password
        for plugin in ("xep_0004", "xep_0050", "xep_0133", "xep_0054"):
            self.register_plugin(plugin)
        self.failed = asyncio.Event()
        self.heard = []
        self.gone = asyncio.Event()
        self.add_event_handler("failed_auth", lambda _: self.failed.set())
        self.add_event_handler("message", lambda message: self.heard.append((message["type"], message["body"])))
        self.add_event_handler("disconnected", lambda _: self.gone.set())

    async def ask(self, kind, payload, to="localhost"):
        iq = self.make_iq(itype=kind, ito=to)
        iq.xml.append(ET.fromstring(payload))
        return (await iq.send(timeout=20)).xml

    async def command(self, node, **values):
        """Runs it through; what was told, by field, and the note."""
        answer = await self.ask("set", f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>")
        command = answer.find(f"{{{COMMANDS}}}command")
        if command.get("status") == "executing":
            assert command.find(f"{FORM}x/{FORM}instructions") is not None or node.startswith("urn:")
            kind = command.find(f"{FORM}x/{FORM}field[@var='FORM_TYPE']/{FORM}value").text
            form = self["xep_0004"].make_form(ftype="submit")
            form.add_field("FORM_TYPE", ftype="hidden", value=kind)
            for name, value in values.items():
                form.add_field(name.replace("_", "-"), ftype="text-multi" if isinstance(value, list) else None, value=value)
            request = ET.Element(f"{{{COMMANDS}}}command", node=node, sessionid=command.get("sessionid"), action="complete")
            request.append(form.xml)
            command = (await self.ask("set", ET.tostring(request))).find(f"{{{COMMANDS}}}command")
        assert command.get("status") == "completed", ET.tostring(command)
        fields = {field.get("var"): [value.text for value in field.findall(f"{FORM}value")]
                  for field in command.iter(f"{FORM}field")}
        return fields, command.findtext(f"{{{COMMANDS}}}note")

    async def admin(self, name, **values):
        return await self.command(f"{ADMIN}#{name}", **values)


async def refused(request, *conditions):
    try:
        await request
    except IqError as error:
        assert error.condition in conditions, error.condition
        return
    raise AssertionError(f"not refused with {conditions}")


async def users(house, alice, bob):
    listed = await alice["xep_0133"].get_commands("localhost")
    nodes = {item[1] for item in listed["disco_items"]["items"]}
    assert {f"{ADMIN}#{name}" for name in ("add-user", "delete-user", "disable-user", "announce", "set-motd")} <= nodes, nodes
    hers = await bob["xep_0050"].get_commands("localhost")
    assert not any(item[1].startswith(ADMIN) for item in hers["disco_items"]["items"]), "only administrators see them"
    await refused(bob.admin("get-online-users-num"), "forbidden")

    await alice.admin("add-user", accountjid="dave@localhost", password="first", password_verify="first")
    await refused(alice.admin("add-user", accountjid="dave@localhost", password="x"), "conflict")
    await refused(alice.admin("add-user", accountjid="eve@elsewhere", password="x"), "not-acceptable")
    await refused(alice.admin("add-user", accountjid="eve@localhost", password="x", password_verify="y"), "not-acceptable")
    await refused(alice.admin("add-user", accountjid="eve@localhost"), "not-acceptable")
    dave = Person("dave@localhost/new", "first")
    await dave.log_in(house.port)
    assert (await alice.admin("get-registered-users-num"))[0]["registeredusersnum"] == ["4"]
    assert "dave@localhost" in (await alice.admin("get-registered-users-list"))[0]["registereduserjids"]
    assert (await alice.admin("get-online-users-num"))[0]["onlineusersnum"] == ["3"]
    assert set((await alice.admin("get-online-users-list"))[0]["onlineuserjids"]) == {
        "alice@localhost", "bob@localhost", "dave@localhost"}
    stats, _ = await alice.admin("user-stats", accountjid="dave@localhost")
    assert stats["onlineresources"] == ["new"] and stats["ipaddresses"] == ["127.0.0.1"] and stats["rostersize"] == ["0"]

    await alice.admin("change-user-password", accountjid="dave@localhost", password="second")
    await alice.admin("end-user-session", accountjids=["dave@localhost/new"])
    await asyncio.wait_for(dave.gone.wait(), 15)
    dave.abort()
    again = Person("dave@localhost/new", "second")
    await again.log_in(house.port)

    await alice.admin("disable-user", accountjids=["dave@localhost"])
    await asyncio.wait_for(again.gone.wait(), 15)
    again.abort()
    assert (await alice.admin("get-disabled-users-list"))[0]["disableduserjids"] == ["dave@localhost"]
    barred = Person("dave@localhost/new", "second")
    barred.connect(("127.0.0.1", house.port))
    await asyncio.wait_for(barred.failed.wait(), 15)
    barred.abort()
    await refused(alice.admin("disable-user", accountjids=["alice@localhost"]), "not-allowed")
    await alice.admin("reenable-user", accountjids=["dave@localhost"])
    back = Person("dave@localhost/new", "second")
    await back.log_in(house.port)
    await alice.admin("delete-user", accountjids=["dave@localhost"])
    await asyncio.wait_for(back.gone.wait(), 15)
    back.abort()
    assert (await alice.admin("get-registered-users-num"))[0]["registeredusersnum"] == ["3"]


async def figures(house, alice, bob):
    """XEP-0133 §4.8, §4.9, §4.16, §4.17, §4.21, §4.22."""
    await alice.update_roster("romeo@example.net", name="Romeo", groups=["Friends"])
    answer = await alice.ask("set", f"<command xmlns='{COMMANDS}' node='{ADMIN}#get-user-roster' action='execute'/>")
    command = answer.find(f"{{{COMMANDS}}}command")
    request = ET.fromstring(f"<command xmlns='{COMMANDS}' node='{ADMIN}#get-user-roster' sessionid='{command.get('sessionid')}' "
                            f"action='complete'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{ADMIN}"
                            "</value></field><field var='accountjids'><value>alice@localhost</value></field></x></command>")
    answer = await alice.ask("set", ET.tostring(request))
    item = answer.find(".//{jabber:iq:roster}query/{jabber:iq:roster}item[@jid='romeo@example.net']")
    assert item is not None and item.get("name") == "Romeo" and item.findtext("{jabber:iq:roster}group") == "Friends"
    await refused(alice.admin("get-user-roster", accountjid="nobody@localhost"), "item-not-found")
    bob.send_presence(pshow="away")
    for _ in range(100):
        idle, _ = await alice.admin("get-idle-users")
        if idle["idleuserjids"] == ["bob@localhost"]:
            break
        await asyncio.sleep(0.1)
    assert idle["idleuserjids"] == ["bob@localhost"], idle
    assert (await alice.admin("get-active-users"))[0]["activeuserjids"] == ["alice@localhost"]
    assert (await alice.admin("get-active-users-num"))[0]["activeusersnum"] == ["1"]
    assert (await alice.admin("get-idle-users-num"))[0]["idleusersnum"] == ["1"]
    bob.send_presence()
    last, _ = await alice.admin("get-user-lastlogin", accountjid="bob@localhost")
    assert last["lastlogin"][0].startswith("20") and last["lastlogin"][0].endswith("Z"), last
    last, _ = await alice.admin("get-user-lastlogin", accountjid="carol@localhost")
    assert last["lastlogin"] == ["never"], last


async def rules(house, alice, bob):
    """XEP-0133 §4.11, §4.27 to §4.29."""
    await refused(alice.admin("edit-admin", adminjids=["no address at all@@"]), "not-acceptable")
    await alice.admin("edit-admin", adminjids=["bob@localhost"])
    await bob.admin("get-online-users-num")
    await refused(bob.admin("edit-admin", adminjids=[]), "not-allowed")
    await alice.admin("set-welcome", welcome=["Welcome", "at home"])
    await bob.admin("add-user", accountjid="henry@localhost", password="secret")
    henry = Person("henry@localhost/x")
    await henry.log_in(house.port)
    await until(lambda: ("normal", "Welcome\nat home") in henry.heard, "a new user is welcomed")
    second = Person("henry@localhost/y")
    await second.log_in(house.port)
    await second["xep_0030"].get_info(jid="localhost")
    assert not [text for _, text in second.heard if text.startswith("Welcome")], "once"
    await second.disconnect()
    await refused(alice.admin("edit-blacklist", blacklistjids=["localhost"]), "not-allowed")
    await alice.admin("edit-blacklist", blacklistjids=["henry@localhost", "spam.example"])
    refusals = []
    henry.add_event_handler("message_error", lambda message: refusals.append(message["error"]["condition"]))
    henry.send_message("bob@localhost", "let me in", mtype="chat")
    await until(lambda: refusals == ["forbidden"], "who is kept out says nothing")
    await henry.disconnect()


async def rules_after_restart(house, alice, bob):
    await bob.admin("get-online-users-num")  # still one
    henry = Person("henry@localhost/x")
    await henry.log_in(house.port)
    henry.send_message("bob@localhost", "let me in now", mtype="chat")
    await henry["xep_0030"].get_info(jid="localhost")
    assert ("chat", "let me in now") not in bob.heard, "still kept out"
    await alice.admin("edit-blacklist", blacklistjids=[])
    henry.send_message("bob@localhost", "and now", mtype="chat")
    await until(lambda: ("chat", "and now") in bob.heard, "kept out no more")
    assert ("chat", "let me in") not in bob.heard and ("chat", "let me in now") not in bob.heard
    await alice.admin("delete-welcome")
    await alice.admin("edit-admin", adminjids=[])
    await refused(bob.admin("get-online-users-num"), "forbidden")
    await henry.disconnect()
    bob.heard.clear()


async def shutdown(house, alice, bob):
    await refused(alice.admin("shutdown", delay="soon"), "not-acceptable")
    await alice.admin("shutdown", delay="1", announcement=["Good night"])
    await until(lambda: ("headline", "Good night") in bob.heard, "all are told")
    await asyncio.wait_for(bob.gone.wait(), 20)
    ended = await asyncio.to_thread(house.process.wait, 30)
    assert ended == 0, f"carillond ended with {ended}"


async def announcements(house, alice, bob):
    await alice.admin("announce", subject="News", announcement=["The server", "goes to bed"])
    await until(lambda: ("headline", "The server\ngoes to bed") in bob.heard, "who is online hears it")
    await alice.admin("announce-all", announcement=["To all"])
    await until(lambda: ("normal", "To all") in bob.heard, "now")
    carol = Person("carol@localhost/late")
    await carol.log_in(house.port)
    await until(lambda: ("normal", "To all") in carol.heard, "or later")
    assert not any(body.startswith("The server") for _, body in carol.heard), "that was for those who were there"
    await alice.admin("set-motd", motd=["Be kind"])
    await until(lambda: ("headline", "Be kind") in bob.heard and ("headline", "Be kind") in carol.heard, "all are told")
    # That they had it is written after it is sent. What is answered later has been written later: a roster's item is.
    for person in (alice, bob):
        await person.update_roster("somebody@localhost", name="Somebody")
    await carol.disconnect()
    house.kill()
    house.start()
    await asyncio.gather(asyncio.wait_for(alice.gone.wait(), 15), asyncio.wait_for(bob.gone.wait(), 15))
    alice.abort()
    bob.abort()
    return


async def after_restart(house):
    alice, bob = Person("alice@localhost/desk"), Person("bob@localhost/phone")
    await asyncio.gather(alice.log_in(house.port), bob.log_in(house.port))
    await alice.admin("add-user", accountjid="fred@localhost", password="secret")
    fred = Person("fred@localhost/x")
    await fred.log_in(house.port)
    await until(lambda: ("headline", "Be kind") in fred.heard, "the message of the day outlives the process")
    await bob["xep_0030"].get_info(jid="localhost")
    assert ("headline", "Be kind") not in bob.heard, "once is enough"
    await alice.admin("delete-motd")
    await alice.admin("add-user", accountjid="gina@localhost", password="secret")
    gina = Person("gina@localhost/x")
    await gina.log_in(house.port)
    await gina["xep_0030"].get_info(jid="localhost")
    assert ("headline", "Be kind") not in gina.heard
    for client in (fred, gina):
        await client.disconnect()
    return alice, bob


async def directory(alice, bob):
    info = await alice["xep_0030"].get_info(jid="search.localhost")
    assert SEARCH in info["disco_info"]["features"]

    async def find(**fields):
        children = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        xml = await alice.ask("set", f"<query xmlns='{SEARCH}'>{children}</query>", "search.localhost")
        return {item.get("jid") for item in xml.iter(f"{{{SEARCH}}}item")}

    xml = await alice.ask("get", f"<query xmlns='{SEARCH}'/>", "search.localhost")
    assert xml.find(f".//{{{SEARCH}}}nick") is not None and xml.find(f".//{FORM}field[@var='search']") is not None
    await bob.ask("set", "<vCard xmlns='vcard-temp'><FN>Bob the Bäcker</FN><N><GIVEN>Robert</GIVEN><FAMILY>Ünder_100%</FAMILY></N>"
                         "<NICKNAME>bobby</NICKNAME></vCard>", "bob@localhost")
    assert await find(nick="bobby") == set(), "who has not asked is not found"
    await bob.command("urn:carillon:directory", listed="1")
    for fields in ({"nick": "BOBBY"}, {"last": "ünder_1"}, {"last": "100%"}, {"first": "ob"}, {"first": "rob", "nick": "bob"}):
        assert await find(**fields) == {"bob@localhost"}, fields
    for fields in ({"nick": "bo%y"}, {"last": "under"}, {"first": "rob", "nick": "alice"}):
        assert await find(**fields) == set(), fields
    await refused(find(nick="b"), "not-acceptable")
    await refused(find(), "not-acceptable")
    await refused(find(nick="x" * 300), "bad-request")
    form = alice["xep_0004"].make_form(ftype="submit")
    form.add_field("FORM_TYPE", ftype="hidden", value=SEARCH)
    form.add_field("search", value="bäcker")
    query = ET.Element(f"{{{SEARCH}}}query")
    query.append(form.xml)
    xml = await alice.ask("set", ET.tostring(query), "search.localhost")
    assert xml.find(f".//{FORM}reported/{FORM}field[@var='jid']") is not None
    assert xml.find(f".//{FORM}item/{FORM}field[@var='jid']/{FORM}value").text == "bob@localhost"
    await bob.ask("set", "<vCard xmlns='vcard-temp'><NICKNAME>robbie</NICKNAME></vCard>", "bob@localhost")
    for _ in range(60):
        if await find(nick="robbie") == {"bob@localhost"}:
            break
        await asyncio.sleep(0.1)
    assert await find(nick="robbie") == {"bob@localhost"} and await find(nick="bobby") == set(), "as the card is now"
    await bob.command("urn:carillon:directory", listed="0")
    assert await find(nick="robbie") == set()


async def archive(alice, bob):
    info = await alice["xep_0030"].get_info(jid="alice@localhost")
    assert "urn:xmpp:fulltext:0" in info["disco_info"]["features"]
    for body in ("The quick brown fox", "jumps over the lazy dog", "Käse und Brot", "quick! says the dog"):
        alice.send_message("bob@localhost", body, mtype="chat")
    secret = alice.make_message("bob@localhost", "quick: this is encrypted", mtype="chat")
    secret.xml.append(ET.fromstring("<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"))
    secret.send()
    await until(lambda: len([1 for kind, _ in bob.heard if kind == "chat"]) == 5, "all have come")

    async def find(client, words, var="{urn:xmpp:fulltext:0}fulltext"):
        found = []
        handler = slixmpp.xmlstream.handler.Callback(
            "results", slixmpp.xmlstream.matcher.MatchXPath(f"{{jabber:client}}message/{{{MAM}}}result"),
            lambda message: found.append(message.xml.findtext(f".//{{jabber:client}}body")))
        client.register_handler(handler)
        await client.ask("set", f"<query xmlns='{MAM}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{MAM}"
                                f"</value></field><field var='{var}'><value>{words}</value></field></x></query>",
                         client.boundjid.bare)
        client.remove_handler("results")
        return found

    for client in (alice, bob):
        assert await find(client, "quick") == ["The quick brown fox", "quick! says the dog"], "in order, without the encrypted"
        assert await find(client, "DOG quick") == ["quick! says the dog"], "every word"
        assert await find(client, "kase") == ["Käse und Brot"], "accents make no difference"
        assert await find(client, "jum*", "withtext") == ["jumps over the lazy dog"]
        assert await find(client, "&quot;lazy dog&quot;") == ["jumps over the lazy dog"]
        assert await find(client, "&quot;dog lazy&quot;") == []
        for odd in ("owner_word:x", "NEAR(", "-", "*", "body : x OR quick", "&quot;", "^quick)"):
            await find(client, odd)  # whatever it finds, it is no error
        assert await find(client, "nothing of the kind") == []


async def scenario(house):
    alice, bob = Person("alice@localhost/desk"), Person("bob@localhost/phone")
    await asyncio.gather(alice.log_in(house.port), bob.log_in(house.port))
    await users(house, alice, bob)
    await figures(house, alice, bob)
    await rules(house, alice, bob)
    await announcements(house, alice, bob)
    alice, bob = await after_restart(house)
    await rules_after_restart(house, alice, bob)
    await directory(alice, bob)
    await archive(alice, bob)
    await shutdown(house, alice, bob)
    for client in (alice, bob):
        client.abort()


def main():
    with House(sys.argv[1], """
[module.administration]
admins = ["alice@localhost"]
""") as house:
        run(scenario(house), 150)
    print("administration, announcements, directory and search as they should be")


if __name__ == "__main__":
    main()
