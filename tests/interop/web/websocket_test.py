"""XMPP over WebSocket (RFC 7395) with a WebSocket library that is not ours, beside slixmpp over TCP: log-in, messages
both ways, stream management over a cut, discovery (XEP-0156), and what a bad peer gets.
Usage: websocket_test.py CARILLOND CARILLONCTL"""
import asyncio
import base64
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
import xml.etree.ElementTree as ET

import slixmpp
import websockets

FRAMING = "{urn:ietf:params:xml:ns:xmpp-framing}"
CLIENT = "{jabber:client}"
SM = "{urn:xmpp:sm:3}"
STREAMS = "{http://etherx.jabber.org/streams}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Web:
    """A client of our own over somebody else's WebSocket: each message must be one whole XML document."""

    def __init__(self, connection):
        self.connection = connection

    @classmethod
    async def connect(cls, url, context=None):
        connection = await websockets.connect(url, subprotocols=["xmpp"], ssl=context, max_size=2**20)
        assert connection.subprotocol == "xmpp"
        return cls(connection)

    async def send(self, text):
        await self.connection.send(text)

    async def receive(self):
        return ET.fromstring(await asyncio.wait_for(self.connection.recv(), 10))

    async def open(self):
        await self.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>")
        opened = await self.receive()
        assert opened.tag == FRAMING + "open" and opened.get("from") == "localhost" and opened.get("id"), opened.attrib
        features = await self.receive()
        assert features.tag == STREAMS + "features", features.tag
        return features

    async def authenticate(self, user):
        features = await self.open()
        assert not features.findall("{urn:ietf:params:xml:ns:xmpp-tls}starttls"), "no STARTTLS inside a WebSocket"
        plain = base64.b64encode(f"\0{user}\0secret".encode()).decode()
        await self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
        assert (await self.receive()).tag.endswith("}success")
        return await self.open()

    async def bind(self, resource):
        await self.send(
            "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        answer = await self.receive()
        assert answer.tag == CLIENT + "iq" and answer.get("type") == "result", ET.tostring(answer)

    async def stanza(self):
        while True:
            element = await self.receive()
            if not element.tag.startswith(SM):
                return element


def tcp_client(jid):
    client = slixmpp.ClientXMPP(jid, "secret")
    client.ssl_context.check_hostname = False
    client.ssl_context.verify_mode = ssl.CERT_NONE
    client.ready = asyncio.Event()
    client.heard = asyncio.Queue()
    client.add_event_handler("message", lambda message: client.heard.put_nowait(message["body"]))

    async def started(_):
        client.send_presence()
        client.ready.set()

    client.add_event_handler("session_start", started)
    return client


async def talk(url, context, c2s_port):
    web = await Web.connect(url, context)
    await web.authenticate("alice")
    await web.bind("web")
    await web.send("<presence xmlns='jabber:client'/>")
    bob = tcp_client("bob@localhost/tcp")
    bob.connect(("127.0.0.1", c2s_port))
    await asyncio.wait_for(bob.ready.wait(), 15)
    await web.send("<message xmlns='jabber:client' type='chat' to='bob@localhost/tcp'><body>f\u00fcr Bob</body></message>")
    assert await asyncio.wait_for(bob.heard.get(), 10) == "f\u00fcr Bob"
    bob.send_message("alice@localhost/web", "x" * 70000, mtype="chat")
    message = await web.stanza()
    while message.tag != CLIENT + "message":
        message = await web.stanza()
    assert message.findtext(CLIENT + "body") == "x" * 70000
    # A message in fragments, with a ping inside.
    await web.connection.ping()
    await web.send(iter(["<message xmlns='jabber:client' to='bob@localhost/tcp' ", "type='chat'><body>in ", "pieces</body></message>"]))
    assert await asyncio.wait_for(bob.heard.get(), 10) == "in pieces"

    # Stream management over a cut, from WebSocket to WebSocket.
    await web.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    enabled = await web.receive()
    assert enabled.tag == SM + "enabled", enabled.tag
    web.connection.transport.abort()
    await asyncio.sleep(0.3)
    bob.send_message("alice@localhost/web", "while away", mtype="chat")
    again = await Web.connect(url, context)
    await again.authenticate("alice")
    await asyncio.sleep(0.3)
    await again.send(f"<resume xmlns='urn:xmpp:sm:3' previd='{enabled.get('id')}' h='0'/>")
    assert (await again.receive()).tag == SM + "resumed"
    message = await again.stanza()
    assert message.tag == CLIENT + "message" and message.findtext(CLIENT + "body") == "while away"

    await again.send("<a xmlns='urn:xmpp:sm:3' h='1'/>")  # or it would be delivered again, to whoever is there
    # An orderly end: <close/> is answered, then the WebSocket closes.
    await again.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
    while (await again.receive()).tag != FRAMING + "close":
        pass
    try:
        await asyncio.wait_for(again.connection.recv(), 10)
        raise AssertionError("the WebSocket stays open")
    except websockets.ConnectionClosed as closed:
        assert closed.code == 1000, closed.code
    await bob.disconnect()


async def errors(url, http_port):
    # A stream error is an element of its own, and the prefix is declared.
    web = await Web.connect(url)
    await web.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='elsewhere' version='1.0'/>")
    assert (await web.receive()).tag == FRAMING + "open"
    error = await web.receive()
    assert error.tag == STREAMS + "error" and error[0].tag.endswith("}host-unknown"), ET.tostring(error)
    assert (await web.receive()).tag == FRAMING + "close"
    # Binary messages and unmasked frames end the connection, with the right code.
    web = await Web.connect(url)
    await web.connection.send(b"binary")
    try:
        await asyncio.wait_for(web.connection.recv(), 10)
        raise AssertionError("binary was taken")
    except websockets.ConnectionClosed as closed:
        assert closed.code == 1003, closed.code
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x81\x05hello")
    assert await asyncio.wait_for(reader.read(), 10) == b"\x88\x02\x03\xea"
    writer.close()


def discovery(http_port):
    for name, kind in (("host-meta", "application/xrd+xml"), ("host-meta.json", "application/json")):
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/.well-known/{name}", timeout=10) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Content-Type"] == kind
            body = answer.read().decode()
        assert f"ws://127.0.0.1:{http_port}/xmpp-websocket" in body, body
    assert json.loads(body)["links"][0]["rel"] == "urn:xmpp:alt-connections:websocket"


