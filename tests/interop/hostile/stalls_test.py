"""What stalls stays with whom it concerns: a client that reads nothing for a second, and a disk on which nothing can be written.
Usage: stalls_test.py FOLDER_OF_PROGRAMS"""
import contextlib
import pathlib
import re
import select
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
import hostile_test  # noqa: E402
from hostile_test import User  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

WRITERS = 12  # more than the server has threads for its database
STALL = 1.0
PROMPT = 0.8  # on a loaded machine; a held-up user would wait for the whole stall


class Talk:
    """Romeo writes, Juliet answers: what a stall must not touch."""

    def __init__(self):
        self.romeo, self.juliet = User("romeo", "talk"), User("juliet", "talk")
        self.number, self.slowest = 0, 0.0

    def turn(self):
        self.number += 1
        begun = time.monotonic()
        for one, other, to in ((self.romeo, self.juliet, "juliet"), (self.juliet, self.romeo, "romeo")):
            text = f"{to} {self.number}.</body>"
            one.say(f"<message to='{to}@{DOMAIN}/talk' type='chat'><body>{text}</message>")
            assert text in other.hear(text), "the connection ended"
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def until(self, end):
        turns = 0
        while time.monotonic() < end:
            self.turn()
            turns += 1
            time.sleep(0.01)
        return turns

    def close(self):
        self.romeo.close()
        self.juliet.close()


@contextlib.contextmanager
def nothing_can_be_written():
    """As on a disk that does not answer: every transaction that writes waits."""
    database = sqlite3.connect(server.data / "carillon.sqlite", isolation_level=None, timeout=10)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


class Stalls(unittest.TestCase):
    def setUp(self):
        self.talk = Talk()
        self.talk.turn()
        self.talk.slowest = 0.0

    def tearDown(self):
        self.talk.close()

    def report(self, turns, what):
        print(f"{what}: {turns} turns of others meanwhile, the slowest {self.talk.slowest * 1000:.0f} ms", file=sys.stderr)
        self.assertGreater(turns, 5)
        self.assertLess(self.talk.slowest, PROMPT, "others wait as well")

    def test_a_client_that_reads_nothing_for_a_second(self):
        stalled, flooder = User("mercutio", "stalled"), User("tybalt", "writes")
        text = f"<message to='mercutio@{DOMAIN}/stalled' type='chat'><body>%d. {'x' * 20_000}</body></message>"
        count = 150  # three megabytes: more than the kernel keeps for it
        for n in range(count):
            flooder.say(text % n)
        flooder.say(f"<iq type='get' id='all' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>")
        flooder.hear("id='all'", 'id="all"')
        end, turns = time.monotonic() + STALL, 0
        while time.monotonic() < end:
            flooder.say(f"<message to='mercutio@{DOMAIN}/stalled' type='chat'><body>{count}. more</body></message>")
            count += 1
            self.talk.turn()
            turns += 1
        self.report(turns, "a client stalled")
        heard = stalled.hear(f"<body>{count - 1}. ")
        self.assertEqual(re.findall(r"<body>(\d+)\. ", heard), [str(n) for n in range(count)], "it gets all when it reads again")
        stalled.close()
        flooder.close()

    def test_a_disk_that_writes_nothing_for_a_second(self):
        writers = [User("tybalt", f"writer{n}") for n in range(WRITERS)]
        for writer in writers:  # each has heard of the others
            writer.say(f"<iq type='get' id='quiet' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>")
            writer.hear("id='quiet'", 'id="quiet"')
        with nothing_can_be_written():
            for n, writer in enumerate(writers):
                writer.say(f"<iq type='set' id='w{n}'><query xmlns='jabber:iq:roster'><item jid='friend{n}@{DOMAIN}'/></query></iq>")
            turns = self.talk.until(time.monotonic() + STALL)
            early = [n for n, writer in enumerate(writers) if select.select([writer.socket], [], [], 0)[0]]
        self.report(turns, "the disk stalled")
        self.assertEqual(early, [], "what is not written must not be confirmed")
        for n, writer in enumerate(writers):
            self.assertRegex(writer.hear(f"id='w{n}'", f'id="w{n}"'), f"""type=.result.[^>]*id=.w{n}.|id=.w{n}.[^>]*type=.result.""")
            writer.close()


if __name__ == "__main__":
    server = hostile_test.server = Server(sys.argv.pop(1), users=("romeo", "juliet", "mercutio", "tybalt"), relay=False)
    try:
        result = unittest.main(exit=False, verbosity=2, warnings="ignore").result
        if not result.wasSuccessful():
            print(server.log_text()[-3000:])
    finally:
        server.stop()
    sys.exit(not result.wasSuccessful())
