#!/usr/bin/python3
"""A browser that knows VP9 alone: Chromium (libwebrtc) for media, slixmpp for XMPP. Shows the pictures of film.py by its fake
camera, and reads the numbers of those that come from a canvas.

Answers calls, or with --call places one. An offer without VP9 it refuses with failed-application. Prints as JSON what it has seen.
Debian: chromium, python3-slixmpp, python3-aiohttp.
"""
import argparse
import asyncio
import json
import pathlib
import ssl
import sys
import tempfile
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "capture"), str(HERE.parents[1] / "media/interop")]
import film  # noqa: E402
from aiortc_answer import DTLS, ICE, JINGLE, RTP  # noqa: E402
from chromium_phone import Browser  # noqa: E402
from chromium_video import to_jingle, to_sdp  # noqa: E402

RATE = 15
SCRIPT = """
globalThis.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
globalThis.only = codec => {
  const known = RTCRtpReceiver.getCapabilities('video').codecs.filter(each => each.mimeType === 'video/' + codec);
  for (const each of pc.getTransceivers()) if (each.receiver.track.kind === 'video') each.setCodecPreferences(known.slice(0, 1));
};
globalThis.gathered = () => new Promise(done => {
  const look = () => pc.iceGatheringState === 'complete' && done(pc.localDescription.sdp);
  pc.onicegatheringstatechange = look; setTimeout(() => done(pc.localDescription.sdp), 3000); look();
});
globalThis.open = async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240, frameRate: 15}});
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
};
globalThis.seen = []; globalThis.other = 0;
pc.ontrack = event => {
  if (event.track.kind !== 'video') return;
  const video = document.createElement('video');
  video.muted = true; video.srcObject = new MediaStream([event.track]); video.play();
  const canvas = document.createElement('canvas'); canvas.width = 320; canvas.height = 240;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const look = () => {
    if (video.videoWidth !== 320) ++other;
    context.drawImage(video, 0, 0, 320, 240);
    let number = 0, clear = true;
    for (let bit = 0; bit < 12; ++bit) {
      const data = context.getImageData(34 + 20 * bit, 4, 12, 12).data;
      let sum = 0; for (let i = 0; i < data.length; i += 4) sum += data[i + 1];
      const level = sum / (data.length / 4);
      if (level > 80 && level < 170) clear = false;
      if (level >= 170) number |= 1 << bit;
    }
    if (clear) seen.push(number);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
};
globalThis.offer = async () => { await open(); only('VP9'); await pc.setLocalDescription(); return gathered(); };
globalThis.take = sdp => pc.setRemoteDescription({type: 'answer', sdp});
globalThis.answer = async sdp => {
  await open(); only('VP9'); await pc.setRemoteDescription({type: 'offer', sdp}); only('VP9'); await pc.setLocalDescription();
  return gathered();
};
globalThis.counted = async () => {
  const out = {seen, other_size: other};
  for (const each of (await pc.getStats()).values()) {
    if (each.type === 'inbound-rtp' && each.kind === 'video') Object.assign(out, {frames: each.framesDecoded, keys: each.keyFramesDecoded,
        plis: each.pliCount, freezes: each.freezeCount});
    if (each.type === 'outbound-rtp' && each.kind === 'video') Object.assign(out, {sent: each.framesEncoded, plis_got: each.pliCount,
        remb: each.targetBitrate});
  }
  return out;
};
0"""


def write_film(path):
    """A while of it as the fake camera wants it; then it begins again."""
    with open(path, "wb") as out:
        out.write(f"YUV4MPEG2 W{film.WIDTH} H{film.HEIGHT} F{RATE}:1 Ip A1:1 C420mpeg2\n".encode())
        for number in range(1, 40 * RATE):
            out.write(b"FRAME\n" + film.i420(number).tobytes())


class Phone(slixmpp.ClientXMPP):
    def __init__(self, options, browser):
        super().__init__(options.jid, options.password)
        self.options, self.browser, self.sid, self.peer, self.refused = options, browser, "film", None, 0
        self.finished = asyncio.get_event_loop().create_future()
        self.tls = ssl.create_default_context(cafile=options.trust)
        self.tls.check_hostname = False
        self.get_ssl_context = lambda: self.tls
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

    def terminate(self, reason):
        self.say(ET.fromstring(f"<jingle xmlns='{JINGLE}' action='session-terminate' sid='{self.sid}'><reason><{reason}/></reason></jingle>"))

    async def place(self):
        self.peer = self.options.call
        initiate = to_jingle(await self.browser.run("offer()"), "session-initiate", self.sid)
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
        types = [each.get("name") for each in jingle.iter(f"{{{RTP}}}payload-type")]
        if "VP9" not in types:
            self.refused += 1
            return self.terminate("failed-application")
        accept = to_jingle(await self.browser.run(f"answer({json.dumps(to_sdp(jingle))})"), "session-accept", self.sid)
        accept.set("responder", self.boundjid.full)
        self.say(accept)

    async def accepted(self, _, jingle):
        await self.browser.run(f"take({json.dumps(to_sdp(jingle))})")
        await asyncio.sleep(self.options.seconds)
        await self.finish()
        self.terminate("success")

    async def over(self, _, jingle):
        await self.finish()

    async def finish(self):
        if self.finished.done():
            return
        counted = await self.browser.run("counted()")
        numbers = counted.pop("seen")
        steps = list(zip(numbers, numbers[1:]))
        self.finished.set_result(counted | {
            "recognised": len(set(numbers)), "in_order": sum(b >= a for a, b in steps) / max(len(steps), 1), "refused": self.refused})


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("jid", "password", "host", "trust", "play", "video"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--call", help="whom; without it calls are answered")
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        camera = pathlib.Path(folder) / "film.y4m"
        write_film(camera)
        browser = Browser(options.play, [f"--use-file-for-fake-video-capture={camera}"])
        phone = Phone(options, browser)
        try:
            await browser.open()
            await browser.run(SCRIPT)
            phone.connect((options.host, options.port))
            print(json.dumps(await asyncio.wait_for(phone.finished, 90)), flush=True)
        finally:
            await browser.close()
            await phone.disconnect(wait=1)


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main())
