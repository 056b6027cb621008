"""HTTP upload (XEP-0363) as a foreign client (slixmpp) and a foreign downloader (curl) use it: slots, limits, one-time
PUT, ranges and conditions, nothing that runs in a browser, hostile requests, quotas, expiry, restart.
Usage: upload_test.py BINARIES"""
import asyncio
import hashlib
import io
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
import zlib

from slixmpp.exceptions import IqError

from house import Client, House, run, until

NS = "urn:xmpp:http:upload:0"
LIMITS = """
[module.http_upload]
max_file = "3MiB"
quota = "8MiB"
slots = 4
"""


class Uploader(Client):
    def __init__(self, jid):
        super().__init__(jid)
        for plugin in ("xep_0363", "xep_0066"):
            self.register_plugin(plugin)
        self.messages = []
        self.add_event_handler("message", self.messages.append)

    async def send_file(self, name, content, kind=None):
        # Looked for as the plugin does, whose own search does not bear Python 3.11.
        items = await self["xep_0030"].get_items(jid="localhost")
        assert "upload.localhost" in {item[0] for item in items["disco_items"]["items"]}
        self["xep_0363"].upload_service = "upload.localhost"
        return await self["xep_0363"].upload_file(name, input_file=io.BytesIO(content), content_type=kind, timeout=20)

    async def slot(self, size, name="a.bin", kind="application/octet-stream", purpose=""):
        iq = self.make_iq_get(ito="upload.localhost")
        iq.xml.append(ET.fromstring(
            f"<request xmlns='{NS}' filename='{name}' size='{size}' content-type='{kind}'>{purpose}</request>"))
        answer = await iq.send(timeout=15)
        return (answer.xml.find(f".//{{{NS}}}put").get("url"), answer.xml.find(f".//{{{NS}}}get").get("url"))


def curl(house, *arguments):
    """Status, headers by lower-case name, body."""
    done = subprocess.run(["curl", "-sS", "-i", "--cacert", house.data / "certificates" / "localhost.crt", "--max-time", "30", *arguments],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:]))
    return int(lines[0].split()[1]), headers, body


async def get(house, *arguments):
    return await asyncio.to_thread(curl, house, *arguments)


async def put(house, url, content, *arguments):
    done = await asyncio.to_thread(
        lambda: subprocess.run(["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "-T", "-",
                                "-H", "Transfer-Encoding:", "-H", f"Content-Length: {len(content)}", *arguments, url],
                               input=content, capture_output=True, timeout=60))
    return int(done.stdout or b"0")


async def refused(request, condition):
    try:
        await request
    except IqError as error:
        assert error.condition == condition, error.iq
        return error.iq.xml
    raise AssertionError(f"not refused with {condition}")


async def slots(house, alice):
    info = await alice["xep_0030"].get_info(jid="upload.localhost")
    form = info["disco_info"]["form"]
    assert form["values"]["max-file-size"] == str(3 * 1024 * 1024), info
    error = await refused(alice.slot(4 * 1024 * 1024), "not-acceptable")
    assert error.findtext(f".//{{{NS}}}max-file-size") == str(3 * 1024 * 1024)
    for bad in (0, -1, "x", 2**70):
        await refused(alice.slot(bad), "bad-request")
    await refused(alice.slot(1, name=""), "bad-request")
    for _ in range(4):
        await alice.slot(10)
    error = await refused(alice.slot(10), "resource-constraint")
    assert error.find(f".//{{{NS}}}retry").get("stamp"), "says when to try again"


