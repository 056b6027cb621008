"""A foreign client (slixmpp) against carillond: log-in, offline messages, subscription, roster, presence, messages,
discovery, ping. Usage: slixmpp_test.py CARILLOND CARILLONCTL"""
import asyncio
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

import slixmpp


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid):
        super().__init__(jid, "secret")
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.auto_authorize = True
        self.auto_subscribe = True
        self.ready = asyncio.Event()
        self.bodies = []
        self.seen = set()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", lambda message: self.bodies.append(message["body"]))
        self.add_event_handler("presence_available", lambda presence: self.seen.add(str(presence["from"])))

    async def started(self, _):
        await self.get_roster()
        self.send_presence()
        self.ready.set()

    async def log_in(self, port):
        self.connect(("127.0.0.1", port))
        await asyncio.wait_for(self.ready.wait(), 15)


async def until(condition, what):
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


async def scenario(port):
    alice, bob = Client("alice@localhost/desk"), Client("bob@localhost/phone")
    await alice.log_in(port)
    alice.send_message("bob@localhost", "one", mtype="chat")
    alice.send_message("bob@localhost", "two", mtype="chat")
    await alice["xep_0199"].ping("localhost")  # what was sent before has been taken by the server
    await bob.log_in(port)
    await until(lambda: bob.bodies == ["one", "two"], f"offline messages in order, not {bob.bodies}")

    alice.send_presence_subscription("bob@localhost")
    await until(lambda: alice.client_roster["bob@localhost"]["subscription"] == "both", "a mutual subscription")
    await until(lambda: "bob@localhost/phone" in alice.seen, "Alice sees Bob")
    await until(lambda: "alice@localhost/desk" in bob.seen, "Bob sees Alice")

    bob.send_message("alice@localhost", "hello", mtype="chat")
    await until(lambda: alice.bodies == ["hello"], "a message to a bare JID")
    info = await alice["xep_0030"].get_info(jid="localhost")
    assert "urn:xmpp:ping" in info["disco_info"]["features"]
    items = await alice["xep_0030"].get_info(jid="bob@localhost/phone")
    assert items["disco_info"]["identities"]
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
        server = subprocess.Popen([carillond, "--config", str(config)], stdout=subprocess.PIPE, text=True)
        try:
            for line in server.stdout:  # the welcome ends with how to add a user
                if "Add a user" in line:
                    break
            for user in ("alice", "bob"):
                subprocess.run(
                    [carillonctl, "--data", f"{folder}/data", "user", "add", f"{user}@localhost", "--password", "secret"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenario(port), 60))
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