async def scenario(c2s_port, http_port, https_port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    await talk(f"ws://127.0.0.1:{http_port}/xmpp-websocket", None, c2s_port)
    await talk(f"wss://127.0.0.1:{https_port}/xmpp-websocket", context, c2s_port)
    await errors(f"ws://127.0.0.1:{http_port}/xmpp-websocket", http_port)


def main():
    carillond, carillonctl = sys.argv[1:3]
    c2s_port, http_port, https_port = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "carillon.toml"
        config.write_text(
            f"""
[network]
bind = ["127.0.0.1"]
c2s_port = {c2s_port}
c2s_tls_port = 0
http_port = {http_port}
https_port = {https_port}
stun_port = 0
[relay]
enabled = false
[data]
dir = "{folder}/data"
"""
        )
        server = subprocess.Popen([carillond, "--config", str(config)], stdout=subprocess.PIPE, text=True)
        try:
            for line in server.stdout:  # the welcome ends with how to add a user
                if "Add a user" in line:
                    break
            for user in ("alice", "bob"):
                subprocess.run(
                    [carillonctl, "--data", f"{folder}/data", "user", "add", f"{user}@localhost", "--password", "secret"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            discovery(http_port)
            asyncio.get_event_loop().run_until_complete(
                asyncio.wait_for(scenario(c2s_port, http_port, https_port), 60)
            )
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(20)
        assert ended == 0, f"carillond ended with {ended}"


if __name__ == "__main__":
    main()
