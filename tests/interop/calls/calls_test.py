#!/usr/bin/python3
"""Calls through a whole server: Jingle by slixmpp, media by plain sockets, the outcome seen from outside.

Usage: calls_test.py BINARIES [unittest arguments]
"""
import asyncio
import os
import signal
import socket
import struct
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import Client, candidate, candidates, content, ice, jingle, raw, reason  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

BINARIES = sys.argv.pop(1) if len(sys.argv) > 1 else "build/dev/bin"


def media_socket():
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    end.settimeout(2)
    return end


def rtp(sequence, ssrc):
    return struct.pack("!BBHII", 0x80, 8, sequence, sequence * 160, ssrc) + bytes(160)


class Calls(unittest.IsolatedAsyncioTestCase):
    settings = ""

    async def asyncSetUp(self):
        self.server = Server(BINARIES, self.settings)
        self.addCleanup(self.server.stop)
        self.romeo = await Client(self.server, "romeo", "orchard").online()
        self.juliet = await Client(self.server, "juliet", "balcony").online()
        self.to_romeo, self.to_juliet = f"romeo@{DOMAIN}/orchard", f"juliet@{DOMAIN}/balcony"

    async def asyncTearDown(self):
        for client in (self.romeo, self.juliet):
            client.abort()

    async def raw_call(self, sid="s1"):
        """A running raw-UDP call: each side's socket and the relay address that side was told."""
        a, b = media_socket(), media_socket()
        answer = await self.romeo.ask(self.to_juliet, "set", jingle("session-initiate", sid, content(
            raw("127.0.0.1", a.getsockname()[1]), inside=""), self.to_romeo))
        self.assertEqual(answer.get("type"), "result")
        offer = await self.juliet.hear("session-initiate")
        told_juliet = candidates(offer)
        await self.juliet.ask(self.to_romeo, "set", jingle("session-accept", sid, content(
            raw("127.0.0.1", b.getsockname()[1]), inside="")))
        told_romeo = candidates(await self.romeo.hear("session-accept"))
        port_a, port_b = int(told_romeo[0]["port"]), int(told_juliet[0]["port"])
        self.assertNotIn(port_b, (port_a, a.getsockname()[1]), "the callee is told port B and not the caller's own")
        self.assertNotEqual(port_a, b.getsockname()[1])
        return a, b, port_a, port_b

    def exchange(self, a, b, port_a, port_b, packets=50):
        """Both ends speak; every packet must arrive at the other, and from its relay port."""
        for sequence in range(packets):
            a.sendto(rtp(sequence, 1), ("127.0.0.1", port_a))
            b.sendto(rtp(sequence, 2), ("127.0.0.1", port_b))
            data, source = b.recvfrom(2048)
            self.assertEqual((data, source), (rtp(sequence, 1), ("127.0.0.1", port_b)))
            data, source = a.recvfrom(2048)
            self.assertEqual((data, source), (rtp(sequence, 2), ("127.0.0.1", port_a)))


    def speak_until_heard(self, speaker, to, listener, source, tries=20):
        """Where the relay learns addresses from packets, the first ones only make the ends known."""
        listener.settimeout(0.1)
        for sequence in range(tries):
            speaker.sendto(rtp(sequence, 1), ("127.0.0.1", to))
            listener.sendto(rtp(sequence, 2), ("127.0.0.1", source))
            try:
                return self.assertEqual(listener.recvfrom(2048)[1], ("127.0.0.1", source))
            except TimeoutError:
                pass
        self.fail("nothing comes through")


