"""A TCP proxy that cuts its connections at random points: after so many octets in either direction, in the midst of a TLS record or a
log-in; by a reset, in order, or so that one side does not notice."""
import asyncio
import socket
import struct


class Cutter:
    """`random`: a random.Random of the test's seed. Cuts only while `active`."""

    def __init__(self, to_port, random):
        self.to_port, self.random = to_port, random
        self.active, self.cuts, self.kinds = False, 0, {}
        self.may_cut = lambda: True
        self.tasks, self.blind = set(), []

    async def listen(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.transport.abort()
            return
        # How much passes before the cut: a log-in takes some 4,000 octets, and one in five is cut about there.
        low, high = (7, 12) if self.random.random() < 0.2 else (12, 17)
        budget = {way: int(2 ** self.random.uniform(low, high)) for way in ("up", "down")}
        ends = {"up": (reader, far_writer), "down": (far_reader, writer)}
        tasks = [asyncio.ensure_future(self._pump(way, *ends[way], budget)) for way in ends]
        self.tasks.update(tasks)
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        cut = any(task.result() for task in done)
        if cut:
            self.cuts += 1
            await self._cut(writer, far_writer)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        self.tasks.difference_update(tasks)
        if not cut:
            for end in (writer, far_writer):
                end.close()

    async def _cut(self, near, far):
        kind = self.random.choice(("reset", "reset", "close", "unnoticed"))
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "reset":
            for end in (near, far):
                sock = end.get_extra_info("socket")
                if sock and sock.fileno() >= 0:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()
        elif kind == "close":
            for end in (near, far):
                end.close()
        else:  # the server's side stays open and silent: it learns of the cut by the client's coming back
            near.transport.abort()
            self.blind.append(far)
            if len(self.blind) > 10:
                self.blind.pop(0).transport.abort()

    async def _pump(self, way, reader, writer, budget):
        """True: this connection is to be cut here."""
        try:
            while data := await reader.read(65536):
                budget[way] -= len(data)
                if budget[way] < 0 and self.active and self.may_cut():
                    writer.write(data[: self.random.randrange(len(data) + 1)])  # a part still passes
                    await asyncio.sleep(0)
                    return True
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        return False

    def close(self):
        self.server.close()
        for end in self.blind:
            end.transport.abort()
