#!/usr/bin/python3
"""Calls across SIGKILL: of the relay worker, whose successor goes on with them, and of carillond, whose successor adopts
them. The ends are carillon-phone (libnice), aiortc, and plain sockets with slixmpp.

Usage: survival_test.py BINARIES [unittest arguments]
"""
import asyncio
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from client import Client, candidates, content, jingle, raw, reason  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

# Of this process alone, and none that the system gives to others: a worker that died finds its ports free again.
PORTS = 12000 + os.getpid() % 170 * 100
OWN_PORTS = f"port_min = {PORTS}\nport_max = {PORTS + 99}\n"
BINARIES = sys.argv.pop(1) if len(sys.argv) > 1 else "build/dev/bin"
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
AIORTC = HERE.parents[1] / "media/interop/aiortc_answer.py"
SECONDS = 7
PACKET = 0.02
LONGEST_GAP = 3  # generous: the machine may be busy; what was seen is printed

# name: the caller, the callee, and how the relay carries it
CALLS = {
    "forward-dtls": (["--ice"], ["--ice"], "forward"),
    "plain": (["--raw-udp"], ["--raw-udp"], "forward"),
    "sdes-to-raw": (["--ice", "--sdes"], ["--raw-udp"], "bridge"),
    "sdes-to-dtls": (["--raw-udp", "--sdes"], ["--ice"], "bridge"),
    "dtls-to-raw": (["--ice"], ["--raw-udp"], "bridge"),
    "raw-to-aiortc": (["--raw-udp"], "aiortc", "bridge"),
}


