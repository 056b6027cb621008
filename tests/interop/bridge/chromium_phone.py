#!/usr/bin/python3
"""A browser as a telephone: Chromium's WebRTC for media (max-bundle, its own ICE, DTLS and SRTP), slixmpp for XMPP.

Answers one call, or with --call places one, saying a recording through Chromium's fake microphone; at the end it prints
what Chromium counted, as JSON. Debian: chromium, python3-slixmpp, python3-aiohttp.
"""
import argparse
import asyncio
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile

import aiohttp
import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "media/interop"))
from aiortc_answer import DTLS, ICE, JINGLE, RTP, answer_jingle, candidate_line, offer_sdp  # noqa: E402

SCRIPT = """
globalThis.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
pc.ontrack = event => { const sink = new Audio(); sink.srcObject = new MediaStream([event.track]); sink.play(); };
globalThis.gathered = () => new Promise(done => {
  const look = () => pc.iceGatheringState === 'complete' && done(pc.localDescription.sdp);
  pc.onicegatheringstatechange = look; setTimeout(() => done(pc.localDescription.sdp), 3000); look();
});
globalThis.open = async () => {
  const stream = await navigator.mediaDevices.getUserMedia(
      {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
};
globalThis.offer = async () => { await open(); await pc.setLocalDescription(); return gathered(); };
globalThis.take = sdp => pc.setRemoteDescription({type: 'answer', sdp});
globalThis.answer = async sdp => {
  await pc.setRemoteDescription({type: 'offer', sdp}); await open(); await pc.setLocalDescription(); return gathered();
};
globalThis.more = candidate => pc.addIceCandidate({candidate, sdpMLineIndex: 0}).then(() => 0, why => String(why));
globalThis.counted = async () => {
  const out = {ice: pc.iceConnectionState, dtls: pc.connectionState};
  const stats = await pc.getStats();
  for (const each of stats.values()) {
    if (each.type === 'inbound-rtp') Object.assign(out, {packets_received: each.packetsReceived, lost: each.packetsLost,
        energy: each.totalAudioEnergy, concealed: each.concealedSamples, samples: each.totalSamplesReceived});
    if (each.type === 'outbound-rtp') out.packets_sent = each.packetsSent;
    if (each.type === 'transport') {
      const pair = stats.get(each.selectedCandidatePairId);
      out.srtp = each.srtpCipher;
      out.protocol = pair && stats.get(pair.localCandidateId).protocol;
    }
  }
  return out;
};
"""


