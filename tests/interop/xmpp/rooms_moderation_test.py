"""A foreign client (slixmpp) in carillond's rooms: makes and configures one, talks, changes affiliations and roles,
invites, moderates, reads the archive; and the room is as it was after SIGKILL in the middle of the talk.
Usage: rooms_moderation_test.py CARILLOND CARILLONCTL"""
import asyncio
import pathlib
import signal
import subprocess
import sys
import tempfile

import slixmpp
from slixmpp.exceptions import IqError, PresenceError

from archive_push_test import run, start
from slixmpp_test import Client, free_port, until

ROOM = slixmpp.JID("tea@conference.localhost")
SID = "urn:xmpp:sid:0"


class Guest(Client):
    def __init__(self, jid):
        super().__init__(jid)
        for plugin in (45, 249, 198, 313, 359, 421, 425):
            self.register_plugin(f"xep_{plugin:04}")
        self.heard, self.ids, self.invited, self.moderated, self.presences = [], {}, [], [], []
        self.add_event_handler("groupchat_message", self.hear)
        self.add_event_handler("groupchat_direct_invite", lambda m: self.invited.append(str(m["groupchat_invite"]["jid"])))
        self.add_event_handler("groupchat_invite", lambda m: self.invited.append("mediated"))
        self.add_event_handler("moderated_message", lambda m: self.moderated.append(m["apply_to"]["id"]))
        self.add_event_handler("groupchat_presence", self.presences.append)

    def hear(self, message):
        self.heard.append(message["body"])
        for element in message.xml.findall(f"{{{SID}}}stanza-id"):
            self.ids[message["body"]] = element.get("id")

    @property
    def muc(self):
        return self["xep_0045"]

    async def enter(self, nick, **how):
        return await self.muc.join_muc_wait(ROOM, nick, timeout=15, **how)

    def say(self, body):
        self.send_message(mto=ROOM, mbody=body, mtype="groupchat")

    async def archived(self):
        found = []
        async for message in self["xep_0313"].iterate(jid=ROOM, rsm={"max": 5}):
            found.append(message["mam_result"]["forwarded"]["stanza"]["body"])
        return found

    async def settled(self):
        management = self["xep_0198"]

        def acknowledged():
            management.request_ack()
            return management.enabled_out and not management.unacked_queue

        await until(acknowledged, "everything is acknowledged")


async def refused(work, condition):
    try:
        await work
    except (IqError, PresenceError) as error:
        found = error.condition if isinstance(error, IqError) else error.presence["error"]["condition"]
        assert found == condition, f"{found}, not {condition}"
        return
    raise AssertionError(f"not refused with {condition}")


async def talk(port):
    alice, bob, carol = (Guest(f"{name}@localhost/x") for name in ("alice", "bob", "carol"))
    for client in (alice, bob, carol):
        await client.log_in(port)
    presence, *_ = await alice.enter("Alice")
    assert {110, 201} <= set(presence["muc"]["status_codes"]), presence
    await refused(bob.enter("Bob"), "item-not-found")
    form = await alice.muc.get_room_config(ROOM)
    values = form.get_values()
    values["muc#roomconfig_persistentroom"] = True
    values["muc#roomconfig_roomname"] = "Tea"
    values["muc#roomconfig_whois"] = "anyone"
    form["type"] = "submit"
    form.set_values(values)
    await alice.muc.set_room_config(ROOM, form)
    info = await bob["xep_0030"].get_info(jid=ROOM)
    assert {"muc_persistent", "muc_nonanonymous", "urn:xmpp:mam:2"} <= set(info["disco_info"]["features"])
    items = await bob["xep_0030"].get_items(jid="conference.localhost")
    assert any(item[0] == ROOM and item[2] == "Tea" for item in items["disco_items"]["items"])
    await bob.enter("Bob")
    assert bob.muc.get_jid_property(ROOM, "Alice", "jid") == "alice@localhost/x"
    for i in range(12):
        bob.say(f"line {i}")
    lines = [f"line {i}" for i in range(12)]
    await until(lambda: alice.heard == lines and bob.heard == lines, f"all is heard, not {alice.heard}")
    assert bob.ids == alice.ids and len(bob.ids) == 12
    assert await bob.archived() == lines
    *_, history = await carol.enter("Carol", maxstanzas=3)
    await until(lambda: carol.heard == lines[-3:], f"the history is {carol.heard}")
    alice.muc.set_subject(ROOM, "Tea time")
    # Voice, kick, ban, membership.
    await refused(bob.muc.set_role(ROOM, "Carol", "none"), "forbidden")
    await alice.muc.set_role(ROOM, "Carol", "none", reason="late")
    await until(lambda: any(307 in p["muc"]["status_codes"] for p in carol.presences), "Carol is kicked")
    await alice.muc.set_affiliation(ROOM, "outcast", jid="carol@localhost")
    await refused(carol.enter("Carol"), "forbidden")
    await alice.muc.set_affiliation(ROOM, "none", jid="carol@localhost")
    await alice.muc.set_affiliation(ROOM, "member", jid="bob@localhost")
    assert await alice.muc.get_affiliation_list(ROOM, "member") == ["bob@localhost"]
    alice.muc.invite(ROOM, "carol@localhost", "do come")
    bob["xep_0249"].send_invitation("carol@localhost/x", ROOM)
    await until(lambda: len(carol.invited) >= 2, f"both ways of inviting, not {carol.invited}")
    # Moderation: the message is gone from the archive.
    await alice["xep_0425"].moderate(ROOM, alice.ids["line 3"], "rude")
    await until(lambda: bob.moderated == [alice.ids["line 3"]], "Bob is told what is taken back")
    lines.remove("line 3")
    assert [body for body in await bob.archived() if body.startswith("line")] == lines
    # Killed while they talk: what was acknowledged is there.
    for i in range(12, 30):
        bob.say(f"line {i}")
    await bob.settled()
    for client in (alice, bob, carol):
        client.abort()
    return lines + [f"line {i}" for i in range(12, 30)]


async def after_kill(port, lines):
    bob, carol = Guest("bob@localhost/x"), Guest("carol@localhost/x")
    await carol.log_in(port)
    await bob.log_in(port)
    presence, subject, *_ = await bob.enter("Bob", maxstanzas=5)
    assert presence["muc"]["affiliation"] == "member", "affiliations last"
    assert subject["subject"] == "Tea time", "so does the subject"
    await until(lambda: bob.heard == lines[-5:], f"the history is {bob.heard}")
    found = [body for body in await bob.archived() if body.startswith("line")]
    assert found == lines, f"{found}\nis not\n{lines}"
    *_, history = await carol.enter("Carol")
    bob.say("on we go")
    await until(lambda: carol.heard[-1:] == ["on we go"], "the room lives")
    for client in (bob, carol):
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
[federation]
port = 0
tls_port = 0
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
            lines = run(talk(port))
            server.kill()
            server.wait(20)
            server = start(carillond, config)
            run(after_kill(port, lines))
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
