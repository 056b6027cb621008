#!/usr/bin/python3
"""Pairs of ICE agents that we did not write, each with nothing but a relayed candidate of ours: libnice over UDP and TCP, aiortc
with media and a data channel over UDP, TCP and TLS.  Usage: agents_test.py BUILD_BIN_DIR"""
import asyncio
import os
import subprocess
import sys
import unittest

from worker import PASSWORD, USER, Worker

BIN = sys.argv[1]


class Libnice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(BIN)
        cls.addClassCleanup(cls.worker.stop)

    def connect(self, transport):
        done = subprocess.run([f"{BIN}/nice_pair", str(self.worker.port), USER, PASSWORD, transport], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("100 datagrams each way", done.stdout)

    def test_udp(self):
        self.connect("udp")

    def test_tcp(self):
        self.connect("tcp")


class Aiortc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(BIN)
        cls.addClassCleanup(cls.worker.stop)
        os.environ["SSL_CERT_FILE"] = str(cls.worker.work / "turn.crt")

    def call(self, url):
        asyncio.run(asyncio.wait_for(self.talk(url), 60))

    @staticmethod
    def relayed_only(description):
        from aiortc import RTCSessionDescription
        lines = [line for line in description.sdp.splitlines() if not line.startswith("a=candidate") or "typ relay" in line]
        assert any("typ relay" in line for line in lines), description.sdp
        return RTCSessionDescription("\r\n".join(lines) + "\r\n", description.type)

    async def talk(self, url):
        from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
        from aiortc.mediastreams import AudioStreamTrack
        servers = RTCConfiguration([RTCIceServer(urls=url, username=USER, credential=PASSWORD)])
        one, other = RTCPeerConnection(servers), RTCPeerConnection(servers)
        frames, texts = asyncio.Queue(), asyncio.Queue()

        async def listen(track):
            while True:
                frames.put_nowait(await track.recv())

        listeners = []
        other.on("track", lambda track: listeners.append(asyncio.ensure_future(listen(track))))
        other.on("datachannel", lambda channel: channel.on("message", texts.put_nowait))
        one.addTrack(AudioStreamTrack())
        channel = one.createDataChannel("chat")
        channel.on("open", lambda: channel.send("through the relay"))
        await one.setLocalDescription(await one.createOffer())
        await other.setRemoteDescription(self.relayed_only(one.localDescription))
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(self.relayed_only(other.localDescription))
        self.assertEqual(await texts.get(), "through the relay")
        for _ in range(30):
            await frames.get()
        for task in listeners:
            task.cancel()
        await asyncio.gather(one.close(), other.close())

    def test_udp(self):
        self.call(f"turn:127.0.0.1:{self.worker.port}?transport=udp")

    def test_tcp(self):
        self.call(f"turn:127.0.0.1:{self.worker.port}?transport=tcp")

    def test_tls(self):
        self.call(f"turns:127.0.0.1:{self.worker.tls_port}?transport=tcp")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
