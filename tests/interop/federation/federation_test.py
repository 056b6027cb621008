"""Users of carillond and of prosody talk to each other: two servers that know of one another by the DNS alone, in a
network namespace of the test's own, first by dialback with self-signed certificates, then by certificates (EXTERNAL)
with dialback forbidden. Messages, presence, a room, discovery; and what a liar gets.
Usage: federation_test.py CARILLOND CARILLONCTL"""
import asyncio
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import time

HERE = "carillon.example"
THERE = "prosody.example"
ROOMS = "rooms.prosody.example"
OURS, THEIRS = "127.0.1.1", "127.0.2.1"


def openssl(*words, **more):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30, **more)


class Authority:
    def __init__(self, folder):
        self.folder = folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", "/CN=Test authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")

    def certify(self, name, domains):
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={domains[0]}",
                "-keyout", key, "-out", request)
        names = self.folder / f"{name}.ext"
        names.write_text("subjectAltName=" + ",".join(f"DNS:{domain}" for domain in domains) + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key",
                "-CAcreateserial", "-days", 2, "-extfile", names, "-out", certificate)
        return certificate, key

    def self_sign(self, name, domains):
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", f"/CN={domains[0]}", "-addext",
                "subjectAltName=" + ",".join(f"DNS:{domain}" for domain in domains), "-keyout", key, "-out", certificate)
        return certificate, key