class Browser:
    """Chromium without a window, told what to do over its debugging protocol."""

    def __init__(self, play, more=()):
        self.folder = tempfile.TemporaryDirectory(prefix="chromium-phone-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
             f"--user-data-dir={self.folder.name}", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
             f"--use-file-for-fake-audio-capture={play}", "--autoplay-policy=no-user-gesture-required", "--disable-audio-output", *more, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.asked = 0

    async def open(self):
        known = pathlib.Path(self.folder.name) / "DevToolsActivePort"
        for _ in range(600):
            if known.exists() and len(known.read_text().splitlines()) == 2:
                break
            await asyncio.sleep(0.05)
        port = known.read_text().splitlines()[0]
        self.http = aiohttp.ClientSession()
        for _ in range(100):
            async with self.http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            if pages:
                break
            await asyncio.sleep(0.1)
        self.socket = await self.http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        # A microphone is for secure origins only; this one is, for it is local.
        await self.ask("Page.navigate", url=f"http://127.0.0.1:{port}/json/version")
        for _ in range(100):
            if await self.run("location.protocol") == "http:":
                break
            await asyncio.sleep(0.1)
        await self.run(SCRIPT + "0")

    async def ask(self, method, **params):
        self.asked += 1
        await self.socket.send_json({"id": self.asked, "method": method, "params": params})
        while True:
            answer = await asyncio.wait_for(self.socket.receive_json(), 60)
            if answer.get("id") == self.asked:
                return answer["result"]

    async def run(self, script):
        answer = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    async def close(self):
        self.process.kill()
        self.process.wait(10)
        await self.http.close()


class Phone(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options, self.browser, self.peer = options, Browser(options.play), None
        self.finished = asyncio.get_event_loop().create_future()
        self.tls = ssl.create_default_context(cafile=options.trust)
        self.tls.check_hostname = False
        self.get_ssl_context = lambda: self.tls
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0115")
        for feature in (JINGLE, RTP, "urn:xmpp:jingle:apps:rtp:audio", ICE, DTLS):
            self["xep_0030"].add_feature(feature)
        self.add_event_handler("session_start", self.on_start)
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self.on_iq))

    async def on_start(self, _):
        await self.browser.open()
        await self["xep_0115"].update_caps()
        self.send_presence()
        print("online", flush=True)
        if self.options.call:
            await self.guard(self.place(self.options.call))

    def say(self, action, content, sdp):
        jingle = answer_jingle(sdp, "chromium" if action == "session-initiate" else self.sid, self.boundjid.full, content)
        jingle.set("action", action)
        if action == "session-initiate":
            jingle.set("initiator", self.boundjid.full)
        iq = self.make_iq_set(ito=self.peer)
        iq.xml.append(jingle)
        iq.send()

    async def guard(self, work):
        try:
            await work
        except Exception as why:  # whatever went wrong ends the program, and is told
            if not self.finished.done():
                self.finished.set_exception(why)

    async def place(self, peer):
        self.peer, self.sid = peer, "chromium"
        sdp = await self.browser.run("offer()")
        name = next(line for line in sdp.splitlines() if line.startswith("a=mid:"))[6:]
        self.say("session-initiate", {"name": name}, sdp)

    def on_iq(self, iq):
        if iq["type"] != "set":
            return
        iq.reply().send()
        jingle = iq.xml.find(f"{{{JINGLE}}}jingle")
        handler = {"session-initiate": self.accept, "session-accept": self.accepted, "transport-info": self.more,
                   "session-terminate": self.over}
        if jingle.get("action") in handler:
            asyncio.ensure_future(self.guard(handler[jingle.get("action")](iq["from"], jingle)))

    async def accept(self, peer, jingle):
        self.peer, self.sid = peer, jingle.get("sid")
        content = jingle.find(f"{{{JINGLE}}}content")
        sdp = await self.browser.run(f"answer({json.dumps(offer_sdp(content))})")
        self.say("session-accept", content, sdp)

    async def accepted(self, _, jingle):
        await self.browser.run(f"take({json.dumps(offer_sdp(jingle.find(f'{{{JINGLE}}}content')))})")
        await asyncio.sleep(self.options.seconds)
        counted = await self.browser.run("counted()")
        iq = self.make_iq_set(ito=self.peer)
        iq.xml.append(slixmpp.xmlstream.ET.fromstring(
            f"<jingle xmlns='{JINGLE}' action='session-terminate' sid='chromium'><reason><success/></reason></jingle>"))
        iq.send()
        self.finished.set_result(counted)

    async def more(self, _, jingle):
        """Of the other end's candidates. One that comes before the description was taken is in vain."""
        for candidate in jingle.iter(f"{{{ICE}}}candidate"):
            await self.browser.run(f"more({json.dumps(candidate_line(candidate))})")

    async def over(self, _, jingle):
        if not self.finished.done():
            self.finished.set_result(await self.browser.run("counted()"))


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("jid", "password", "host", "trust", "play"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--call", help="whom; without it one call is answered")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    phone = Phone(options)
    phone.connect((options.host, options.port))
    try:
        print(json.dumps(await asyncio.wait_for(phone.finished, 90)), flush=True)
    finally:
        await phone.browser.close()
        await phone.disconnect(wait=1)


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main())
