"""A name server for a network namespace of the test's own: SRV and A records, nothing else."""
import socket
import struct
import threading


def encode(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


class Names(threading.Thread):
    """`hosts`: name -> IPv4 address; `services`: SRV name -> (host, port)."""

    def __init__(self, hosts, services):
        super().__init__(daemon=True)
        self.hosts, self.services, self.asked = hosts, services, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("10.99.0.53", 53))

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(2048)
            try:
                self.socket.sendto(self.answer(data), peer)
            except (IndexError, struct.error):
                continue

    def answer(self, data):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        question = data[12 : at + 5]
        records = []
        if kind == 1 and name in self.hosts:
            records.append(socket.inet_aton(self.hosts[name]))
        elif kind == 33 and name in self.services:
            host, port = self.services[name]
            records.append(struct.pack("!HHH", 0, 5, port) + encode(host))
        known = name in self.hosts or name in self.services
        head = data[:2] + struct.pack("!HHHHH", 0x8580 | (0 if known else 3), 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(r)) + r for r in records)
        return head + question + body
