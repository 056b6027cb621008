"""Converse.js in a headless Chromium over WebSocket against carillond: log-in, chat with a foreign client (slixmpp), a room,
an uploaded file, and the history of all that after it comes anew.
The package is installed below the build folder. Without node, npm, Chromium or a registry the test is skipped (77), but fails where
CARILLON_NO_SKIP is set.  Usage: converse_test.py BINARIES FOLDER_FOR_PACKAGES"""
import asyncio
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import urllib.parse

from slixmpp.exceptions import PresenceError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "files"))
from chromium import Chromium  # noqa: E402
from house import Client, House, run, until  # noqa: E402

SKIPPED = 1 if os.environ.get("CARILLON_NO_SKIP") else 77
ROOM = "den@conference.localhost"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT")


class Bob(Client):
    def __init__(self):
        super().__init__("bob@localhost/phone")
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0066")
        self.links = []
        self.said = []  # in the room
        self.add_event_handler("message", self.came)
        self.add_event_handler("groupchat_message", lambda message: self.said.append((message["mucnick"], message["body"])))

    def came(self, message):
        if message["oob"]["url"]:
            self.links.append(message["oob"]["url"])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def pages(folder):
    """Serves Converse and the page that starts it."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Browser:
    """Alice."""

    def __init__(self, chromium, house, port):
        self.chromium = chromium
        self.url = f"http://127.0.0.1:{port}/page.html?" + urllib.parse.urlencode({
            "websocket": f"ws://127.0.0.1:{house.http_port}/xmpp-websocket", "jid": "alice@localhost", "password": "secret"})

    async def come(self):
        self.context = await self.chromium.open(self.url)
        await self.chromium.until("window.ready === true", "Converse logs in")

    async def go(self):
        await self.chromium.close(self.context)

    async def run(self, script):
        return await self.chromium.run(f"(async () => {{ const api = _converse.api; {script} }})()")

    async def bodies(self, kind, jid):
        got = await self.run(f"const chat = await api.{kind}.get({json.dumps(jid)}); "
                             "return chat ? chat.messages.map(m => m.get('body') || m.get('oob_url') || '') : [];")
        return got or []

    async def until_bodies(self, kind, jid, wanted, what):
        for _ in range(450):
            got = await self.bodies(kind, jid)
            if all(any(each in body for body in got) for each in wanted):
                return got
            await asyncio.sleep(0.1)
        raise AssertionError(f"{what}: {got}\n" + "\n".join(self.chromium.log[-30:]))


async def chat(alice, bob):
    await alice.run("const chat = await api.chats.open('bob@localhost'); await chat.sendMessage({body: 'hello from the browser'});")
    await until(lambda: "hello from the browser" in bob.bodies, "the message comes to the other client")
    bob.send_message("alice@localhost", "and hello to you", mtype="chat")
    await alice.until_bodies("chats", "bob@localhost", ["and hello to you"], "the answer comes to the browser")


async def room(alice, bob):
    await alice.run(f"await api.rooms.open('{ROOM}', {{nick: 'alice', auto_configure: true, "
                    "roomconfig: {persistentroom: true, publicroom: true}});")
    await alice.chromium.until(f"(async () => (await _converse.api.rooms.get('{ROOM}')).session.get('connection_status') === "
                               "converse.ROOMSTATUS.ENTERED)()", "Converse enters the room that it makes")
    for last in [False] * 50 + [True]:  # until Converse has configured it, it is locked
        try:
            await bob["xep_0045"].join_muc_wait(ROOM, "bob", timeout=15)
            break
        except PresenceError as error:
            assert error.condition == "item-not-found" and not last, error.condition
            await asyncio.sleep(0.1)
    assert "alice" in bob["xep_0045"].get_roster(ROOM)
    await alice.run(f"const room = await api.rooms.get('{ROOM}'); await room.sendMessage({{body: 'welcome to the den'}});")
    await until(lambda: ("alice", "welcome to the den") in bob.said, f"what is said is heard: {bob.said}")
    bob.send_message(ROOM, "a cosy den", mtype="groupchat")
    await alice.until_bodies("rooms", ROOM, ["welcome to the den", "a cosy den"], "by both")


async def upload(house, alice, bob):
    await alice.run("const chat = await api.chats.get('bob@localhost'); "
                    "await chat.sendFiles([new File(['written in a browser'], 'note.txt', {type: 'text/plain'})]);")
    await until(lambda: bob.links, "the link comes to the other client")
    assert bob.links[0].startswith(f"https://localhost:{house.https_port}/upload/"), bob.links
    got = await asyncio.to_thread(subprocess.run, ["curl", "-sSk", bob.links[0]], capture_output=True, timeout=30)
    assert got.stdout == b"written in a browser", got
    script = f"return await (await fetch({json.dumps(bob.links[0])})).text();"
    assert await alice.run(script) == "written in a browser", "a page of another origin may read it"


async def history(alice, bob):
    """A browser that knows nothing finds all of it in the archives."""
    await alice.go()
    bob.send_message("alice@localhost", "said while you were away", mtype="chat")
    await alice.come()
    await alice.run("await api.chats.open('bob@localhost');")
    wanted = ["hello from the browser", "and hello to you", "/upload/", "said while you were away"]
    got = await alice.until_bodies("chats", "bob@localhost", wanted, "the chat's history")
    order = [next(i for i, body in enumerate(got) if each in body) for each in wanted]
    assert order == sorted(order), got
    await alice.run(f"await api.rooms.open('{ROOM}', {{nick: 'alice'}});")
    await alice.until_bodies("rooms", ROOM, ["welcome to the den", "a cosy den"], "the room's history")


async def scenario(house, chromium, port):
    alice, bob = Browser(chromium, house, port), Bob()
    await asyncio.gather(alice.come(), bob.log_in(house.port))
    await chat(alice, bob)
    await room(alice, bob)
    await upload(house, alice, bob)
    await history(alice, bob)
    await alice.go()
    await bob.disconnect()


def install(folder):
    """npm install, once for each version. What went wrong, if anything."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    done = folder / "installed"
    if done.exists() and done.read_text() == wanted:
        return None
    archive = json.loads(wanted)["dependencies"]["converse.js"]
    result = subprocess.run(["npm", "pack", f"converse.js@{archive}", "--silent"], cwd=folder, capture_output=True, text=True,
                            timeout=240)
    if result.returncode:
        return result.stderr.strip()[-500:] or "npm pack failed"
    name = result.stdout.strip().splitlines()[-1]
    subprocess.run(["tar", "xzf", name, "package/dist"], cwd=folder, check=True, timeout=120)
    done.write_text(wanted)


def main():
    for program in ("npm", "chromium", "curl"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed")
            return SKIPPED
    folder = pathlib.Path(sys.argv[2])
    if problem := install(folder):
        unreachable = any(sign in problem for sign in UNREACHABLE)
        print(("skipped: the package registry cannot be reached: " if unreachable else "npm failed: ") + problem)
        return SKIPPED if unreachable else 1
    site = folder / "package"
    shutil.copy(HERE / "page.html", site / "page.html")
    server = pages(site)
    chromium = Chromium()
    try:
        with House(sys.argv[1], users=("alice", "bob")) as house:
            run(scenario(house, chromium, server.server_address[1]), 240)
    finally:
        chromium.stop()
        server.shutdown()
    print("Converse.js chats, enters a room, uploads, and finds its history")
    return 0


if __name__ == "__main__":
    sys.exit(main())
