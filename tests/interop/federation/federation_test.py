"""Users of carillond and of another server talk to each other: two servers that know of one another by the DNS alone, in
a network namespace of the test's own, first by dialback with self-signed certificates, then by certificates (EXTERNAL)
with dialback forbidden. Messages, presence, rooms on either side, discovery; and what a liar gets.
Usage: federation_test.py CARILLOND CARILLONCTL prosody|ejabberd"""
import asyncio
import pathlib
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from people import Client, until
from servers import HERE, OURS, PEERS, ROOMS_HERE, Carillon, in_namespace, serve_names, trial


async def meet_in(room, opener, guest):
    """`opener` makes the room, `guest` of the other server comes; both talk."""
    rooms = [client["xep_0045"] for client in (opener, guest)]
    names = {"opener", "guest"}
    rooms[0].join_muc(room, "opener")
    await until(lambda: f"{room}/opener" in opener.seen, f"{room} is open")
    await opener.make_instant(room)
    rooms[1].join_muc(room, "guest")
    await until(lambda: all(set(each.rooms.get(room, ())) == names for each in rooms), f"both see each other in {room}")
    for number, (client, other) in enumerate(((opener, guest), (guest, opener))):
        client.send_message(room, f"ding {number}", mtype="groupchat")
        await until(lambda: ("groupchat", f"ding {number}") in other.bodies, "a room's message")


async def talk(peer):
    there = peer.domain
    alice, bob = await Client(f"alice@{HERE}/desk").online(), await Client(f"bob@{there}/phone").online()
    for number in range(50):
        alice.send_message(f"bob@{there}", f"a{number}", mtype="chat")
        bob.send_message(f"alice@{HERE}", f"b{number}", mtype="chat")
    await until(lambda: len(bob.bodies) >= 50, f"messages from here: {bob.bodies} {alice.errors}")
    await until(lambda: len(alice.bodies) >= 50, f"messages from there: {alice.bodies} {bob.errors}")
    assert bob.bodies == [("chat", f"a{n}") for n in range(50)], bob.bodies
    assert alice.bodies == [("chat", f"b{n}") for n in range(50)], alice.bodies

    alice.send_presence_subscription(f"bob@{there}")
    await until(lambda: alice.client_roster[f"bob@{there}"]["subscription"] == "both", "a mutual subscription")
    await until(lambda: f"bob@{there}/phone" in alice.seen, "Alice sees Bob")
    await until(lambda: f"alice@{HERE}/desk" in bob.seen, "Bob sees Alice")
    bob.send_presence_subscription(f"ann@{HERE}")  # the other way round: asked from there, answered here
    ann = await Client(f"ann@{HERE}/desk").online()
    await until(lambda: bob.client_roster[f"ann@{HERE}"]["subscription"] == "both", "a mutual subscription, asked from there")
    await until(lambda: f"bob@{there}/phone" in ann.seen and f"ann@{HERE}/desk" in bob.seen, "Ann and Bob see each other")
    await ann.disconnect()
    await until(lambda: f"ann@{HERE}/desk" in bob.gone, "Bob learns that Ann has left")

    info = await alice["xep_0030"].get_info(jid=there)
    assert info["disco_info"]["identities"], "their identity"
    info = await bob["xep_0030"].get_info(jid=HERE)
    assert "urn:xmpp:ping" in info["disco_info"]["features"], "our features"
    await bob["xep_0199"].ping(f"alice@{HERE}/desk")
    await alice["xep_0199"].ping(f"bob@{there}/phone")

    room = f"tower@{peer.rooms}"
    await meet_in(room, bob, alice)
    await meet_in(f"belfry@{ROOMS_HERE}", alice, bob)

    alice.send_message("anybody@nowhere.example", "hello?", mtype="chat")
    await until(lambda: alice.errors, "a bounce for a domain that does not exist")
    assert alice.errors[0] in ("remote-server-not-found", "remote-server-timeout"), alice.errors

    alice.abort()  # the session ends without a word: rooms and the contact must learn of it
    for here, left in ((room, {"opener"}), (f"belfry@{ROOMS_HERE}", {"guest"})):
        await until(lambda: set(bob["xep_0045"].rooms.get(here, ())) == left, f"{here} learns that Alice is gone")
    await until(lambda: f"alice@{HERE}/desk" in bob.gone, "Bob learns that Alice is gone")
    await bob.disconnect()


