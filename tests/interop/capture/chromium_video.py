#!/usr/bin/python3
"""A video call between two users who both are Chromium (libwebrtc: VP8, RTX, BUNDLE, DTLS-SRTP): two accounts, two peer
connections of one browser without a window, everything between them through the server.

Prints "online", places the call, prints "talking" when pictures flow both ways, and hangs up when a line comes on its
standard input; then prints what Chromium counted, as JSON. Debian: chromium, python3-slixmpp, python3-aiohttp.
"""
import argparse
import asyncio
import json
import pathlib
import ssl
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bridge"))
from chromium_phone import Browser  # noqa: E402
from aiortc_answer import DTLS, GROUP, ICE, JINGLE, RTP, candidate_line  # noqa: E402

FEEDBACK = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0"
SCRIPT = """
globalThis.pcs = [0, 1].map(() => new RTCPeerConnection({bundlePolicy: 'max-bundle'}));
globalThis.ready = pc => new Promise(done => {
  const look = () => pc.iceGatheringState === 'complete' && done(pc.localDescription.sdp);
  pc.onicegatheringstatechange = look; setTimeout(() => done(pc.localDescription.sdp), 3000); look();
});
globalThis.add = async i => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240, frameRate: 15}});
  for (const track of stream.getTracks()) pcs[i].addTrack(track, stream);
};
globalThis.offer2 = async i => { await add(i); await pcs[i].setLocalDescription(); return ready(pcs[i]); };
globalThis.take2 = (i, sdp) => pcs[i].setRemoteDescription({type: 'answer', sdp});
globalThis.answer2 = async (i, sdp) => {
  await pcs[i].setRemoteDescription({type: 'offer', sdp}); await add(i); await pcs[i].setLocalDescription(); return ready(pcs[i]);
};
globalThis.counted2 = async i => {
  const out = {};
  for (const each of (await pcs[i].getStats()).values()) {
    if (each.type === 'inbound-rtp' && each.kind === 'video') Object.assign(out, {frames: each.framesDecoded, lost: each.packetsLost});
    if (each.type === 'outbound-rtp' && each.kind === 'video') Object.assign(out, {sent: each.framesEncoded, plis: each.pliCount, keys: each.keyFramesEncoded});
  }
  return out;
};
0"""


def to_jingle(sdp, action, sid):
    jingle = ET.Element(f"{{{JINGLE}}}jingle", action=action, sid=sid)
    head, *sections = sdp.replace("\r\n", "\n").split("\nm=")
    group = ET.SubElement(jingle, f"{{{GROUP}}}group", semantics="BUNDLE")
    session = [line for line in head.splitlines()]
    for section in sections:
        lines = session + section.splitlines()
        values = {}
        for line in lines:
            key, _, value = line.removeprefix("a=").partition(":")
            values.setdefault(key, []).append(value)
        name, media = values["mid"][0], section.split(" ")[0]
        ET.SubElement(group, f"{{{GROUP}}}content", name=name)
        content = ET.SubElement(jingle, f"{{{JINGLE}}}content", creator="initiator", name=name, senders="both")
        description = ET.SubElement(content, f"{{{RTP}}}description", media=media)
        types = {}
        for value in values["rtpmap"]:
            number, codec = value.split(" ")
            codec, rate, *channels = codec.split("/")
            types[number] = ET.SubElement(description, f"{{{RTP}}}payload-type", id=number, name=codec, clockrate=rate,
                                          **({"channels": channels[0]} if channels else {}))
        for value in values.get("fmtp", []):
            number, _, parameters = value.partition(" ")
            for parameter in parameters.split(";"):
                key, _, text = parameter.strip().partition("=")
                ET.SubElement(types[number], f"{{{RTP}}}parameter", name=key, value=text)
        for value in values.get("rtcp-fb", []):
            number, kind, *subtype = value.split(" ")
            if number in types:
                ET.SubElement(types[number], f"{{{FEEDBACK}}}rtcp-fb", type=kind, **({"subtype": subtype[0]} if subtype else {}))
        ET.SubElement(description, f"{{{RTP}}}rtcp-mux")
        transport = ET.SubElement(content, f"{{{ICE}}}transport", ufrag=values["ice-ufrag"][0], pwd=values["ice-pwd"][0])
        kind, value = values["fingerprint"][0].split(" ")
        ET.SubElement(transport, f"{{{DTLS}}}fingerprint", hash=kind, setup=values["setup"][0]).text = value
        for value in values.get("candidate", []):
            parts = value.split(" ")
            if parts[1] == "1" and parts[2].lower() == "udp":
                ET.SubElement(transport, f"{{{ICE}}}candidate", foundation=parts[0], component="1", protocol="udp", priority=parts[3],
                              ip=parts[4], port=parts[5], type=parts[7], generation="0", network="0", id="c" + parts[5])
    return jingle


