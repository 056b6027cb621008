"""Two clients write to each other without pause while their TCP connections are cut at random points; they resume their streams. In the
end each message must have come exactly once and in order, each question must have been answered exactly once, and nothing may be left
in offline storage.
Usage: cuts_test.py FOLDER_OF_PROGRAMS [--prosody]   CARILLON_CUTS: how many cuts (200). CARILLON_SEED: which ones."""
import asyncio
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

from cutter import Cutter  # noqa: E402
from sm_client import CLIENT, SmClient  # noqa: E402

CUTS = int(os.environ.get("CARILLON_CUTS", "200"))
SEED = int(os.environ.get("CARILLON_SEED", str(random.SystemRandom().randrange(1_000_000))))
BACKLOG = int(os.environ.get("CARILLON_BACKLOG", "200"))  # unacknowledged stanzas at which a client pauses


class Correspondent:
    def __init__(self, user, other, port):
        self.other = other
        self.sent, self.asked, self.got, self.answers, self.errors = 0, 0, [], {}, []
        self.client = SmClient(user, f"{user}-secret", DOMAIN, port, self.heard, strict="--prosody" not in sys.argv)

    def heard(self, stanza):
        if stanza.get("type") == "error":
            self.errors.append(stanza.tag + " " + stanza.get("id", ""))
        elif stanza.tag == CLIENT + "message":
            self.got.append(int(stanza.findtext(CLIENT + "body")))
        elif stanza.tag == CLIENT + "iq" and stanza.get("type") == "get":
            self.client.send(f"<iq type='result' to='{stanza.get('from')}' id='{stanza.get('id')}'/>")
        elif stanza.tag == CLIENT + "iq" and stanza.get("type") == "result":
            self.answers[stanza.get("id")] = self.answers.get(stanza.get("id"), 0) + 1

    def write(self, to):
        self.sent += 1
        self.client.send(f"<message to='{to}' type='chat' id='m{self.sent}'><body>{self.sent}</body></message>")
        if self.sent % 10 == 0:
            self.asked += 1
            self.client.send(f"<iq type='get' to='{self.other}@{DOMAIN}/{self.other}-1' id='q{self.asked}'><ping xmlns='urn:xmpp:ping'/></iq>")

    def verdict(self, counterpart):
        problems = list(self.errors[:5]) + self.client.lost_sessions[:5]
        if self.got != list(range(1, counterpart.sent + 1)):
            missing = [n for n in range(1, counterpart.sent + 1) if n not in set(self.got)]
            twice = sorted({n for n in self.got if self.got.count(n) > 1})
            order = [n for before, n in zip(self.got, self.got[1:]) if n < before]
            problems.append(f"{len(missing)} missing {missing[:5]}, {len(twice)} more than once {twice[:5]}, out of order {order[:5]}")
        wrong = [n for n in range(1, self.asked + 1) if self.answers.get(f"q{n}") != 1]
        if wrong:
            problems.append(f"{len(wrong)} questions not answered exactly once: {wrong[:5]}")
        return problems


async def until(reached, seconds):
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return reached()


async def leftovers(user, port):
    """What a new session of the user is sent: nothing may have been kept for it."""
    kept = []
    client = SmClient(user, f"{user}-secret", DOMAIN, port, lambda stanza: kept.append(stanza) if stanza.tag == CLIENT + "message" else None,
                      resume=False)
    task = asyncio.ensure_future(client.run())
    await asyncio.wait_for(client.ready.wait(), 10)
    await asyncio.sleep(0.5)
    await client.log_out()
    await asyncio.wait([task], timeout=5)
    return len(kept)


async def trial(server):
    chance = random.Random(SEED)
    cutters = [await Cutter(server.tls_port, chance).listen() for _ in range(2)]
    romeo, juliet = Correspondent("romeo", "juliet", cutters[0].port), Correspondent("juliet", "romeo", cutters[1].port)
    pairs = ((romeo, juliet, f"juliet@{DOMAIN}/juliet-1"), (juliet, romeo, f"romeo@{DOMAIN}"))
    tasks = [asyncio.ensure_future(one.client.run()) for one in (romeo, juliet)]
    for one in (romeo, juliet):
        await asyncio.wait_for(one.client.ready.wait(), 15)
    begun = time.monotonic()
    total = lambda: sum(cutter.cuts for cutter in cutters)  # noqa: E731
    for cutter in cutters:
        cutter.active, cutter.may_cut = True, lambda: total() < CUTS
    while total() < CUTS:
        for task in tasks:
            if task.done():
                task.result()  # a client that gave up says why
        if time.monotonic() - begun > 30 + CUTS * 0.5:
            raise AssertionError(f"only {total()} cuts in {time.monotonic() - begun:.0f} s")
        for one, _, to in pairs:
            if len(one.client.unacknowledged) < BACKLOG:
                one.write(to)
        await asyncio.sleep(0.002)
    for cutter in cutters:
        cutter.active = False
    settled = lambda: all(len(one.got) >= other.sent and len(one.answers) >= one.asked for one, other, _ in pairs)  # noqa: E731
    for one in (romeo, juliet):
        one.client.request()
    await until(settled, 20)
    await asyncio.sleep(0.5)  # for what would come twice
    for one in (romeo, juliet):
        await one.client.log_out()
    await asyncio.wait(tasks, timeout=5)
    kinds = {kind: sum(cutter.kinds.get(kind, 0) for cutter in cutters) for kind in ("reset", "close", "unnoticed")}
    print(f"seed {SEED}: {total()} cuts {kinds} in {time.monotonic() - begun:.1f} s; messages {romeo.sent} + {juliet.sent}, "
          f"questions {romeo.asked} + {juliet.asked}; resumptions {romeo.client.resumptions + juliet.client.resumptions}, cut in the "
          f"log-in {romeo.client.failed_logins + juliet.client.failed_logins}, sent again {romeo.client.replayed + juliet.client.replayed}")
    for one in (romeo, juliet):
        if one.client.stream_errors:
            print(f"{one.client.user}: stream errors {one.client.stream_errors}")
    problems = [f"{one.client.user}: {problem}" for one, other, _ in pairs for problem in one.verdict(other)]
    for user in ("romeo", "juliet"):
        if kept := await leftovers(user, server.tls_port):
            problems.append(f"{user}: {kept} messages were kept although they had been received")
    for cutter in cutters:
        cutter.close()
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception():
            problems.append(repr(task.exception()))
    return problems


def main():
    if "--prosody" in sys.argv:
        from prosody import Prosody
        server = Prosody()
    else:
        server = Server(sys.argv[1], relay=False)
    try:
        problems = asyncio.run(asyncio.wait_for(trial(server), 90 + CUTS * 0.5))
        if problems:
            print("\n".join(map(str, problems)))
            print(server.log_text()[-4000:], file=sys.stderr)
        return 1 if problems else 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