class Phones:
    """Two programs in a call of the name's kind."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.caller, self.callee, self.path = CALLS[name]
        self.work = server.work / name
        self.work.mkdir()
        self.trust = next(server.data.glob("**/*.crt"))
        self.codec = "opus" if self.callee == "aiortc" else "pcma"
        self.running = {}

    def start(self, role, command):
        account = ["--jid", f"{self.name}-{role}@{DOMAIN}/{role}", "--password", f"{self.name}-{role}-secret", "--host", "127.0.0.1",
                   "--port", self.server.port, "--trust", self.trust, "--play", SPEECH, "--record", self.work / f"{role}.wav"]
        with open(self.work / f"{role}.out", "w") as out:
            self.running[role] = subprocess.Popen(list(map(str, [*command, *account])), stdout=out, stderr=subprocess.STDOUT)

    def said(self, role):
        return (self.work / f"{role}.out").read_text()

    def answer(self):
        if self.callee == "aiortc":
            return self.start("callee", ["/usr/bin/python3", AIORTC])
        self.start("callee", [self.server.bin / "carillon-phone", "answer", "--count", 1, "--idle", 60, "--bind", "127.0.0.1",
                              "--json", "--loop", "--codec", self.codec, *self.callee])

    def call(self):
        self.start("caller", [self.server.bin / "carillon-phone", "call", f"{self.name}-callee@{DOMAIN}/callee", "--no-jmi",
                              "--seconds", SECONDS, "--bind", "127.0.0.1", "--json", "--loop", "--codec", self.codec,
                              *self.caller])

    def end(self):
        for process in self.running.values():
            process.kill()
            process.wait(10)

    def summary(self, role):
        text = self.said(role)
        return json.loads(text[text.index("{"):text.rindex("}") + 1])


class WorkerDies(unittest.TestCase):
    def test_media_goes_on_in_every_kind_of_call(self):
        self.go_on(CALLS, OWN_PORTS)

    def test_media_goes_on_where_legs_share_a_port(self):
        self.go_on([name for name, (_, _, path) in CALLS.items() if path == "bridge"],
                   f"port_min = {PORTS}\nport_max = {PORTS + 89}\nice_port = {PORTS + 95}\n")

    def go_on(self, calls, workers):
        users = [f"{name}-{role}" for name in calls for role in ("caller", "callee")]
        server = Server(BINARIES, 'relay = "always"\ntick = "1 s"', users=users, workers=workers)
        self.addCleanup(server.stop)
        phones = [Phones(server, name) for name in calls]
        for each in phones:
            self.addCleanup(each.end)
            each.answer()
        for each in phones:
            server.wait_for(lambda: "online" in each.said("callee"), f"{each.name}: nobody there", 60)
        time.sleep(0.5)  # the server asks what the clients can do
        for each in phones:
            each.call()

        def all_talk():
            active = [call for call in server.calls() if call["state"] == "active" and call["packets"] > 0]
            return len(active) == len(phones)

        server.wait_for(all_talk, "not every call is up", 60)
        time.sleep(0.5)
        before = {call["id"] for call in server.calls()}
        died = time.monotonic()
        os.kill(server.worker_pid(), signal.SIGKILL)
        server.wait_for(lambda: "go on streams" in server.log_text(), "no successor")
        back = time.monotonic() - died
        for each in phones:
            said = lambda role: each.said(role) + server.log_text()  # noqa: E731, B023
            self.assertEqual(each.running["caller"].wait(60), 0, said("caller"))
            if each.callee != "aiortc":
                self.assertEqual(each.running["callee"].wait(30), 0, said("callee"))
        print(f"successor after {back:.2f} s", file=sys.stderr)
        for each in phones:
            for role in ("caller", "callee"):
                if role == "callee" and each.callee == "aiortc":
                    continue
                end = each.summary(role)
                self.assertTrue(end["ok"], end)
                self.assertEqual((end["reason"], end["ice_restarts"]), ("success", 0), end)
                gap = end["packets_lost"] * PACKET
                print(f"{each.name}, heard by the {role}: {gap:.2f} s without media", file=sys.stderr)
                self.assertLess(gap, LONGEST_GAP, end)
                self.assertGreater(end["packets_received"], (SECONDS - LONGEST_GAP) / PACKET * 0.8, end)
        server.wait_for(lambda: all(call["state"] == "ended" for call in server.calls()), "calls do not end")
        records = {call["id"]: call for call in server.calls()}
        self.assertEqual(set(records), before, "the same calls")
        for call in records.values():
            kind = call["caller"].split("-caller@")[0]
            self.assertEqual((call["reason"], call["path"]), ("success", CALLS[kind][2]), call)
            self.assertGreater(call["packets"], (SECONDS - LONGEST_GAP) * 2 / PACKET * 0.8, "figures of both lives")
        self.assertNotIn("relay worker stays away", server.log_text())

    def test_a_second_death_is_survived_too_and_an_orderly_end_leaves_nothing(self):
        server = Server(BINARIES, users=(), workers=OWN_PORTS)
        try:
            opened = server.ctl("relay", "channel", "open", "--count", "2")
            for _ in range(2):
                pid = server.worker_pid()
                os.kill(pid, signal.SIGKILL)
                server.wait_for(lambda: server.worker_pid() != pid, "the worker is not started again")
                server.wait_for(lambda: server.ctl("relay", "list")[0].get("sessions") == 2, "its sessions are not back")
            for channel in opened:
                a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
                self.addCleanup(a.close)
                self.addCleanup(b.close)
                for end in (a, b):
                    end.bind(("127.0.0.1", 0))
                    end.settimeout(0.1)
                for sequence in range(50):
                    a.sendto(rtp(sequence), ("127.0.0.1", channel["localport"]))
                    b.sendto(rtp(sequence), ("127.0.0.1", channel["remoteport"]))
                    try:
                        b.recvfrom(2048)
                        break
                    except TimeoutError:
                        pass
                else:
                    self.fail("a channel carries nothing")
            self.assertTrue((server.data / "relay-1.journal").exists())
        finally:
            pid, data = server.worker_pid(), server.data
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(15)
            self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), "the worker outlives an orderly end")
            self.assertEqual(list(data.glob("*.journal*")), [], "keys are left lying about")
            server.stop()


def rtp(sequence, ssrc=1):
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + bytes(160)


class Talk:
    """Both ends of a plain call speak every 20 ms; who has heard what."""

    def __init__(self, a, b, port_a, port_b):
        self.ends, self.ports = (a, b), (port_a, port_b)
        self.sent, self.heard, self.last, self.longest = 0, [0, 0], [None, None], [0, 0]
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.speak)]
        self.threads += [threading.Thread(target=self.listen, args=(i,)) for i in range(2)]
        for thread in self.threads:
            thread.start()

    def speak(self):
        while not self.ended.wait(PACKET):
            for end, port in zip(self.ends, self.ports):
                end.sendto(rtp(self.sent), ("127.0.0.1", port))
            self.sent += 1

    def listen(self, side):
        self.ends[side].settimeout(0.3)
        while not self.ended.is_set():
            try:
                self.ends[side].recv(2048)
            except TimeoutError:
                continue
            now = time.monotonic()
            if self.last[side]:
                self.longest[side] = max(self.longest[side], now - self.last[side])
            self.last[side] = now
            self.heard[side] += 1

    def stop(self):
        if not self.ended.is_set():
            self.ended.set()
            for thread in self.threads:
                thread.join()


class ServerDies(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = Server(BINARIES, 'gone_grace = "1 s"', workers=OWN_PORTS + 'media_timeout = "5 s"')
        self.addCleanup(self.server.stop)
        await self.log_in()
        self.to_romeo, self.to_juliet = f"romeo@{DOMAIN}/orchard", f"juliet@{DOMAIN}/balcony"

    async def asyncTearDown(self):
        self.hang_up_streams()

    async def log_in(self):
        self.romeo = await Client(self.server, "romeo", "orchard").online()
        self.juliet = await Client(self.server, "juliet", "balcony").online()

    def hang_up_streams(self):
        for client in (self.romeo, self.juliet):
            with contextlib.suppress(AttributeError):  # asyncio's TLS has let go of the socket: the server was first
                client.abort()

    async def talk(self, sid="s1"):
        a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for end in (a, b):
            end.bind(("127.0.0.1", 0))
            self.addCleanup(end.close)
        answer = await self.romeo.ask(self.to_juliet, "set", jingle("session-initiate", sid, content(
            raw("127.0.0.1", a.getsockname()[1]), inside=""), self.to_romeo))
        self.assertEqual(answer.get("type"), "result")
        told_juliet = candidates(await self.juliet.hear("session-initiate"))
        await self.juliet.ask(self.to_romeo, "set", jingle("session-accept", sid, content(
            raw("127.0.0.1", b.getsockname()[1]), inside="")))
        told_romeo = candidates(await self.romeo.hear("session-accept"))
        talk = Talk(a, b, int(told_romeo[0]["port"]), int(told_juliet[0]["port"]))
        self.addCleanup(talk.stop)
        self.server.wait_for(lambda: min(talk.heard) > 20, "nothing is heard")
        return talk

    async def die_and_come_back(self):
        """SIGKILL; the clients find their streams broken. The call that there was."""
        call = self.server.calls()[0]
        self.assertEqual(call["state"], "active")
        worker = self.server.worker_pid()
        self.server.kill()
        self.hang_up_streams()
        await asyncio.sleep(1)  # nobody is there
        self.server.start()
        self.assertTrue(pathlib.Path(f"/proc/{worker}").exists(), "the worker died with its server")
        self.assertIn(f"relay worker goes on worker=relay-1 pid={worker}", self.server.log_text())
        adopted = self.server.calls()[0]
        self.assertEqual((adopted["id"], adopted["state"], adopted["caller"]), (call["id"], "active", call["caller"]))
        return call

    async def test_packets_never_stop_and_the_call_is_hung_up_as_ever(self):
        talk = await self.talk()
        call = await self.die_and_come_back()
        await self.log_in()
        await asyncio.sleep(1.5)
        shown = self.server.ctl("call", "show", call["id"])
        self.assertEqual([one["state"] for one in shown["contents"]], ["relayed"], shown)
        # What is said in the call goes on, in both directions.
        await self.juliet.ask(self.to_romeo, "set", jingle("session-info", "s1", "<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"))
        await self.romeo.hear("session-info")
        talk.stop()
        print(f"carillond killed: longest gap {max(talk.longest):.3f} s, {min(talk.heard)} of {talk.sent} packets heard",
              file=sys.stderr)
        self.assertGreaterEqual(min(talk.heard), talk.sent - 5, "packets were lost")
        await self.romeo.ask(self.to_juliet, "set", jingle("session-terminate", "s1", "<reason><success/></reason>"))
        self.assertEqual(reason(await self.juliet.hear("session-terminate")), "success")
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "success", "no record")
        record = self.server.calls()[0]
        self.assertEqual((record["id"], record["path"], record["state"]), (call["id"], "forward", "ended"))
        self.server.wait_for(lambda: self.server.calls()[0]["packets"] >= 2 * (talk.sent - 5), "figures of both lives")
        self.server.wait_for(lambda: self.server.ctl("relay", "list")[0]["sessions"] == 0, "ports are not given back")
        # And the next call is an ordinary one.
        (await self.talk("s2")).stop()

    async def test_who_is_back_later_hears_of_the_end(self):
        talk = await self.talk()
        await self.die_and_come_back()
        talk.stop()
        self.romeo = await Client(self.server, "romeo", "orchard").online()
        await asyncio.sleep(1.5)
        await self.romeo.ask(self.to_juliet, "set", jingle("session-terminate", "s1", "<reason><success/></reason>"))
        self.juliet = await Client(self.server, "juliet", "balcony").online()
        self.assertEqual(reason(await self.juliet.hear("session-terminate")), "success")

    async def test_ends_that_never_come_back_end_by_the_silence_of_their_media(self):
        talk = await self.talk()
        call = await self.die_and_come_back()
        await asyncio.sleep(6)
        self.assertEqual(self.server.calls()[0]["state"], "active", "media flows: the call is on")
        talk.stop()
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "media-timeout", "the call never ends", 20)
        self.assertEqual(self.server.calls()[0]["id"], call["id"])
        self.server.wait_for(lambda: self.server.ctl("relay", "list")[0]["sessions"] == 0, "ports are not given back")

    async def test_silence_that_nobody_heard_of_is_told_again(self):
        talk = await self.talk()
        self.server.kill()
        self.hang_up_streams()
        talk.stop()
        await asyncio.sleep(6.5)
        self.server.start()
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "media-timeout", "the call never ends", 20)

    async def test_a_worker_with_other_settings_is_replaced_under_the_call(self):
        talk = await self.talk()
        worker = self.server.worker_pid()
        self.server.kill()
        self.hang_up_streams()
        self.server.config.write_text(self.server.config.read_text().replace('media_timeout = "5 s"', 'media_timeout = "6 s"'))
        self.server.start()
        self.assertNotEqual(self.server.worker_pid(), worker)
        heard = list(talk.heard)
        self.server.wait_for(lambda: all(now > then + 20 for now, then in zip(talk.heard, heard)), "media does not go on")
        self.assertEqual(self.server.calls()[0]["state"], "active")
        await self.log_in()

    async def test_both_die(self):
        talk = await self.talk()
        worker = self.server.worker_pid()
        self.server.kill()
        self.hang_up_streams()
        os.kill(worker, signal.SIGKILL)
        self.server.start()
        heard = list(talk.heard)
        self.server.wait_for(lambda: all(now > then + 20 for now, then in zip(talk.heard, heard)), "media does not go on")
        self.assertEqual(self.server.calls()[0]["state"], "active")
        talk.stop()
        print(f"both killed: longest gap {max(talk.longest):.3f} s", file=sys.stderr)
        await self.log_in()

    async def test_an_orderly_end_ends_the_call(self):
        talk = await self.talk()
        self.server.process.send_signal(signal.SIGTERM)
        for client in (self.romeo, self.juliet):
            self.assertEqual(reason(await client.hear("session-terminate")), "gone")
        self.server.process.wait(15)
        talk.stop()
        self.hang_up_streams()
        self.server.start()
        self.assertEqual((self.server.calls()[0]["state"], self.server.calls()[0]["reason"]), ("ended", "shutdown"))

    async def test_a_second_server_does_not_touch_the_first_ones_workers(self):
        second = subprocess.run([self.server.bin / "carillond", "--data", self.server.data, "--config", self.server.config],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another carillond is using the data folder", second.stderr)
        self.assertEqual(self.server.ctl("relay", "list")[0]["state"], "up")


class TapsSurvive(unittest.IsolatedAsyncioTestCase):
    """Recordings and captures go on in the worker; the next carillond knows of them."""
    log_in, hang_up_streams, talk, die_and_come_back = (getattr(ServerDies, name) for name in ("log_in", "hang_up_streams", "talk", "die_and_come_back"))

    async def asyncSetUp(self):
        self.server = Server(BINARIES, 'gone_grace = "1 s"\nbridge = "always"\nrelay = "always"', workers=OWN_PORTS)
        self.addCleanup(self.server.stop)
        await self.log_in()
        self.to_romeo, self.to_juliet = f"romeo@{DOMAIN}/orchard", f"juliet@{DOMAIN}/balcony"

    async def asyncTearDown(self):
        self.hang_up_streams()

    def taps(self, call):
        return {tap["kind"]: tap for tap in self.server.ctl("call", "show", call["id"]).get("taps", [])}

    async def test_the_next_process_shows_and_stops_them_and_begins_them_again_at_another_worker(self):
        talk = await self.talk()
        call = self.server.calls()[0]
        capture = self.server.work / "kept.pcapng"
        self.server.ctl("call", "record", call["id"], "start")
        self.server.ctl("call", "capture", call["id"], "--out", str(capture))
        before = self.taps(call)
        self.assertEqual(set(before), {"recording", "capture"})
        await self.die_and_come_back()
        await self.log_in()
        after = self.taps(call)
        for kind, tap in before.items():
            self.assertEqual((after[kind]["state"], after[kind]["files"]), ("running", tap["files"]), after)
            self.assertGreater(after[kind]["packets"], tap["packets"], "it has gone on meanwhile")
        again = subprocess.run([self.server.bin / "carillonctl", "--data", self.server.data, "call", "record", call["id"], "start"],
                               capture_output=True, text=True, timeout=30)
        self.assertIn("recorded already", again.stdout + again.stderr)
        os.kill(self.server.worker_pid(), signal.SIGKILL)
        self.server.wait_for(lambda: self.server.log_text().count("a recording or capture goes on") == 2, "they do not go on", 20)
        self.server.wait_for(lambda: {tap["state"] for tap in self.taps(call).values()} == {"running"} and len(self.taps(call)) == 2, "not running")
        await asyncio.sleep(1)
        stopped = self.server.ctl("call", "record", call["id"], "stop")
        self.assertEqual((stopped["files"], stopped["dropped"]), (before["recording"]["files"], 0), stopped)
        self.assertEqual(set(self.taps(call)), {"capture"})
        # What has been stopped stays stopped in the next life, and the next one has a name of its own.
        await self.die_and_come_back()
        await self.log_in()
        self.assertEqual(set(self.taps(call)), {"capture"})
        self.server.ctl("call", "record", call["id"], "start")
        self.assertEqual(set(self.taps(call)), {"recording", "capture"})
        talk.stop()
        await self.romeo.ask(self.to_juliet, "set", jingle("session-terminate", "s1", "<reason><success/></reason>"))
        self.server.wait_for(lambda: self.server.log_text().count("a recording or capture has ended") == 2, "no end")
        for name in before["recording"]["files"]:
            self.assertGreater(pathlib.Path(name).stat().st_size, 1000, name)
        self.assertGreater(capture.stat().st_size, 10_000)


class Orphan(unittest.TestCase):
    def test_a_worker_that_nobody_wants_ends_by_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            worker = subprocess.Popen([pathlib.Path(BINARIES) / "carillon-relay", "--control", f"{folder}/relay.sock", "--journal",
                                       f"{folder}/relay.journal", "--orphan-time", "1", "--ports", "29600-29619"],
                                      stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(worker.wait(20), 0)
                self.assertEqual(os.listdir(folder), [])
            finally:
                worker.kill()


class Drain(unittest.TestCase):
    def test_a_drained_worker_keeps_its_calls_and_takes_no_new_ones(self):
        server = Server(BINARIES, users=(), workers="workers = 3")
        self.addCleanup(server.stop)
        workers = lambda: {one["name"]: one for one in server.ctl("relay", "list")}  # noqa: E731
        # Each thread of the server has a connection of its own to each worker.
        links = 3 * len(os.sched_getaffinity(0))
        server.wait_for(lambda: server.log_text().count("relay worker connected") >= links, "not all workers are up")
        server.wait_for(lambda: len(server.ctl("relay", "channel", "open", "--count", "3")) == 3, "no channel")

        def spread():
            return all(one["sessions"] > 0 for one in workers().values())

        server.ctl("relay", "channel", "open", "--count", "60")
        server.wait_for(spread, "a burst goes to some workers only")
        loads = [one["sessions"] for one in workers().values()]
        print(f"a burst of 60 on three workers: {loads}", file=sys.stderr)
        before = workers()["relay-2"]["sessions"]
        self.assertEqual(server.ctl("relay", "drain", "relay-2")["sessions"], before)
        server.ctl("relay", "channel", "open", "--count", "60")
        self.assertEqual((workers()["relay-2"]["state"], workers()["relay-2"]["sessions"]), ("draining", before))
        server.ctl("relay", "undrain", "relay-2")
        self.assertEqual(workers()["relay-2"]["state"], "up")
        time.sleep(1.5)  # its load is looked at once a second
        server.ctl("relay", "channel", "open", "--count", "60")
        self.assertGreater(workers()["relay-2"]["sessions"], before)


if __name__ == "__main__":
    unittest.main()
