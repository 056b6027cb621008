#!/usr/bin/python3
"""A video telephone of other people's making that knows one video codec: slixmpp for XMPP, aiortc (its own ICE, DTLS, SRTP,
VP8 by libvpx, H.264 by x264) for media.

Answers calls, or with --call places one; shows the pictures of film.py and says a recording. An offer in which it finds no codec it
refuses with failed-application, as XEP-0167 has it. In the middle of the call it asks for a key frame. With --audio it
knows one audio codec as well, and says an unbroken tone. At the end it prints as JSON what it has seen and heard.
Debian: python3-slixmpp, python3-aiortc.
"""
import argparse
import asyncio
import json
import os
import pathlib
import statistics
import sys
import time
import xml.etree.ElementTree as ET
from fractions import Fraction

import av
import numpy
import slixmpp
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.codecs import CODECS
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.contrib.media import MediaBlackhole, MediaPlayer
from aiortc.mediastreams import AudioStreamTrack
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "capture"), str(HERE.parents[1] / "media/interop")]
import film  # noqa: E402
from aiortc_answer import DTLS, ICE, JINGLE, RTP  # noqa: E402
from chromium_video import to_jingle, to_sdp  # noqa: E402

RATE = 15


class Film(VideoStreamTrack):
    def __init__(self):
        super().__init__()
        self.number, self.began = 0, time.monotonic()

    async def recv(self):
        wait = self.began + self.number / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        frame = av.VideoFrame.from_ndarray(film.i420(self.number), format="yuv420p")
        frame.pts, frame.time_base = self.number * 90000 // RATE, Fraction(1, 90000)
        self.number += 1
        return frame


class Tone(AudioStreamTrack):
    async def recv(self):
        frame = await super().recv()  # silence, in its time
        t = (frame.pts + numpy.arange(frame.samples)) / frame.sample_rate
        frame.planes[0].update((8000 * numpy.sin(2 * numpy.pi * 440 * t)).astype(numpy.int16).tobytes())
        return frame


class Listener:
    """When something was heard: loud frames, as they come."""

    def __init__(self):
        self.heard = []

    async def listen(self, track):
        while True:
            try:
                frame = await track.recv()
            except Exception:  # the track has ended
                return
            if numpy.abs(frame.to_ndarray().astype(numpy.int32)).max() > 1000:
                self.heard.append(time.monotonic())

    def longest_silence(self):
        return round(longest_gap(self.heard), 3)


def longest_gap(times):
    """Between two of those, the first second left out."""
    settled = [one for one in times if one - times[0] > 1]
    return max((b - a for a, b in zip(settled, settled[1:])), default=1000)


def begins_key_frame(codec, payload):
    try:
        if codec == "VP8":
            descriptor, rest = VpxPayloadDescriptor.parse(payload)
            return descriptor.partition_start == 1 and descriptor.partition_id == 0 and rest[0] & 1 == 0
        kind = payload[0] & 0x1F
        inner = payload[3] & 0x1F if kind == 24 else payload[1] & 0x1F if kind == 28 and payload[1] & 0x80 else kind
        return inner in (5, 7)
    except (ValueError, IndexError):
        return False


class Watcher:
    """What comes from the other end."""

    def __init__(self, codec):
        self.codec, self.seen, self.other_size, self.times = codec, {}, 0, []
        self.keys, self.asked, self.answered, self.frames = 0, None, None, 0

    def listen(self, receiver):
        handle = receiver._handle_rtp_packet

        async def spy(packet, **more):
            if packet.payload and begins_key_frame(self.codec, packet.payload):
                self.keys += 1
                if self.asked and not self.answered:
                    self.answered = time.monotonic()
            await handle(packet, **more)

        receiver._handle_rtp_packet = spy

    async def watch(self, track):
        while True:
            try:
                frame = await track.recv()
            except Exception:  # the track has ended
                return
            self.frames += 1
            self.times.append(time.monotonic())
            if self.frames == 10:
                print("sees pictures", flush=True)
            if (frame.width, frame.height) != (film.WIDTH, film.HEIGHT):
                self.other_size += 1
                continue
            if self.frames % 2:
                continue  # half of them will do: this costs more than decoding
            picture = frame.to_ndarray(format="yuv420p")[:film.HEIGHT, :film.WIDTH]
            number = film.number_of(picture)
            if number is not None:
                self.seen[number] = film.psnr(picture, film.luma(number))

    async def ask_key_frame(self, receiver):
        while not receiver._RTCRtpReceiver__remote_streams:  # on a machine with much to do they take their time
            await asyncio.sleep(0.2)
        self.asked = time.monotonic()
        await receiver._send_rtcp_pli(list(receiver._RTCRtpReceiver__remote_streams)[-1])

    def summary(self):
        numbers = list(self.seen)
        return {"frames": self.frames, "recognised": len(numbers), "other_size": self.other_size,
                "in_order": sum(b > a for a, b in zip(numbers, numbers[1:])) / max(len(numbers) - 1, 1),
                "psnr": statistics.median(self.seen.values()) if numbers else 0,
                "keys": self.keys, "longest_still": round(longest_gap(self.times), 3), "key_frame_after": round(self.answered - self.asked, 3) if self.answered else None}


