"""slixmpp in rooms: makes one, configures it, talks, invites, moderates, reads its archive; the server is killed in between.
Usage: rooms_test.py BINARIES"""
import asyncio
import pathlib
import ssl
import sys
import unittest

import slixmpp
from slixmpp.exceptions import IqError, PresenceError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SERVICE = f"conference.{DOMAIN}"
BINARIES = sys.argv.pop(1)


class Person(slixmpp.ClientXMPP):
    def __init__(self, user):
        super().__init__(f"{user}@{DOMAIN}/there", f"{user}-secret")
        for plugin in ("xep_0004", "xep_0030", "xep_0045", "xep_0050", "xep_0054", "xep_0199", "xep_0249", "xep_0313"):
            self.register_plugin(plugin)
        self.ssl_context = ssl._create_unverified_context()
        self.said, self.invited, self.presences, self.refused, self.subjects = [], [], [], [], []
        self.add_event_handler("message_error", self.refused.append)
        self.add_event_handler("groupchat_message", self.said.append)
        self.add_event_handler("groupchat_subject", lambda message: self.subjects.append(message["subject"]))
        self.add_event_handler("groupchat_direct_invite", self.invited.append)
        self.add_event_handler("groupchat_invite", self.invited.append)
        self.add_event_handler("groupchat_presence", self.presences.append)
        self.muc = self["xep_0045"]

    async def log_in(self, port):
        self.connect(("127.0.0.1", port))
        await self.wait_until("session_start", 60)
        self.send_presence()
        return self

    def bodies(self):
        return [message["body"] for message in self.said if message["body"]]


async def until(reached, what, seconds=60):
    for _ in range(int(seconds / 0.05)):
        if reached():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


def asynchronous(test):
    """Runs the test with three people logged in. Not IsolatedAsyncioTestCase: its debug mode tells of every slow step."""
    def run(self):
        async def whole():
            await self.log_people_in()
            try:
                await test(self)
            finally:
                await self.log_people_out()
        asyncio.run(whole())
    return run