class Carillon:
    def __init__(self, folder, programs, certificate, key, strict, authority):
        self.data = folder / "carillon-data"
        config = folder / "carillon.toml"
        config.write_text(f"""
[network]
bind = ["{OURS}"]
http_port = 0
https_port = 0
stun_port = 0
[federation]
require_certificate = {"true" if strict else "false"}
authorities = "{authority}"
[relay]
enabled = false
[log]
level = "debug"
[data]
dir = "{self.data}"
[[host]]
domain = "{HERE}"
certificate = "{certificate}"
key = "{key}"
""")
        self.log = open(folder / "carillon.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([programs[0], "--config", str(config)], stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if "Add a user" in line:
                break
        subprocess.run([programs[1], "--data", str(self.data), "user", "add", f"alice@{HERE}", "--password", "secret"],
                       check=True, stdout=subprocess.DEVNULL, timeout=20)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0

    def log_text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(encoding="utf-8")


class Prosody:
    def __init__(self, folder, certificate, key, strict, authority):
        data = folder / "prosody-data"
        accounts = data / THERE.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True)
        (accounts / "bob.dat").write_text('return { ["password"] = "secret" };\n')
        config = folder / "prosody.cfg.lua"
        config.write_text(f"""
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{data}"
interfaces = {{ "{THEIRS}" }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "dialback"; "disco"; "ping"; "presence"; "message"; "iq"; "c2s"; "s2s"; "s2s_auth_certs" }}
authentication = "internal_plain"
s2s_require_encryption = true
s2s_secure_auth = {"true" if strict else "false"}
ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{authority}"; }}
log = {{ debug = "{folder}/prosody.log" }}
VirtualHost "{THERE}"
Component "{ROOMS}" "muc"
""")
        self.path = folder / "prosody.log"
        self.process = subprocess.Popen(["prosody", "--config", str(config), "-F"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end and "Activated service 's2s'" not in self.log_text():
            time.sleep(0.1)

    def log_text(self):
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


async def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


async def talk():
    import slixmpp

    class Client(slixmpp.ClientXMPP):
        def __init__(self, jid):
            super().__init__(jid, "secret")
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = ssl.CERT_NONE
            for plugin in ("xep_0030", "xep_0045", "xep_0199"):
                self.register_plugin(plugin)
            self.auto_authorize = self.auto_subscribe = True
            self.ready, self.bodies, self.errors, self.seen, self.gone = asyncio.Event(), [], [], set(), set()
            self.add_event_handler("session_start", self.started)
            self.add_event_handler("message", lambda m: self.bodies.append((m["type"], m["body"])))
            self.add_event_handler("message_error", lambda m: self.errors.append(m["error"]["condition"]))
            self.add_event_handler("presence_available", lambda p: self.seen.add(str(p["from"])))
            self.add_event_handler("presence_unavailable", lambda p: self.gone.add(str(p["from"])))

        async def started(self, _):
            await self.get_roster()
            self.send_presence()
            self.ready.set()

    alice, bob = Client(f"alice@{HERE}/desk"), Client(f"bob@{THERE}/phone")
    for client, address in ((alice, OURS), (bob, THEIRS)):
        client.connect((address, 5222))
        await asyncio.wait_for(client.ready.wait(), 20)

    for number in range(50):
        alice.send_message(f"bob@{THERE}", f"a{number}", mtype="chat")
        bob.send_message(f"alice@{HERE}", f"b{number}", mtype="chat")
    await until(lambda: len(bob.bodies) >= 50, f"messages from here: {bob.bodies} {alice.errors}")
    await until(lambda: len(alice.bodies) >= 50, f"messages from there: {alice.bodies} {bob.errors}")
    assert bob.bodies == [("chat", f"a{n}") for n in range(50)], bob.bodies
    assert alice.bodies == [("chat", f"b{n}") for n in range(50)], alice.bodies

    alice.send_presence_subscription(f"bob@{THERE}")
    await until(lambda: alice.client_roster[f"bob@{THERE}"]["subscription"] == "both", "a mutual subscription")
    await until(lambda: f"bob@{THERE}/phone" in alice.seen, "Alice sees Bob")
    await until(lambda: f"alice@{HERE}/desk" in bob.seen, "Bob sees Alice")

    info = await alice["xep_0030"].get_info(jid=THERE)
    assert info["disco_info"]["identities"], "prosody's identity"
    info = await bob["xep_0030"].get_info(jid=HERE)
    assert "urn:xmpp:ping" in info["disco_info"]["features"], "our features"
    await bob["xep_0199"].ping(f"alice@{HERE}/desk")

    room = f"tower@{ROOMS}"
    bob["xep_0045"].join_muc(room, "bob")
    await until(lambda: f"{room}/bob" in bob.seen, "Bob is in the room")
    await bob.make_iq_set(ito=room, sub=slixmpp.xmlstream.ET.fromstring(
        "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>")).send(timeout=10)
    alice["xep_0045"].join_muc(room, "alice")
    def inside(client):
        return set(client["xep_0045"].rooms.get(room, ()))

    await until(lambda: inside(alice) == inside(bob) == {"alice", "bob"}, "both see each other in the room")
    alice.send_message(room, "ding dong", mtype="groupchat")
    await until(lambda: ("groupchat", "ding dong") in bob.bodies, "a room's message")

    alice.send_message("anybody@nowhere.example", "hello?", mtype="chat")
    await until(lambda: alice.errors, "a bounce for a domain that does not exist")
    assert alice.errors[0] in ("remote-server-not-found", "remote-server-timeout"), alice.errors

    alice.abort()  # the session ends without a word: the room and the contact must learn of it
    await until(lambda: inside(bob) == {"bob"}, "the room learns that Alice is gone")
    await until(lambda: f"alice@{HERE}/desk" in bob.gone, "Bob learns that Alice is gone")
    await bob.disconnect()


async def lie():
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

    message = f"<message from='bob@{THERE}' to='alice@{HERE}' type='chat'><body>forged</body></message>"
    reader, writer = await stream(THERE)
    writer.write(message.encode())  # nothing has been proved
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(HERE)  # one of our own domains
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(THERE, "elsewhere.example")
    await ends_with(reader, "host-unknown")
    reader, writer = await stream(THERE)  # a key that the real server never made
    writer.write(f"<db:result from='{THERE}' to='{HERE}'>{'0' * 64}</db:result>".encode())
    await ends_with(reader, "type='invalid'", "not-authorized")
    reader, writer = await stream(THERE)
    writer.write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
    await says(reader, "<not-authorized/>")
    writer.write(message.encode())
    await ends_with(reader, "not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'")
    reader, writer = await stream(THERE)  # answers to what was never asked
    writer.write((f"<db:result from='{THERE}' to='{HERE}' type='valid'/>"
                  f"<db:verify from='{THERE}' to='{HERE}' id='1' type='valid'/>" + message).encode())
    await ends_with(reader, "not-authorized")
    reader, writer = await stream(THERE)
    writer.write(f"<db:verify from='{THERE}' to='elsewhere.example' id='1'>key</db:verify>".encode())
    await says(reader, "<item-not-found ")
    writer.write(f"<db:result from='{THERE}' to='elsewhere.example'>key</db:result>".encode())
    await says(reader, "<item-not-found ")
    writer.write(f"<db:result from='nowhere.example' to='{HERE}'>key</db:result>".encode())
    await says(reader, "<remote-server-not-found ")  # said of the way, not of the key: the stream goes on
    writer.write(f"<db:verify from='{THERE}' to='{HERE}' id='1'>wrong</db:verify>".encode())
    await says(reader, "type='invalid'")
    reader, writer = await stream(THERE)
    writer.write(b"<message><" + b"x" * 11_000)  # more than a stranger may say
    await ends_with(reader, "policy-violation")
    reader, writer = await stream(THERE)
    writer.write(b"<!-- a remark -->")
    await ends_with(reader, "restricted-xml")
    reader, writer = await stream(THERE)
    writer.write(b"<message><" + b"x" * 2_000_000)
    await ends_with(reader, "policy-violation")


def trial(programs, strict):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        authority = Authority(folder)
        make = authority.certify if strict else authority.self_sign
        ours, theirs = make("ours", [HERE]), make("theirs", [THERE, ROOMS])
        carillon = Carillon(folder, programs, *ours, strict, folder / "ca.pem")
        prosody = Prosody(folder, *theirs, strict, folder / "ca.pem")
        try:
            asyncio.run(asyncio.wait_for(talk(), 60))
            if not strict:
                asyncio.run(asyncio.wait_for(lie(), 40))
            log = carillon.log_text()
            assert f"link open from={HERE} to={THERE} secure=true verified={'true' if strict else 'false'}" in log, "how the link was opened"
        except BaseException:
            print(carillon.log_text()[-6000:], prosody.log_text()[-6000:], sep="\n---- prosody\n", file=sys.stderr)
            raise
        finally:
            prosody.stop()
            carillon.stop()
        print("certificates" if strict else "dialback", "passed", flush=True)


def inside(programs):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    from names import Names
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Some resolvers never ask a server on the loopback network, nor for names under .test.
    subprocess.run(["ip", "address", "add", "10.99.0.53/32", "dev", "lo"], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
        resolv.write("nameserver 10.99.0.53\noptions timeout:2 attempts:2\n")
        resolv.flush()
        target = os.path.realpath("/etc/resolv.conf")
        pathlib.Path(target).touch()
        subprocess.run(["mount", "--bind", resolv.name, target], check=True)
        names = Names(
            {"carillon.example": OURS, "rooms.prosody.example": THEIRS, "xmpp.carillon.example": OURS, "xmpp.prosody.example": THEIRS, "prosody.example": THEIRS},
            {"_xmpp-server._tcp.carillon.example": ("xmpp.carillon.example", 5269),
             "_xmpp-server._tcp.prosody.example": ("xmpp.prosody.example", 5269),
             "_xmpp-server._tcp.rooms.prosody.example": ("xmpp.prosody.example", 5269)})
        names.start()
        for strict in (False, True):
            trial(programs, strict)
        assert ("_xmpps-server._tcp.prosody.example", 33) in names.asked, "XEP-0368 records were asked for"


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        inside(sys.argv[2:4])
    else:
        sys.exit(subprocess.run(["unshare", "--net", "--mount", "--propagation", "private", sys.executable, __file__,
                                 "--inside", *sys.argv[1:3]]).returncode)
