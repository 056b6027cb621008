#!/usr/bin/python3
"""A Jingle endpoint of other people's making: slixmpp for XMPP, aiortc (its own ICE, DTLS and SRTP) for media.

Answers one call with a recording and records what it hears. What carillon-phone and this one say to each other in
Jingle and on the wire is thereby not only what carillon-phone says to itself.
Debian: python3-slixmpp, python3-aiortc.
"""
import argparse
import asyncio
import sys
import xml.etree.ElementTree as ET

import slixmpp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRecorder
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

JINGLE = "urn:xmpp:jingle:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
GROUP = "urn:xmpp:jingle:apps:grouping:0"


def candidate_line(c):
    line = (f"candidate:{c.get('foundation')} {c.get('component')} {c.get('protocol')} {c.get('priority')} {c.get('ip')} "
            f"{c.get('port')} typ {c.get('type')}")
    if c.get("rel-addr"):
        line += f" raddr {c.get('rel-addr')} rport {c.get('rel-port')}"
    if c.get("tcptype"):
        line += f" tcptype {c.get('tcptype')}"
    return line


def offer_sdp(content):
    description, transport = content.find(f"{{{RTP}}}description"), content.find(f"{{{ICE}}}transport")
    fingerprint = transport.find(f"{{{DTLS}}}fingerprint")
    types = description.findall(f"{{{RTP}}}payload-type")
    name = content.get("name")
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {name}",
             "m=audio 9 UDP/TLS/RTP/SAVPF " + " ".join(t.get("id") for t in types), "c=IN IP4 0.0.0.0", f"a=mid:{name}",
             "a=sendrecv", "a=rtcp-mux", f"a=ice-ufrag:{transport.get('ufrag')}", f"a=ice-pwd:{transport.get('pwd')}",
             f"a=fingerprint:{fingerprint.get('hash')} {fingerprint.text}", f"a=setup:{fingerprint.get('setup')}"]
    for t in types:
        channels = f"/{t.get('channels')}" if t.get("channels") else ""
        lines.append(f"a=rtpmap:{t.get('id')} {t.get('name')}/{t.get('clockrate')}{channels}")
    lines += ["a=" + candidate_line(c) for c in transport.findall(f"{{{ICE}}}candidate")]
    return "\r\n".join(lines) + "\r\n"


def answer_jingle(sdp, sid, me, content):
    jingle = ET.Element(f"{{{JINGLE}}}jingle", action="session-accept", sid=sid, responder=me)
    group = ET.SubElement(jingle, f"{{{GROUP}}}group", semantics="BUNDLE")
    ET.SubElement(group, f"{{{GROUP}}}content", name=content.get("name"))
    out = ET.SubElement(jingle, f"{{{JINGLE}}}content", creator="initiator", name=content.get("name"))
    description = ET.SubElement(out, f"{{{RTP}}}description", media="audio")
    transport = ET.SubElement(out, f"{{{ICE}}}transport")
    fingerprint = ET.SubElement(transport, f"{{{DTLS}}}fingerprint")
    for line in sdp.splitlines():
        key, _, value = line.removeprefix("a=").partition(":")
        if key == "rtpmap":
            number, codec = value.split(" ")
            name, rate, *channels = codec.split("/")
            ET.SubElement(description, f"{{{RTP}}}payload-type", id=number, name=name, clockrate=rate,
                          **({"channels": channels[0]} if channels else {}))
        elif key == "ice-ufrag":
            transport.set("ufrag", value)
        elif key == "ice-pwd":
            transport.set("pwd", value)
        elif key == "fingerprint" and value.startswith("sha-256"):
            fingerprint.set("hash", "sha-256")
            fingerprint.text = value.split(" ")[1]
        elif key == "setup":
            fingerprint.set("setup", value)
        elif key == "candidate":
            parts = value.split(" ")
            if parts[1] == "1":
                ET.SubElement(transport, f"{{{ICE}}}candidate", foundation=parts[0], component="1", protocol=parts[2].lower(),
                              priority=parts[3], ip=parts[4], port=parts[5], type=parts[7], generation="0", network="0",
                              id="c" + parts[5],
                              **({"tcptype": parts[parts.index("tcptype") + 1]} if "tcptype" in parts else {}))
    ET.SubElement(description, f"{{{RTP}}}rtcp-mux")
    return jingle


class Answerer(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options, self.connection, self.recorder, self.sid = options, None, None, None
        self.finished = asyncio.get_event_loop().create_future()
        self.ca_certs = options.trust
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0115")
        for feature in (JINGLE, RTP, "urn:xmpp:jingle:apps:rtp:audio", ICE, DTLS):
            self["xep_0030"].add_feature(feature)
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", lambda _: self.finish("authentication failed"))
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self.on_iq))

    def finish(self, why):
        if not self.finished.done():
            self.finished.set_result(why)

    async def on_start(self, _):
        await self["xep_0115"].update_caps()
        self.send_presence()
        print("online", flush=True)

    def on_iq(self, iq):
        if iq["type"] != "set":
            return
        iq.reply().send()
        jingle = iq.xml.find(f"{{{JINGLE}}}jingle")
        action = jingle.get("action")
        if action == "session-initiate":
            asyncio.ensure_future(self.accept(iq["from"], jingle))
        elif action == "session-terminate":
            asyncio.ensure_future(self.close())

    async def accept(self, peer, jingle):
        content = jingle.find(f"{{{JINGLE}}}content")
        self.connection = RTCPeerConnection()
        self.recorder = MediaRecorder(self.options.record)

        @self.connection.on("track")
        def on_track(track):
            self.recorder.addTrack(track)

        await self.connection.setRemoteDescription(RTCSessionDescription(offer_sdp(content), "offer"))
        self.connection.addTrack(MediaPlayer(self.options.play).audio)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        accept = self.make_iq_set(ito=peer)
        accept.xml.append(answer_jingle(self.connection.localDescription.sdp, jingle.get("sid"), self.boundjid.full, content))
        accept.send()
        await self.recorder.start()

    async def close(self):
        await self.recorder.stop()
        await self.connection.close()
        self.finish(None)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("jid", "password", "host", "trust", "play", "record"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--patience", type=float, default=60)
    options = parser.parse_args()
    client = Answerer(options)
    client.connect((options.host, options.port))
    try:
        why = await asyncio.wait_for(client.finished, options.patience)
    except asyncio.TimeoutError:
        why = "no whole call in time"
    await client.disconnect(wait=1)
    return why


if __name__ == "__main__":
    sys.exit(asyncio.get_event_loop().run_until_complete(main()))
