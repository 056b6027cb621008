"""A telephone of plain parts: Jingle by slixmpp, raw RTP (PCMA) by a socket and a thread, keys as telephone events."""
import asyncio
import math
import pathlib
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "calls"))
from client import Client, candidates, jingle, raw, reason  # noqa: E402, F401

RTP = "urn:xmpp:jingle:apps:rtp:1"
JINGLE = "urn:xmpp:jingle:1"
KEYS = "0123456789*#"


def alaw(sample):
    """ITU-T G.711."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    if magnitude > 255:
        exponent = magnitude.bit_length() - 8
        code = exponent << 4 | (magnitude >> (exponent + 3)) & 15
    else:
        code = magnitude >> 4
    return (code | sign) ^ 0x55


class RawPhone:
    """Says a tone while speaking, else silence. Context: `async with RawPhone(client) as phone`."""

    def __init__(self, client):
        self.client = client
        self.end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.end.bind(("127.0.0.1", 0))
        self.end.settimeout(0.005)
        self.to, self.keys, self.speaking, self.running = None, [], False, True
        self.loud = 0  # packets heard that are not silence
        tone = [alaw(int(9000 * math.sin(2 * math.pi * 425 * n / 8000))) for n in range(160 * 16)]
        self.tone = [bytes(tone[n * 160:(n + 1) * 160]) for n in range(16)]

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.running = False
        if self.to:
            self.thread.join(5)
        self.end.close()

    async def call(self, peer, sid):
        self.peer, self.sid = peer, sid
        description = (f"<description xmlns='{RTP}' media='audio'><payload-type id='8' name='PCMA' clockrate='8000'/>"
                       f"<payload-type id='101' name='telephone-event' clockrate='8000'/></description>")
        offer = (f"<content creator='initiator' name='voice'>{description}"
                 f"{raw('127.0.0.1', self.end.getsockname()[1])}</content>")
        answer = await self.client.ask(peer, "set", jingle("session-initiate", sid, offer, self.client.boundjid.full))
        assert answer.get("type") == "result", answer
        accept = await self.client.hear("session-accept", 30)
        where = candidates(accept)[0]
        self.to = (where["ip"], int(where["port"]))
        self.thread = threading.Thread(target=self._speak, daemon=True)
        self.thread.start()

    async def press(self, keys):
        for key in keys:
            self.keys.append(key)
            await asyncio.sleep(0.4)

    async def sound(self, seconds=20):
        """Waits until something is heard."""
        until = time.monotonic() + seconds
        while self.loud == 0:
            assert time.monotonic() < until, "nothing is heard"
            await asyncio.sleep(0.05)

    async def quiet(self, seconds=30):
        """Waits until nothing has been heard for longer than pauses are."""
        until = time.monotonic() + seconds
        before = -1
        while before != self.loud:
            assert time.monotonic() < until, "it does not end"
            before = self.loud
            await asyncio.sleep(0.8)

    async def hang_up(self):
        await self.client.ask(self.peer, "set", jingle("session-terminate", self.sid, "<reason><success/></reason>"))

    async def ended(self, seconds=30):
        return reason(await self.client.hear("session-terminate", seconds))

    def _speak(self):
        sequence, timestamp, event = 0, 0, None
        next_at = time.monotonic()
        while self.running:
            if event is None and self.keys:
                event = [self.keys.pop(0), timestamp, 0]
            if event:
                key, began, count = event
                done = count >= 5
                payload = struct.pack("!BBH", KEYS.index(key), (0x80 if done else 0) | 10, min(count + 1, 6) * 160)
                packet = struct.pack("!BBHII", 0x80, 101 | (0x80 if count == 0 else 0), sequence & 0xFFFF, began, 7) + payload
                event = None if count >= 7 else [key, began, count + 1]
            else:
                sound = self.tone[sequence % 16] if self.speaking else b"\xd5" * 160
                packet = struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7) + sound
            self.end.sendto(packet, self.to)
            sequence, timestamp, next_at = sequence + 1, timestamp + 160, next_at + 0.02
            while time.monotonic() < next_at:
                try:
                    heard = self.end.recv(2048)
                    if heard[1] & 0x7F == 8 and len(set(heard[12:])) > 6:
                        self.loud += 1
                except OSError:
                    pass