class RawUdp(Calls):
    async def test_media_flows_through_a_and_b_and_is_on_record(self):
        ends = await self.raw_call()
        self.exchange(*ends)
        running = self.server.calls()
        self.assertEqual([call["state"] for call in running], ["active"])
        await self.romeo.ask(self.to_juliet, "set", jingle("session-terminate", "s1", "<reason><success/></reason>"))
        self.assertEqual(reason(await self.juliet.hear("session-terminate")), "success")
        self.server.wait_for(lambda: self.server.calls()[0]["packets"] == 100, "no figures in the record")
        record = self.server.calls()[0]
        self.assertEqual((record["state"], record["path"], record["codec"], record["reason"]),
                         ("ended", "forward", "PCMA/8000", "success"))
        self.assertEqual(record["caller"], self.to_romeo)
        self.server.wait_for(lambda: self.server.ctl("relay", "list")[0]["sessions"] == 0, "ports are not given back")

    async def test_an_address_that_never_proved_itself_changes_nothing(self):
        a, b, port_a, port_b = await self.raw_call()
        self.exchange(a, b, port_a, port_b, 5)
        stranger = media_socket()
        stranger.settimeout(0.3)
        for sequence in range(20):
            stranger.sendto(rtp(sequence, 3), ("127.0.0.1", port_a))
        b.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            b.recvfrom(2048)
        b.settimeout(2)
        self.exchange(a, b, port_a, port_b, 5)
        with self.assertRaises(TimeoutError):
            stranger.recvfrom(2048)

    async def test_operator_hangs_up(self):
        await self.raw_call()
        self.server.ctl("call", "hangup", self.server.calls()[0]["id"])
        for client in (self.romeo, self.juliet):
            self.assertEqual(reason(await client.hear("session-terminate")), "gone")
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "operator", "not on record")

    async def test_a_worker_that_dies_with_its_journal_ends_the_call_and_the_next_one_works(self):
        await self.raw_call()
        (self.server.data / "relay-1.journal").unlink()
        os.kill(self.server.worker_pid(), signal.SIGKILL)
        for client in (self.romeo, self.juliet):
            self.assertEqual(reason(await client.hear("session-terminate")), "connectivity-error")
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "relay-lost", "not on record")
        self.server.wait_for(lambda: self.server.ctl("relay", "list")[0]["state"] == "up", "the worker is not back")
        await asyncio.sleep(1)
        self.exchange(*await self.raw_call("s2"))

    async def test_the_worker_and_its_call_are_among_the_metrics(self):
        await self.raw_call()

        def metrics():
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/metrics", timeout=10) as page:
                lines = page.read().decode().splitlines()
            return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}

        worker = '{worker="relay-1"}'
        self.server.wait_for(lambda: metrics().get(f"carillon_relay_sessions{worker}") == 1, "asked every five seconds", 30)
        seen = metrics()
        self.assertEqual(seen[f"carillon_relay_up{worker}"], 1)
        self.assertEqual(seen[f"carillon_relay_turn_allocations{worker}"], 0)
        self.assertGreater(seen[f"carillon_relay_ports_free{worker}"], 100)

    async def test_a_module_reload_keeps_the_call(self):
        ends = await self.raw_call()
        self.server.ctl("module", "reload", "calls")
        self.exchange(*ends)
        await self.juliet.ask(self.to_romeo, "set", jingle("session-terminate", "s1", "<reason><success/></reason>"))
        self.assertEqual(reason(await self.romeo.hear("session-terminate")), "success")

    async def test_channels_for_users_and_operators(self):
        answer = await self.romeo.ask(DOMAIN, "get",
                                      "<channel xmlns='http://jabber.org/protocol/jinglenodes#channel' protocol='udp'/>")
        channel = answer[0]
        opened = self.server.ctl("relay", "channel", "open", "--count", "3")
        pairs = [(int(channel.get("localport")), int(channel.get("remoteport")))]
        pairs += [(pair["localport"], pair["remoteport"]) for pair in opened]
        for port_a, port_b in pairs:
            a, b = media_socket(), media_socket()
            self.speak_until_heard(a, port_a, b, port_b)
            self.speak_until_heard(b, port_b, a, port_a)
        closed = self.server.ctl("relay", "channel", "close", *[pair["id"] for pair in opened])
        self.assertEqual(closed["closed"], 3)


class Short(Calls):
    settings = 'ring_timeout = "2 s"\ngone_grace = "1 s"'

    async def test_no_answer_in_time(self):
        await self.romeo.ask(self.to_juliet, "set", jingle("session-initiate", "s1", content(raw("127.0.0.1", 4000))))
        await self.juliet.hear("session-initiate")
        for client in (self.romeo, self.juliet):
            self.assertEqual(reason(await client.hear("session-terminate")), "timeout")
        self.server.wait_for(lambda: self.server.calls()[0].get("reason") == "timeout", "not on record")

    async def test_no_answer_to_a_message_invitation(self):
        self.romeo.send_presence()
        self.juliet.send_presence()
        self.romeo.send_raw(f"<message to='juliet@{DOMAIN}' type='chat' id='m1'><propose xmlns='urn:xmpp:jingle-message:0' id='s1'>"
                            "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>")
        await self.juliet.hear_message("propose")
        await self.juliet.hear_message("retract")
        await self.romeo.hear_message("reject")

    async def test_absent_callee(self):
        before = time.monotonic()
        answer = await self.romeo.ask(f"juliet@{DOMAIN}/nowhere", "set",
                                      jingle("session-initiate", "s1", content(raw("127.0.0.1", 4000))))
        self.assertEqual(answer.get("type"), "error")
        self.assertLess(time.monotonic() - before, 1)
        self.assertIsNotNone(next((e for e in answer.iter() if e.tag.endswith("service-unavailable")), None))

    async def test_a_dying_stream_is_told_to_the_other(self):
        await self.raw_call()
        self.juliet.abort()
        self.assertEqual(reason(await self.romeo.hear("session-terminate")), "gone")


class Always(Calls):
    settings = 'relay = "always"'

    async def test_the_ends_never_learn_one_anothers_address(self):
        secret, other = "198.51.100.77", "198.51.100.88"
        await self.romeo.ask(self.to_juliet, "set", jingle("session-initiate", "s1", content(
            ice("romo", "r" * 24, candidate(secret, 4000), candidate(secret, 4001, kind="srflx")))))
        offer = await self.juliet.hear("session-initiate")
        self.assertEqual([c["type"] for c in candidates(offer)], ["relay"])
        await self.juliet.ask(self.to_romeo, "set", jingle("session-accept", "s1", content(
            ice("jule", "j" * 24, candidate(other, 5000)))))
        accept = await self.romeo.hear("session-accept")
        self.assertEqual([c["type"] for c in candidates(accept)], ["relay"])
        await self.romeo.ask(self.to_juliet, "set", jingle("transport-info", "s1", content(
            ice("romo", "r" * 24, candidate(secret, 4002, kind="srflx")))))
        self.assertEqual(candidates(await self.juliet.hear("transport-info")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
