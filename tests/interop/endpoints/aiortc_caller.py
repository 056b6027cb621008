#!/usr/bin/python3
"""A caller of other people's making: slixmpp for XMPP, aiortc (its own ICE, DTLS and SRTP) for media.

Calls an endpoint of the server by a message (XEP-0353) and a session, says a recording, records what it hears, hangs up,
waits for the message with the figures of the call and prints it all as JSON.
Debian: python3-slixmpp, python3-aiortc.
"""
import argparse
import asyncio
import json
import pathlib
import sys
import uuid
import xml.etree.ElementTree as ET

import slixmpp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRecorder
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "media/interop"))
from aiortc_answer import DTLS, JINGLE, RTP, answer_jingle, offer_sdp  # noqa: E402

JMI = "urn:xmpp:jingle-message:0"


def initiate_jingle(sdp, sid, me):
    """As an answer is written, with the words of an offer."""
    name = next(line.removeprefix("a=mid:") for line in sdp.splitlines() if line.startswith("a=mid:"))
    jingle = answer_jingle(sdp, sid, me, ET.Element("content", name=name))
    jingle.set("action", "session-initiate")
    jingle.set("initiator", jingle.attrib.pop("responder"))
    jingle.find(f".//{{{DTLS}}}fingerprint").set("setup", "actpass")
    for t in jingle.iter(f"{{{RTP}}}payload-type"):
        t.attrib.setdefault("channels", "1")
    return jingle


class Caller(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options, self.sid = options, uuid.uuid4().hex
        self.connection = self.recorder = None
        self.ca_certs = options.trust
        self.words, self.done = {"jmi": []}, asyncio.get_event_loop().create_future()
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0115")
        self.register_plugin("xep_0199")
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", lambda _: self.finish("authentication failed"))
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self.on_iq))
        self.register_handler(Callback("message", MatchXPath("{jabber:client}message"), self.on_message))

    def finish(self, failure=None):
        if not self.done.done():
            self.words["failure"] = failure
            self.done.set_result(None)

    async def on_start(self, _):
        self.send_presence()
        bare = self.options.peer
        info = await self["xep_0030"].get_info(jid=bare)
        self.words["features"] = sorted(info["disco_info"]["features"])
        items = await self["xep_0030"].get_items(jid=bare.split("@")[1])
        self.words["items"] = [item[0] for item in items["disco_items"]["items"]]
        self.send_presence_subscription(pto=bare)
        message = self.make_message(mto=bare, mtype="chat")
        propose = ET.SubElement(message.xml, f"{{{JMI}}}propose", id=self.sid)
        ET.SubElement(propose, f"{{{RTP}}}description", media="audio")
        message.send()

    def on_message(self, message):
        for child in message.xml:
            if child.tag.startswith(f"{{{JMI}}}"):
                word = child.tag.partition("}")[2]
                self.words["jmi"].append(word)
                if word == "proceed":
                    asyncio.ensure_future(self.call(message["from"]))
        if message["body"]:
            self.words["figures"] = message["body"]
            self.words["form"] = {field.get("var"): field[0].text
                                  for field in message.xml.iter("{jabber:x:data}field")}
            self.finish()

    async def call(self, peer):
        self.peer = peer
        self.connection = RTCPeerConnection()
        self.recorder = MediaRecorder(self.options.record)

        @self.connection.on("track")
        def on_track(track):
            self.recorder.addTrack(track)

        self.connection.addTrack(MediaPlayer(self.options.play).audio)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        iq = self.make_iq_set(ito=peer)
        iq.xml.append(initiate_jingle(self.connection.localDescription.sdp, self.sid, self.boundjid.full))
        await iq.send()

    def on_iq(self, iq):
        if iq["type"] != "set":
            return
        iq.reply().send()
        jingle = iq.xml.find(f"{{{JINGLE}}}jingle")
        if jingle.get("action") == "session-accept":
            asyncio.ensure_future(self.accepted(jingle))
        elif jingle.get("action") == "session-terminate":
            self.finish("the server hung up")

    async def accepted(self, jingle):
        content = jingle.find(f"{{{JINGLE}}}content")
        self.words["codecs"] = [t.get("name") for t in content.iter(f"{{{RTP}}}payload-type")]
        await self.connection.setRemoteDescription(RTCSessionDescription(offer_sdp(content), "answer"))
        await self.recorder.start()
        await asyncio.sleep(self.options.seconds)
        await self.recorder.stop()
        terminate = self.make_iq_set(ito=self.peer)
        out = ET.SubElement(terminate.xml, f"{{{JINGLE}}}jingle", action="session-terminate", sid=self.sid)
        ET.SubElement(ET.SubElement(out, f"{{{JINGLE}}}reason"), f"{{{JINGLE}}}success")
        await terminate.send()
        await self.connection.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("jid", "password", "host", "trust", "play", "record", "peer"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--patience", type=float, default=60)
    options = parser.parse_args()
    client = Caller(options)
    client.connect((options.host, options.port))
    try:
        await asyncio.wait_for(client.done, options.patience)
    finally:
        client.disconnect()
        print(json.dumps(client.words), flush=True)
    return 1 if client.words.get("failure") else 0


if __name__ == "__main__":
    sys.exit(asyncio.get_event_loop().run_until_complete(main()))