class Phone(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options, self.pc, self.sid, self.peer = options, None, "film", None
        self.refused, self.watcher, self.listener = 0, Watcher(options.video), Listener()
        self.finished = asyncio.get_event_loop().create_future()
        self.ca_certs = options.trust
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0115")
        for feature in (JINGLE, RTP, "urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle:apps:rtp:video", ICE, DTLS):
            self["xep_0030"].add_feature(feature)
        self.add_event_handler("session_start", self.on_start)
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self.on_iq))

    async def on_start(self, _):
        await self["xep_0115"].update_caps()
        self.send_presence()
        print("online", flush=True)
        if self.options.call:
            await self.guard(self.place())

    async def guard(self, work):
        try:
            await work
        except Exception as why:  # whatever went wrong ends the program, and is told
            if not self.finished.done():
                self.finished.set_exception(why)

    def say(self, jingle):
        iq = self.make_iq_set(ito=self.peer)
        iq.xml.append(jingle)
        iq.send()

    def terminate(self, sid, reason):
        self.say(ET.fromstring(f"<jingle xmlns='{JINGLE}' action='session-terminate' sid='{sid}'><reason><{reason}/></reason></jingle>"))

    def open(self):
        self.pc = RTCPeerConnection()

        @self.pc.on("track")
        async def on_track(track):
            if track.kind == "audio":
                if self.options.audio:
                    asyncio.ensure_future(self.listener.listen(track))
                    return
                sink = MediaBlackhole()
                sink.addTrack(track)
                await sink.start()
                return
            receiver = next(t.receiver for t in self.pc.getTransceivers() if t.kind == "video")
            self.watcher.listen(receiver)
            asyncio.ensure_future(self.watcher.watch(track))
            asyncio.get_event_loop().call_later(3, lambda: asyncio.ensure_future(self.watcher.ask_key_frame(receiver)))

    def show(self):
        self.pc.addTrack(Tone() if self.options.audio else MediaPlayer(self.options.play).audio)
        self.pc.addTrack(Film())

    async def place(self):
        self.peer = self.options.call
        self.open()
        self.show()
        await self.pc.setLocalDescription(await self.pc.createOffer())
        initiate = to_jingle(self.pc.localDescription.sdp, "session-initiate", self.sid)
        initiate.set("initiator", self.boundjid.full)
        self.say(initiate)

    def on_iq(self, iq):
        if iq["type"] != "set":
            return
        iq.reply().send()
        jingle = iq.xml.find(f"{{{JINGLE}}}jingle")
        handler = {"session-initiate": self.accept, "session-accept": self.accepted, "session-terminate": self.over}
        if jingle.get("action") in handler:
            asyncio.ensure_future(self.guard(handler[jingle.get("action")](iq["from"], jingle)))

    async def accept(self, peer, jingle):
        self.peer, self.sid = peer, jingle.get("sid")
        self.open()
        try:
            await self.pc.setRemoteDescription(RTCSessionDescription(to_sdp(jingle), "offer"))
        except Exception as why:
            self.refused += 1
            print(f"refused: {why}", file=sys.stderr, flush=True)
            await self.pc.close()
            return self.terminate(self.sid, "failed-application")
        self.show()
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        accept = to_jingle(self.pc.localDescription.sdp, "session-accept", self.sid)
        accept.set("responder", self.boundjid.full)
        self.say(accept)

    async def accepted(self, _, jingle):
        await self.pc.setRemoteDescription(RTCSessionDescription(to_sdp(jingle), "answer"))
        await asyncio.sleep(self.options.seconds)
        self.terminate(self.sid, "success")
        await self.finish()

    async def over(self, _, jingle):
        await self.finish()

    async def finish(self):
        if self.finished.done():
            return
        heard = {"refused": self.refused, "loud": len(self.listener.heard), "longest_silence": self.listener.longest_silence()}
        self.finished.set_result(self.watcher.summary() | heard)
        await self.pc.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("jid", "password", "host", "trust", "play", "video"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--audio", help="the one audio codec; without it all of them, and a recording is said")
    parser.add_argument("--call", help="whom; without it calls are answered")
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    CODECS["video"][:] = [codec for codec in CODECS["video"] if codec.name == options.video]
    if options.audio:
        CODECS["audio"][:] = [codec for codec in CODECS["audio"] if codec.name == options.audio]
    phone = Phone(options)
    phone.connect((options.host, options.port))
    try:
        print(json.dumps(await asyncio.wait_for(phone.finished, 90)), flush=True)
        await asyncio.sleep(0.5)  # the last stanza leaves
        os._exit(0)  # PyAV's threads do not always survive the end of the interpreter
    finally:
        await phone.disconnect(wait=1)


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main())
