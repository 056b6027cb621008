"""A server of other domains in as few lines as will do, for what real servers never do: it believes everybody, says yes to
every key, keeps what it is sent, and speaks to carillond in text."""
import asyncio
import re
import ssl
import subprocess

OPEN = ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
        "xmlns:db='jabber:server:dialback' version='1.0' ")


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=mini.example", "-keyout", folder / "mini.key", "-out", folder / "mini.pem"],
                   check=True, capture_output=True, timeout=30)
    return folder / "mini.pem", folder / "mini.key"


class Mini:
    """Listens with and without TLS, and on a port where nothing is ever answered."""

    async def listen(self, pem, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        self.heard, self.features, self.streams = "", "", []
        self.tls = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        self.plain = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.mute = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
        self.ports = [each.sockets[0].getsockname()[1] for each in (self.tls, self.plain, self.mute)]
        return self

    async def serve(self, reader, writer):
        said = ""
        self.streams.append(writer)
        while data := await reader.read(65536):
            said += data.decode()
            self.heard += data.decode()
            if found := re.search(r"<stream:stream [^>]*>", said):
                said = said[found.end():]
                writer.write(f"{OPEN} id='1'><stream:features>{self.features}</stream:features>".encode())
            for verify in re.findall(r"<db:verify [^>]*>", said):
                self.answer(writer, "verify", verify)
            for result in re.findall(r"<db:result [^>]*>", said):
                self.answer(writer, "result", result)
            if "<enable " in data.decode():
                writer.write(b"<enabled xmlns='urn:xmpp:sm:3'/>")  # and never an ack
            if ">" in said and "db:" in said:
                said = ""

    @staticmethod
    def answer(writer, name, asked):
        value = {key: (re.search(rf" {key}='([^']*)'", asked) or [None, ""])[1] for key in ("from", "to", "id")}
        writer.write(f"<db:{name} from='{value['to']}' to='{value['from']}' id='{value['id']}' type='valid'/>".encode())


class Stream:
    """One stream to carillond, as `domain`."""

    def __init__(self, domain, home):
        self.domain, self.home, self.said = domain, home, ""

    async def open(self, port, tls=True, prefix=b"", source=None):
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if prefix:  # in clear, before anything else
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
            self.writer.write(prefix)
            await self.writer.drain()
            if tls:
                await self.writer.start_tls(context)
        else:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        self.put(f"{OPEN} to='{self.home}' from='{self.domain}'>")
        await self.hears("</stream:features>")
        return self

    def put(self, text):
        self.writer.write(text.encode())

    async def hears(self, *words, seconds=20):
        async with asyncio.timeout(seconds):
            while not any(word in self.said for word in words):
                data = await self.reader.read(65536)
                assert data, f"{words} in {self.said}"
                self.said += data.decode().replace('"', "'")
        return self

    async def prove(self, answer="type='valid'"):
        self.put(f"<db:result from='{self.domain}' to='{self.home}'>key</db:result>")
        return await self.hears(answer)

    def message(self, to, body, source=None):
        self.put(f"<message from='{source or 'bob@' + self.domain}' to='{to}' type='chat'><body>{body}</body></message>")

    def close(self):
        self.writer.transport.abort()
