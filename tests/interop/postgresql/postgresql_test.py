"""carillond on PostgreSQL: tests of foreign clients that are written for whatever database, the same ones; then PostgreSQL
is restarted in the middle of traffic, and nothing that was promised is lost.
Usage: postgresql_test.py BINARIES [TEST...]   (TEST: as xmpp/pubsub_test.py)"""
import asyncio
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path += [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("files", "xmpp")]

from archive_push_test import ArchiveClient  # noqa: E402
from cluster import Cluster  # noqa: E402
from house import House, run  # noqa: E402

TESTS = ("xmpp/archive_push_test.py", "xmpp/pubsub_test.py", "files/admin_test.py", "files/vcard_test.py")
BY_PROGRAM = ("xmpp/slixmpp", "xmpp/archive", "xmpp/pubsub", "xmpp/rooms_moderation")  # CARILLOND CARILLONCTL, not BINARIES
WRAPPER = """#!/usr/bin/python3
import os, sys
at = sys.argv.index("--config") + 1
config = sys.argv[at] + ".postgresql"
with open(sys.argv[at]) as given, open(config, "w") as made:
    made.write(given.read() + '\\n[storage]\\ndatabase = "' + os.environ["CARILLON_TEST_DATABASE"] + '"\\n')
os.execv({program!r}, [{program!r}] + sys.argv[1:at] + [config] + sys.argv[at + 1:])
"""


def wrapped(binaries, folder):
    """The programs, with a carillond that is given the database besides."""
    for program in binaries.iterdir():
        if program.name.startswith("carillon") and program.name != "carillond":
            (folder / program.name).symlink_to(program)
    carillond = folder / "carillond"
    carillond.write_text(WRAPPER.format(program=str(binaries / "carillond")))
    carillond.chmod(0o755)
    return folder


def foreign_clients(binaries, cluster, tests):
    here = pathlib.Path(__file__).resolve().parents[1]
    for number, test in enumerate(tests):
        database = cluster.make(f"test{number}")
        arguments = [binaries / "carillond", binaries / "carillonctl"] if test.startswith(BY_PROGRAM) else [binaries]
        began = time.monotonic()
        subprocess.run(["/usr/bin/python3", here / test, *arguments], check=True, timeout=150,
                       env=os.environ | {"CARILLON_TEST_DATABASE": database})
        users = cluster.sql("SELECT COUNT(*) FROM users", f"test{number}")
        assert int(users) >= 2, f"{test} did not use the database"
        print(f"{test}: {time.monotonic() - began:.1f} s, {users} users in PostgreSQL")


async def restarted(house, cluster):
    alice, bob = ArchiveClient("alice@localhost/desk"), ArchiveClient("bob@localhost/phone")
    await asyncio.gather(alice.log_in(house.port), bob.log_in(house.port))
    bodies = [f"message {i}" for i in range(200)]
    for number, body in enumerate(bodies):
        alice.send_message("bob@localhost", body, mtype="chat")
        if number == 100:
            await asyncio.to_thread(cluster.restart)
    await alice["xep_0199"].ping("localhost", timeout=20)
    found = []
    for _ in range(100):
        try:
            found = await bob.archived(amount=100)
        except Exception:  # an error answers while the database is away
            pass
        if found == bodies:
            break
        await asyncio.sleep(0.2)
    assert found == bodies, f"{len(found)} of {len(bodies)} are in the archive"
    for client in (alice, bob):
        await client.disconnect()


def main():
    binaries = pathlib.Path(sys.argv[1]).resolve()
    with Cluster() as cluster, tempfile.TemporaryDirectory(prefix="carillon-pg-") as folder:
        programs = wrapped(binaries, pathlib.Path(folder))
        foreign_clients(programs, cluster, sys.argv[2:] or TESTS)
        os.environ["CARILLON_TEST_DATABASE"] = cluster.make("restarted")
        with House(programs, users=("alice", "bob")) as house:
            run(restarted(house, cluster), 90)
    print("PostgreSQL: foreign clients, and a restart in the middle of traffic")


if __name__ == "__main__":
    main()