async def lie(there):
    """A server that claims to be somebody else: refused, each time with the right word."""

    async def stream(source, target=HERE):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(OURS, 5270, ssl=context)
        writer.write((
            "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
            f"xmlns:db='jabber:server:dialback' version='1.0' to='{target}' from='{source}'>").encode())
        return reader, writer

    async def ends_with(reader, *words):
        text = (await asyncio.wait_for(reader.read(), 20)).decode()
        assert any(word in text for word in words), text

    async def says(reader, word):
        text = ""
        while word not in text:
            more = await asyncio.wait_for(reader.read(4096), 20)
            assert more, text
            text += more.decode()

    message = f"<message from='bob@{there}' to='alice@{HERE}' type='chat'><body>forged</body></message>"
    reader, writer = await stream(there)
    writer.write(message.encode())  # nothing has been proved
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(HERE)  # one of our own domains
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(there, "elsewhere.example")
    await ends_with(reader, "host-unknown")
    reader, writer = await stream(there)  # a key that the real server never made
    writer.write(f"<db:result from='{there}' to='{HERE}'>{'0' * 64}</db:result>".encode())
    await ends_with(reader, "type='invalid'", "not-authorized")
    reader, writer = await stream(there)
    writer.write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
    await says(reader, "<not-authorized/>")
    writer.write(message.encode())
    await ends_with(reader, "not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'")
    reader, writer = await stream(there)  # answers to what was never asked
    writer.write((f"<db:result from='{there}' to='{HERE}' type='valid'/>"
                  f"<db:verify from='{there}' to='{HERE}' id='1' type='valid'/>" + message).encode())
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(there)
    writer.write(f"<db:verify from='{there}' to='elsewhere.example' id='1'>key</db:verify>".encode())
    await says(reader, "<item-not-found ")
    writer.write(f"<db:result from='{there}' to='elsewhere.example'>key</db:result>".encode())
    await says(reader, "<item-not-found ")
    writer.write(f"<db:result from='nowhere.example' to='{HERE}'>key</db:result>".encode())
    await says(reader, "<remote-server-not-found ")  # said of the way, not of the key: the stream goes on
    writer.write(f"<db:verify from='{there}' to='{HERE}' id='1'>wrong</db:verify>".encode())
    await says(reader, "type='invalid'")
    reader, writer = await stream(there)
    writer.write(b"<message><" + b"x" * 11_000)  # more than a stranger may say
    await ends_with(reader, "policy-violation")
    reader, writer = await stream(there)
    writer.write(b"<!-- a remark -->")
    await ends_with(reader, "restricted-xml")
    reader, writer = await stream(there)
    writer.write(b"<message><" + b"x" * 2_000_000)
    await ends_with(reader, "policy-violation")


def everything(strict):
    def run(carillon, peer):
        carillon.ctl("user", "add", f"ann@{HERE}", "--password", "secret")
        asyncio.run(asyncio.wait_for(talk(peer), 90))
        if not strict:
            asyncio.run(asyncio.wait_for(lie(peer.domain), 60))
        found = f"link open from={HERE} to={peer.domain} secure=true verified={'true' if strict else 'false'}"
        assert found in carillon.log_text(), "how the link was opened"
        print("certificates" if strict else "dialback", "passed", flush=True)

    return run


def main(words):
    programs, peer = words[:2], PEERS[words[2]]
    names = serve_names(peer.name)
    for strict in (False, True):
        trial(lambda folder, **more: Carillon(folder, programs, **more), peer, strict, everything(strict))
    assert (f"_xmpps-server._tcp.{peer.name}.example", 33) in names.asked, "XEP-0368 records were asked for"


if __name__ == "__main__":
    in_namespace(__file__, main)
