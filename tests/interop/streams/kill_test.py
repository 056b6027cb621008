"""carillond is killed under traffic, again and again, and started with the same data folder. Each message that it had acknowledged to its
sender (XEP-0198) must reach its recipient sooner or later or come back as an error; the recipient is online, cut off or logged out.
What was not acknowledged is sent again by the senders, so now and then a message comes twice: that is counted, not forbidden.
Not here: loss of what the operating system had not yet written to the disk (power cuts).
Usage: kill_test.py FOLDER_OF_PROGRAMS   CARILLON_KILLS: how many (20). CARILLON_SEED: when."""
import asyncio
import os
import pathlib
import random
import re
import sys
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

from sm_client import CLIENT, SmClient  # noqa: E402

KILLS = int(os.environ.get("CARILLON_KILLS", "20"))
SEED = int(os.environ.get("CARILLON_SEED", str(random.SystemRandom().randrange(1_000_000))))
SENDERS = ("romeo", "mercutio", "benvolio")
BACKLOG = 200


class Sender:
    def __init__(self, user, port):
        self.user, self.sent, self.acknowledged, self.bounced = user, 0, set(), {}
        self.client = SmClient(user, f"{user}-secret", DOMAIN, port, self.heard, pause=0.1, strict=False, acknowledged=self.note)
        self.task = asyncio.ensure_future(self.client.run())

    def heard(self, stanza):
        if stanza.tag == CLIENT + "message" and stanza.get("type") == "error":
            error = stanza.find(CLIENT + "error")
            self.bounced[stanza.get("id")] = error[0].tag.split("}")[1] if error is not None and len(error) else "?"

    def note(self, texts):
        self.acknowledged.update(match[1] for text in texts if (match := re.search(r"<message id='([^']+)'", text)))

    def write(self, to):
        self.sent += 1
        name = f"{self.user}-{self.sent}"
        self.client.send(f"<message id='{name}' to='{to}' type='chat'><body>{name}</body></message>")


class Recipient:
    """Juliet: who is online, cut off for a while, or logged out."""

    def __init__(self, port):
        self.port, self.got, self.task = port, {}, None

    def heard(self, stanza):
        if stanza.tag == CLIENT + "message":
            name = stanza.findtext(CLIENT + "body")
            self.got[name] = self.got.get(name, 0) + 1

    def come(self):
        self.client = SmClient("juliet", "juliet-secret", DOMAIN, self.port, self.heard, pause=0.1, strict=False)
        self.task = asyncio.ensure_future(self.client.run())

    def vanish(self):
        self.client.vanish()
        self.task = None

    async def leave(self):
        await self.client.log_out()
        await asyncio.wait([self.task], timeout=5)
        self.task = None


async def until(reached, seconds):
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return reached()


def ranges(numbers):
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return out[:20]


async def traffic(senders, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for sender in senders:
            if sender.task.done():
                sender.task.result()
            if len(sender.client.unacknowledged) < BACKLOG:
                sender.write(f"juliet@{DOMAIN}")
                sender.write(f"juliet@{DOMAIN}/juliet-1")
        await asyncio.sleep(0.004)


async def trial(server):
    chance, loop = random.Random(SEED), asyncio.get_running_loop()
    senders, juliet = [Sender(user, server.tls_port) for user in SENDERS], Recipient(server.tls_port)
    at_kill, slowest, ways = 0, 0.0, {}
    for _ in range(KILLS):
        way = chance.choice(("online", "cut off", "logged out", "coming"))
        ways[way] = ways.get(way, 0) + 1
        if juliet.task is None:
            juliet.come()
        for one in (*senders, juliet):
            await asyncio.wait_for(one.client.ready.wait(), 20)
        await traffic(senders, chance.uniform(0.1, 0.8))
        if way == "cut off":
            juliet.vanish()
        elif way in ("logged out", "coming"):
            await juliet.leave()
        await traffic(senders, chance.uniform(0.05, 0.6))
        if way == "coming":  # offline messages are on their way when the end comes
            juliet.come()
            await traffic(senders, chance.uniform(0, 0.1))
        at_kill = sum(len(sender.acknowledged) for sender in senders)
        server.kill()
        begun = time.monotonic()
        await loop.run_in_executor(None, server.start)
        slowest = max(slowest, time.monotonic() - begun)
    if juliet.task is None:
        juliet.come()
    for one in (*senders, juliet):
        await asyncio.wait_for(one.client.ready.wait(), 20)
    for sender in senders:
        sender.client.request()
    await until(lambda: not any(sender.client.unacknowledged for sender in senders), 20)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))

    def bounces():
        return {name: why for sender in senders for name, why in sender.bounced.items()}

    await until(lambda: acknowledged <= juliet.got.keys() | bounces().keys(), 20)
    await asyncio.sleep(0.5)
    bounced = bounces()
    lost = sorted(acknowledged - juliet.got.keys() - bounced.keys())
    everything = sum(sender.sent for sender in senders)
    twice = sum(1 for times in juliet.got.values() if times > 1)
    print(f"seed {SEED}: {KILLS} kills, recipient {ways}; {everything} messages, {len(acknowledged)} acknowledged ({at_kill} of them before a "
          f"kill), {len(juliet.got)} came, {twice} of them more than once, {len(bounced)} bounced {dict(Counter(bounced.values()))}; {len(lost)} lost; "
          f"slowest start {slowest:.2f} s")
    for sender in senders:
        print(f"{sender.user}: lost {ranges([int(name.split('-')[1]) for name in lost if name.startswith(sender.user)])} of {sender.sent}")
    problems = [f"acknowledged and lost: {len(lost)}, {lost[:10]}"] if lost else []
    if len(acknowledged) != everything:
        problems.append(f"{everything - len(acknowledged)} were never acknowledged")
    for one in (*senders, juliet):
        one.task.cancel()
    return problems


def main():
    server = Server(sys.argv[1], relay=False, users=(*SENDERS, "juliet"), more="[module.offline]\nlimit = 100000\n")
    try:
        problems = asyncio.run(asyncio.wait_for(trial(server), 60 + KILLS * 15))
        if problems:
            print("\n".join(problems))
            print(server.log_text()[-6000:], file=sys.stderr)
        return 1 if problems else 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