async def files(house, alice, bob):
    content = os.urandom(1_500_000)
    url = await alice.send_file("très cool.jpg", content, "image/jpeg")
    assert url.startswith(f"https://localhost:{house.https_port}/upload/"), url
    status, headers, body = await get(house, url)
    assert status == 200 and body == content
    assert headers["content-type"] == "image/jpeg" and headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("inline;") and "UTF-8''tr%C3%A8s%20cool.jpg" in headers["content-disposition"]
    assert "sandbox" in headers["content-security-policy"] and headers["access-control-allow-origin"] == "*"
    tag, date = headers["etag"], headers["last-modified"]
    assert "immutable" in headers["cache-control"] and hashlib.sha256(content).hexdigest() in tag

    for field, first, last in (("100-299", 100, 299), ("1499990-", 1499990, 1499999), ("-7", 1499993, 1499999),
                               ("1499999-99999999", 1499999, 1499999)):
        status, headers, body = await get(house, "-H", f"Range: bytes={field}", url)
        assert status == 206 and body == content[first:last + 1], (field, status)
        assert headers["content-range"] == f"bytes {first}-{last}/1500000"
    status, headers, _ = await get(house, "-H", "Range: bytes=1500000-", url)
    assert status == 416 and headers["content-range"] == "bytes */1500000"
    for asked, holds in ((tag, True), (date, True), ('"other"', False)):
        status, _, body = await get(house, "-H", "Range: bytes=5-6", "-H", f"If-Range: {asked}", url)
        assert (status, len(body)) == ((206, 2) if holds else (200, 1500000)), asked
    for nonsense in ("bytes=9-3", "octets=1-2", "bytes=1-2,4-5", "bytes=a-"):
        assert (await get(house, "-H", f"Range: {nonsense}", url))[0] == 200, nonsense
    assert (await get(house, "-H", f"If-None-Match: {tag}", url))[0] == 304
    assert (await get(house, "-H", f"If-Modified-Since: {date}", url))[0] == 304
    status, headers, body = await get(house, "-I", url)
    assert status == 200 and headers["content-length"] == "1500000" and body == b""
    # Several ranges: the whole, as RFC 9110 §14.2 has it; whoever asks for a thousand gets no thousand parts.
    many = ",".join(f"{i * 10}-{i * 10 + 5}" for i in range(1000))
    status, headers, body = await get(house, "-H", f"Range: bytes={many}", url)
    assert status == 200 and body == content and "multipart" not in headers["content-type"]
    status, headers, _ = await get(house, "-X", "OPTIONS", "-H", "Origin: https://example.org", url)
    assert status == 204 and "PUT" in headers["access-control-allow-methods"]
    assert "Content-Type" in headers["access-control-allow-headers"]
    assert (await get(house, "-X", "DELETE", url))[0] == 405

    # curl goes on where a download broke off
    part = pathlib.Path(house.folder.name) / "part"
    part.write_bytes(content[:700_000])
    await asyncio.to_thread(subprocess.run, ["curl", "-sS", "-k", "-C", "-", "-o", part, url], check=True, timeout=60)
    assert part.read_bytes() == content

    message = alice.make_message("bob@localhost", url, mtype="chat")
    message["oob"]["url"] = url
    message.send()
    await until(lambda: bob.messages, "the link arrives")
    shared = bob.messages[-1].xml.find("{urn:xmpp:sfs:0}file-sharing")
    assert shared is not None, "facts about the file come with the link"
    file = shared.find("{urn:xmpp:file:metadata:0}file")
    assert file.findtext("{urn:xmpp:file:metadata:0}size") == "1500000"
    assert file.findtext("{urn:xmpp:file:metadata:0}name") == "très cool.jpg"
    return url, content


def png(width, height, claimed=None):
    """A grey picture; `claimed`: the measures that its head tells."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zip_bomb(side):
    """A picture whose 400 million pixels are half a megabyte of zeros on the wire."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    rows = b"".join([squeeze.compress(bytes(side + 1)) for _ in range(side)] + [squeeze.flush()])
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def thumbnails(house, alice, bob):
    async def shared(name, content, kind):
        """What the message with the link tells of the file."""
        url = await alice.send_file(name, content, kind)
        message = alice.make_message("bob@localhost", url, mtype="chat")
        message["oob"]["url"] = url
        message.send()
        await until(lambda: bob.messages and bob.messages[-1]["body"] == url, "the link arrives")
        return url, bob.messages[-1].xml.find("{urn:xmpp:sfs:0}file-sharing/{urn:xmpp:file:metadata:0}file")

    url, file = await shared("wide.png", png(1000, 500), "image/png")
    assert file.findtext("{urn:xmpp:file:metadata:0}width") == "1000"
    thumbnail = file.find("{urn:xmpp:thumbs:1}thumbnail")
    assert thumbnail.attrib == {"uri": url + "?thumbnail", "media-type": "image/jpeg", "width": "320", "height": "160"}
    status, headers, body = await get(house, thumbnail.get("uri"))
    assert status == 200 and headers["content-type"] == "image/jpeg" and body.startswith(b"\xff\xd8\xff"), headers
    assert len(body) < 20_000 and headers["etag"] != (await get(house, url))[1]["etag"]
    for name, content in (("bomb.png", png(10, 10, (60000, 60000))), ("zipped.png", zip_bomb(20_000)), ("none.png", b"no picture at all" * 10),
                          ("script.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>")):
        url, file = await shared(name, content, "image/png")
        assert file.find("{urn:xmpp:thumbs:1}thumbnail") is None, name
        assert (await get(house, url + "?thumbnail"))[2] == content, "as without"


async def nothing_runs(house, alice):
    for name, kind in (("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.js", "text/javascript"),
                       ("a.xml", "application/xml"), ("a.xhtml", "application/xhtml+xml"), ("a", "Image/SVG+xml; a=b"),
                       ("a.pdf", "application/pdf"), ("a.bin", "text/html\r\nX: y")):
        url = await alice.send_file(name, b"<script>alert(1)</script>", kind.replace("\r\n", ""))
        status, headers, _ = await get(house, url)
        assert status == 200 and headers["content-disposition"].startswith("attachment"), (name, headers)
        assert headers["content-type"] in ("application/octet-stream", "application/pdf"), headers
        assert "default-src 'none'" in headers["content-security-policy"]


