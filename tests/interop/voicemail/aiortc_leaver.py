"""A caller of other people's making: slixmpp for XMPP, aiortc (its own ICE, DTLS and SRTP) for media. Rings by a message
(XEP-0353), calls whoever says "proceed", says a recording, and stays until the other end hangs up. Prints JSON.
Debian: python3-slixmpp, python3-aiortc.
"""
import argparse
import asyncio
import json
import os
import pathlib
import sys
import uuid
import xml.etree.ElementTree as ET

import slixmpp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole, MediaPlayer
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
    for each in jingle.iter(f"{{{RTP}}}payload-type"):
        each.attrib.setdefault("channels", "1")
    return jingle


class Leaver(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options, self.sid, self.words = options, uuid.uuid4().hex, {"jmi": [], "ended": None}
        self.ca_certs, self.connection, self.done = options.trust, RTCPeerConnection(), asyncio.Event()
        self.add_event_handler("session_start", self.propose)
        self.register_handler(Callback("jingle", MatchXPath(f"{{jabber:client}}iq/{{{JINGLE}}}jingle"), self.on_iq))
        self.register_handler(Callback("message", MatchXPath("{jabber:client}message"), self.on_message))

    def propose(self, _):
        self.send_presence()
        message = self.make_message(mto=self.options.peer, mtype="chat")
        ET.SubElement(ET.SubElement(message.xml, f"{{{JMI}}}propose", id=self.sid), f"{{{RTP}}}description", media="audio")
        message.send()

    def on_message(self, message):
        for child in message.xml:
            if child.tag.startswith(f"{{{JMI}}}"):
                self.words["jmi"].append(child.tag.partition("}")[2])
                if self.words["jmi"][-1] == "proceed":
                    self.words["answered_by"] = str(message["from"])
                    asyncio.ensure_future(self.call(message["from"]))

    async def call(self, peer):
        self.connection.addTransceiver(MediaPlayer(self.options.play).audio)
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
            asyncio.ensure_future(self.accepted(jingle.find(f"{{{JINGLE}}}content")))
        if jingle.get("action") == "session-terminate":
            self.words["ended"] = jingle.find(f"{{{JINGLE}}}reason")[0].tag.partition("}")[2]
            self.done.set()

    async def accepted(self, content):
        self.words["codec"] = content.find(f".//{{{RTP}}}payload-type").get("name")
        await self.connection.setRemoteDescription(RTCSessionDescription(offer_sdp(content), "answer"))
        hole = MediaBlackhole()
        hole.addTrack(self.connection.getReceivers()[0].track)
        await hole.start()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("jid", "password", "host", "trust", "play", "peer"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=5222)
    options = parser.parse_args()
    client = Leaver(options)
    client.connect((options.host, options.port))
    try:
        await asyncio.wait_for(client.done.wait(), 80)
    finally:
        print(json.dumps(client.words), flush=True)
        os._exit(0 if client.words["ended"] == "success" else 1)  # its threads would stay


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(main())