def to_sdp(jingle):
    contents = jingle.findall(f"{{{JINGLE}}}content")
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE " + " ".join(c.get("name") for c in contents)]
    for content in contents:
        description, transport = content.find(f"{{{RTP}}}description"), content.find(f"{{{ICE}}}transport")
        fingerprint = transport.find(f"{{{DTLS}}}fingerprint")
        types = description.findall(f"{{{RTP}}}payload-type")
        lines += [f"m={description.get('media')} 9 UDP/TLS/RTP/SAVPF " + " ".join(t.get("id") for t in types), "c=IN IP4 0.0.0.0",
                  f"a=mid:{content.get('name')}", "a=sendrecv", "a=rtcp-mux", f"a=ice-ufrag:{transport.get('ufrag')}",
                  f"a=ice-pwd:{transport.get('pwd')}", f"a=fingerprint:{fingerprint.get('hash')} {fingerprint.text}",
                  f"a=setup:{fingerprint.get('setup')}"]
        for t in types:
            channels = f"/{t.get('channels')}" if t.get("channels", "1") != "1" else ""
            lines.append(f"a=rtpmap:{t.get('id')} {t.get('name')}/{t.get('clockrate')}{channels}")
            parameters = [(p.get("name") + "=" if p.get("name") else "") + p.get("value", "")
                          for p in t.findall(f"{{{RTP}}}parameter")]
            if parameters:
                lines.append(f"a=fmtp:{t.get('id')} " + ";".join(parameters))
            for f in t.findall(f"{{{FEEDBACK}}}rtcp-fb"):
                lines.append(f"a=rtcp-fb:{t.get('id')} {f.get('type')}" + (f" {f.get('subtype')}" if f.get("subtype") else ""))
        lines += ["a=" + candidate_line(c) for c in transport.findall(f"{{{ICE}}}candidate")]
    return "\r\n".join(lines) + "\r\n"


class End(slixmpp.ClientXMPP):
    def __init__(self, options, browser, index):
        jid, password = options.ends[index].split(":")
        super().__init__(jid, password)
        self.browser, self.index, self.peer, self.sid = browser, index, None, "pictures"
        loop = asyncio.get_event_loop()
        self.online, self.answered = loop.create_future(), loop.create_future()
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
        self.online.set_result(None)

    def say(self, jingle):
        iq = self.make_iq_set(ito=self.peer)
        iq.xml.append(jingle)
        iq.send()

    def on_iq(self, iq):
        if iq["type"] != "set":
            return
        iq.reply().send()
        asyncio.ensure_future(self.take(iq["from"], iq.xml.find(f"{{{JINGLE}}}jingle")))

    async def take(self, peer, jingle):
        try:
            if jingle.get("action") == "session-initiate":
                self.peer, self.sid = peer, jingle.get("sid")
                sdp = await self.browser.run(f"answer2({self.index}, {json.dumps(to_sdp(jingle))})")
                accept = to_jingle(sdp, "session-accept", self.sid)
                accept.set("responder", self.boundjid.full)
                self.say(accept)
            elif jingle.get("action") == "session-accept":
                await self.browser.run(f"take2({self.index}, {json.dumps(to_sdp(jingle))})")
                self.answered.set_result(None)
        except Exception as why:
            if not self.answered.done():
                self.answered.set_exception(why)
            print(why, file=sys.stderr, flush=True)

    async def call(self, peer):
        self.peer = peer
        initiate = to_jingle(await self.browser.run(f"offer2({self.index})"), "session-initiate", self.sid)
        initiate.set("initiator", self.boundjid.full)
        self.say(initiate)
        await asyncio.wait_for(self.answered, 60)

    def hang_up(self):
        self.say(ET.fromstring(f"<jingle xmlns='{JINGLE}' action='session-terminate' sid='{self.sid}'><reason><success/></reason></jingle>"))


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ends", nargs=2, help="JID/RESOURCE:PASSWORD, the caller's and the callee's")
    for name in ("host", "trust", "play"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    options = parser.parse_args()
    browser = Browser(options.play)
    ends = []
    try:
        await browser.open()
        await browser.run(SCRIPT)
        for index in (0, 1):
            ends.append(End(options, browser, index))
            ends[index].connect((options.host, options.port))
            await asyncio.wait_for(ends[index].online, 30)
        await asyncio.sleep(0.5)  # the server asks what the clients can do
        print("online", flush=True)
        await ends[0].call(ends[1].boundjid.full)
        for _ in range(300):
            if all([(await browser.run(f"counted2({index})")).get("frames", 0) > 5 for index in (0, 1)]):
                break
            await asyncio.sleep(0.1)
        else:
            raise RuntimeError("no pictures")
        print("talking", flush=True)
        await asyncio.get_event_loop().run_in_executor(None, sys.stdin.readline)
        print(json.dumps([await browser.run(f"counted2({index})") for index in (0, 1)]), flush=True)
        ends[0].hang_up()
        await asyncio.sleep(0.5)
    finally:
        await browser.close()
        for end in ends:
            await end.disconnect(wait=1)


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main())