async def hostile(house, alice, carol):
    where, url = await carol.slot(1000)
    assert (await get(house, url))[0] == 404, "nothing is there before it is put"
    assert await put(house, url, b"x" * 1000) == 403, "the address to read is no address to write"
    assert await put(house, where.replace("sign=", "sign=0"), b"x" * 1000) == 403
    assert await put(house, where, b"x" * 1001) == 413
    assert await put(house, where, b"x" * 999) == 400
    assert await put(house, where, b"x" * 1000, "-H", "Content-Range: bytes 0-999/2000") == 400
    picture, _ = await carol.slot(10, "p.png", "image/png")
    assert await put(house, picture, b"x" * 10, "-H", "Content-Type: text/html") == 415, "not what was announced"
    assert await put(house, picture, b"x" * 10, "-H", "Content-Type: Image/PNG; name=p") == 201, "said another way"
    for path in ("/upload/", "/upload/../carillon.sqlite", "/upload/%2e%2e/%2e%2e/etc/passwd", "/upload/" + "a" * 48 + "/..",
                 "/upload/" + "a" * 48 + "/%2e%2e%2f%2e%2e%2fsecret", "/upload/" + "a" * 48 + "/x%00y", "/upload/" + "%" * 60):
        status = (await get(house, "--path-as-is", f"https://localhost:{house.https_port}{path}"))[0]
        assert status == 404, (path, status)
    chunked = await asyncio.to_thread(
        lambda: subprocess.run(["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", "-T", "-", "-H",
                                "Transfer-Encoding: chunked", where], input=b"x" * 1000, capture_output=True, timeout=60))
    assert chunked.stdout == b"411", chunked
    # An upload that breaks off leaves nothing, and may be tried again.
    path = where.split(str(house.https_port), 1)[1]
    broken = socket.create_connection(("127.0.0.1", house.http_port), 10)
    broken.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 400)
    broken.close()
    deadline = time.monotonic() + 20
    while (status := await put(house, where, b"x" * 1000)) == 409 and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    assert status == 201, status
    assert await put(house, where, b"y" * 1000) == 409, "once is enough"
    assert (await get(house, url))[2] == b"x" * 1000
    store = house.data / "uploads"
    assert not list((store / "drafts").iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in store.glob("??/*")), "nobody else on this machine reads them"


async def quota(house, carol):
    """8 MiB a day: 1000 octets are used already."""
    for _ in range(2):
        await carol.send_file("big.bin", bytes(3 * 1024 * 1024))
    error = await refused(carol.slot(3 * 1024 * 1024), "resource-constraint")
    assert error.find(f".//{{{NS}}}retry").get("stamp"), "says when to try again"
    same = [file for file in (house.data / "uploads").glob("??/*") if file.stat().st_size == 3 * 1024 * 1024]
    assert len(same) == 1, "equal content is kept once"


async def purposes(house, bob):
    space = "xmlns='urn:xmpp:http:upload:purpose:0'"
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    where, url = await bob.slot(3, purpose=f"<ephemeral {space} expire-before='{soon}'/>")
    assert await put(house, where, b"abc") == 201
    await until_status(house, url, 404)
    await refused(bob.slot(3, purpose=f"<ephemeral {space}/>"), "bad-request")
    await refused(bob.slot(2 * 1024 * 1024, purpose=f"<profile {space}/>"), "not-acceptable")
    await refused(bob.slot(3, purpose=f"<unheard {space}/>"), "feature-not-implemented")


async def until_status(house, url, status):
    for _ in range(100):
        if (await get(house, url))[0] == status:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{url} is not {status}")


async def scenario(house):
    alice, bob, carol, dave = (Uploader(f"{name}@localhost/x") for name in ("alice", "bob", "carol", "dave"))
    await asyncio.gather(*(client.log_in(house.port) for client in (alice, bob, carol, dave)))
    await slots(house, dave)
    kept = await files(house, alice, bob)
    await thumbnails(house, alice, bob)
    await nothing_runs(house, bob)
    await hostile(house, alice, carol)
    await quota(house, carol)
    await purposes(house, bob)
    for client in (alice, bob, carol, dave):
        await client.disconnect()
    return kept


def main():
    with House(sys.argv[1], LIMITS, ("alice", "bob", "carol", "dave")) as house:
        certificate = house.data / "certificates" / "localhost.crt"
        os.environ["SSL_CERT_FILE"] = str(certificate)
        url, content = run(scenario(house), 150)
        house.kill()
        (house.data / "uploads" / "00").mkdir(exist_ok=True)
        stray = house.data / "uploads" / "00" / ("00" * 32)
        stray.write_bytes(b"taken in and never answered for")
        house.start()
        status, _, body = curl(house, url)
        assert status == 200 and body == content, "the file outlives the process"
        deadline = time.monotonic() + 20
        while stray.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not stray.exists(), "content that nobody refers to goes"
    print("upload: slots, ranges, limits and hostile requests as they should be")


if __name__ == "__main__":
    main()