class Rooms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARIES, relay=False, users=("romeo", "juliet", "tybalt"))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    async def log_people_in(self):
        self.people = [await Person(user).log_in(self.server.port) for user in ("romeo", "juliet", "tybalt")]

    async def log_people_out(self):
        for person in self.people:
            person.disconnect()
        await asyncio.sleep(0.2)

    async def make_room(self, name, **fields):
        room = f"{name}@{SERVICE}"
        romeo = self.people[0]
        await romeo.muc.join_muc_wait(room, "Romeo", timeout=60)
        form = romeo["xep_0004"].make_form("submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/muc#roomconfig")
        for field, value in fields.items():
            form.add_field(var=f"muc#roomconfig_{field}", value=value)
        await romeo.muc.set_room_config(room, form)
        return room

    @asynchronous
    async def test_service_and_rooms_are_found(self):
        romeo = self.people[0]
        items = (await romeo["xep_0030"].get_items(jid=DOMAIN))["disco_items"]["items"]
        self.assertIn(SERVICE, [item[0] for item in items])
        room = await self.make_room("found", roomname="The found")
        listed = (await romeo["xep_0030"].get_items(jid=SERVICE))["disco_items"]["items"]
        self.assertIn((room, None, "The found"), listed)
        features = (await romeo["xep_0030"].get_info(jid=room))["disco_info"]["features"]
        for feature in ("muc_semianonymous", "muc_open", "muc_temporary", "urn:xmpp:mam:2", "urn:xmpp:occupant-id:0"):
            self.assertIn(feature, features)

    @asynchronous
    async def test_talk_history_and_subject(self):
        romeo, juliet, tybalt = self.people
        room = await self.make_room("talk")
        await juliet.muc.join_muc_wait(room, "Juliet", timeout=60)
        for number in range(20):
            (romeo, juliet)[number % 2].send_message(mto=room, mbody=str(number), mtype="groupchat")
        await until(lambda: len(romeo.bodies()) == 20 and len(juliet.bodies()) == 20, "not all heard all")
        self.assertEqual(romeo.bodies(), juliet.bodies())
        for message in romeo.said:
            if message["body"]:
                ids = message.xml.findall("{urn:xmpp:sid:0}stanza-id")
                self.assertEqual([each.get("by") for each in ids], [room])
        romeo.muc.set_subject(room, "Orchard")
        await until(lambda: "Orchard" in juliet.subjects, "the subject is not told")
        _, subject, _, _ = await tybalt.muc.join_muc_wait(room, "Tybalt", timeout=60, maxstanzas=5)
        await until(lambda: tybalt.bodies() == romeo.bodies()[15:20], "no history")
        self.assertEqual(subject["subject"], "Orchard")
        found = await juliet["xep_0313"].retrieve(jid=slixmpp.JID(room), timeout=60)
        archived = [each["mam_result"]["forwarded"]["stanza"]["body"] for each in found["mam"]["results"]]
        self.assertEqual([body for body in archived if body], romeo.bodies()[:20])

    @asynchronous
    async def test_roles_and_affiliations(self):
        romeo, juliet, tybalt = self.people
        room = await self.make_room("order", moderatedroom="1")
        await juliet.muc.join_muc_wait(room, "Juliet", timeout=60)
        with self.assertRaises(IqError):
            await juliet.muc.set_role(room, "Romeo", "none")
        juliet.send_message(mto=room, mbody="without a voice", mtype="groupchat")
        await until(lambda: juliet.refused, "speaking without a voice is not refused")
        await romeo.muc.set_role(room, "Juliet", "participant")
        await until(lambda: juliet.muc.get_jid_property(room, "Juliet", "role") == "participant", "the voice is not told")
        juliet.send_message(mto=room, mbody="with one", mtype="groupchat")
        await until(lambda: "with one" in romeo.bodies(), "the voice is not heard")
        self.assertNotIn("without a voice", romeo.bodies())
        await romeo.muc.set_affiliation(room, "outcast", jid=f"tybalt@{DOMAIN}")
        with self.assertRaises(PresenceError):
            await tybalt.muc.join_muc_wait(room, "Tybalt", timeout=60)
        self.assertEqual([str(jid) for jid in await romeo.muc.get_affiliation_list(room, "outcast")], [f"tybalt@{DOMAIN}"])
        with self.assertRaises(PresenceError):
            await tybalt.muc.join_muc_wait(room, "Juliet", timeout=60)

    @asynchronous
    async def test_members_only_and_invitations(self):
        romeo, juliet, tybalt = self.people
        room = await self.make_room("closed", membersonly="1", whois="anyone")
        with self.assertRaises(PresenceError):
            await tybalt.muc.join_muc_wait(room, "Tybalt", timeout=60)
        romeo.muc.invite(room, f"juliet@{DOMAIN}", reason="come")
        await until(lambda: juliet.invited, "no invitation")
        await juliet.muc.join_muc_wait(room, "Juliet", timeout=60)
        occupant = romeo.muc.get_jid_property(room, "Juliet", "jid")
        self.assertEqual(str(occupant), str(juliet.boundjid))

    @asynchronous
    async def test_avatar_and_hats(self):
        romeo, juliet, _ = self.people
        room = await self.make_room("faces")
        await juliet.muc.join_muc_wait(room, "Juliet", timeout=60)
        card = romeo["xep_0054"].make_vcard()
        card["PHOTO"]["TYPE"], card["PHOTO"]["BINVAL"] = "image/png", b"hello"
        await romeo["xep_0054"].publish_vcard(jid=slixmpp.JID(room), vcard=card, timeout=60)
        got = await juliet["xep_0054"].get_vcard(jid=slixmpp.JID(room), cached=False, timeout=60)
        self.assertEqual(got["vcard_temp"]["PHOTO"]["BINVAL"], b"hello")
        form = (await juliet["xep_0030"].get_info(jid=room, cached=False))["disco_info"].xml.find("{jabber:x:data}x")
        values = {field.get("var"): field.findtext("{jabber:x:data}value") for field in form}
        self.assertEqual(values["muc#roominfo_avatarhash"], "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")

        async def run(command, **fields):
            form = romeo["xep_0004"].make_form("submit")
            form.add_field(var="FORM_TYPE", ftype="hidden", value="urn:xmpp:hats:commands")
            for field, value in fields.items():
                form.add_field(var=f"hats#{field}", value=value)
            answer = await romeo["xep_0050"].send_command(room, f"urn:xmpp:hats:commands:{command}", payload=form, timeout=60)
            self.assertEqual(answer["command"]["status"], "completed")

        await run("create", title="Poet", uri="urn:example:hats#poet")
        await run("assign", jid=f"juliet@{DOMAIN}", uri="urn:example:hats#poet")
        await until(lambda: any(presence.xml.find("{urn:xmpp:hats:0}hats/{urn:xmpp:hats:0}hat") is not None
                                for presence in juliet.presences), "the hat is not shown")

    @asynchronous
    async def test_a_persistent_room_outlives_the_server(self):
        romeo, juliet, _ = self.people
        room = await self.make_room("lasting", persistentroom="1", roomname="Lasting")
        await romeo.muc.set_affiliation(room, "admin", jid=f"juliet@{DOMAIN}")
        romeo.muc.set_subject(room, "For ever")
        for number in range(50):
            romeo.send_message(mto=room, mbody=f"m{number}", mtype="groupchat")
        await until(lambda: len(romeo.bodies()) == 50, "not all came back")
        self.server.kill()
        self.server.start()
        again = await Person("juliet").log_in(self.server.port)
        self.people.append(again)
        presence, subject, _, _ = await again.muc.join_muc_wait(room, "Juliet", timeout=60, maxstanzas=50)
        self.assertEqual(presence["muc"]["affiliation"], "admin")
        self.assertEqual(subject["subject"], "For ever")
        await until(lambda: len(again.bodies()) == 50, f"history of {len(again.bodies())}")
        self.assertEqual(again.bodies(), [f"m{number}" for number in range(50)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
