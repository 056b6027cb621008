"""A TURN client for tests that misbehaves on request: messages by hand, over UDP, TCP, TLS or (by OpenSSL's own
client) DTLS.
Spec: RFC 8489, RFC 8656, RFC 6062, RFC 8016; written from them, apart from the server's own code."""
import hashlib
import hmac
import ipaddress
import os
import select
import socket
import ssl
import struct
import subprocess
import time

COOKIE = 0x2112A442
ALLOCATE, REFRESH, SEND, DATA, PERMIT, BIND, CONNECT, TIE = 3, 4, 6, 7, 8, 9, 10, 11
USERNAME, INTEGRITY, ERROR, CHANNEL, LIFETIME, PEER, PAYLOAD = 0x06, 0x08, 0x09, 0x0C, 0x0D, 0x12, 0x13
REALM, NONCE, RELAYED, FAMILY, EVEN, TRANSPORT, MAPPED, TOKEN = 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x20, 0x22
CONNECTION, MORE_FAMILY, ICMP, TICKET = 0x2A, 0x8000, 0x8004, 0x8030


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(ip, port, transaction):
    packed = ipaddress.ip_address(ip).packed
    key = struct.pack("!I", COOKIE) + transaction
    return bytes([0, 1 if len(packed) == 4 else 2]) + struct.pack("!H", port ^ (COOKIE >> 16)) + bytes(
        a ^ b for a, b in zip(packed, key))


def parse_address(value, transaction):
    key = struct.pack("!I", COOKIE) + transaction
    ip = ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], key)))
    return str(ip), struct.unpack("!H", value[2:4])[0] ^ (COOKIE >> 16)


class Message:
    def __init__(self, data):
        kind, length, cookie = struct.unpack("!HHI", data[:8])
        assert cookie == COOKIE and length == len(data) - 20, data
        self.method = (kind & 0xF) | (kind & 0xE0) >> 1
        self.kind = {0: "request", 0x10: "indication", 0x100: "success", 0x110: "error"}[kind & 0x110]
        self.transaction, self.attributes, at = data[8:20], {}, 20
        while at < len(data):
            name, size = struct.unpack("!HH", data[at:at + 4])
            self.attributes.setdefault(name, data[at + 4:at + 4 + size])
            at += 4 + size + -size % 4

    def code(self):
        if self.kind == "success":
            return 0
        error = self.attributes[ERROR]
        return error[2] * 100 + error[3]

    def address(self, kind):
        return parse_address(self.attributes[kind], self.transaction)

    def number(self, kind):
        return struct.unpack("!I", self.attributes[kind])[0]


class Dtls:
    """OpenSSL's client as a socket: what is written at once is one record."""

    def __init__(self, server):
        ip, port = server
        self.process = subprocess.Popen(["openssl", "s_client", "-dtls1_2", "-quiet", "-alpn", "stun.turn", "-connect", f"{ip}:{port}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.timeout = 5

    def settimeout(self, seconds):
        self.timeout = seconds

    def sendall(self, data):
        time.sleep(0.02)  # what was written before has been read
        os.write(self.process.stdin.fileno(), data)

    def recv(self, size):
        if not select.select([self.process.stdout], [], [], self.timeout)[0]:
            raise TimeoutError
        return os.read(self.process.stdout.fileno(), size)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close(), self.process.stdout.close()


class Client:
    """`transport`: udp, tcp, tls or dtls. Requests are signed once the server has said its realm and nonce."""

    def __init__(self, server, transport="udp", user="romeo", password="wherefore", source=None):
        self.server, self.transport, self.user, self.password = server, transport, user, password
        self.realm = self.nonce = None
        self.buffer, self.unread = b"", []
        self.padded = transport in ("tcp", "tls")
        if transport == "dtls":
            self.socket = Dtls(server)
            return
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(5)
        if source:
            self.socket.bind(source)
        self.socket.connect(server)
        if transport == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["stun.turn"])
            self.socket = context.wrap_socket(self.socket, server_hostname="turn.test")

    def close(self):
        self.socket.close()

    def message(self, method, attributes=(), indication=False, sign=True, peer=None):
        transaction = os.urandom(12)
        body = b"".join(attribute(kind, value) for kind, value in attributes)
        for ip, port in peer or ():
            body += attribute(PEER, xor_address(ip, port, transaction))
        signed = sign and self.nonce and not indication
        if signed:
            body += attribute(USERNAME, self.user.encode()) + attribute(REALM, self.realm) + attribute(NONCE, self.nonce)
        kind = (method & 0xF) | (method & 0x70) << 1 | (0x10 if indication else 0)
        head = struct.pack("!HHI", kind, len(body) + (24 if signed else 0), COOKIE) + transaction
        if signed:
            key = hashlib.md5(f"{self.user}:{self.realm.decode()}:{self.password}".encode()).digest()
            body += attribute(INTEGRITY, hmac.new(key, head + body, hashlib.sha1).digest())
        return head + body, transaction

    def receive(self, timeout=5):
        """The next message as octets: STUN or ChannelData; None when none comes."""
        if self.unread:
            return self.unread.pop(0)
        return self.receive_fresh(timeout)

    def receive_fresh(self, timeout=5):
        until = time.monotonic() + timeout
        while True:
            if self.transport != "udp" and len(self.buffer) >= 4:
                length = struct.unpack("!H", self.buffer[2:4])[0]
                size = 4 + length if self.buffer[0] >= 0x40 else 20 + length
                whole = size + -size % 4 * self.padded
                if len(self.buffer) >= whole:
                    found, self.buffer = self.buffer[:size], self.buffer[whole:]
                    return found
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                got = self.socket.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                return None
            if self.transport == "udp":
                return got
            if not got:
                raise ConnectionError("the server closed")
            self.buffer += got

    def ask(self, method, attributes=(), peer=None, sign=True):
        """The answer to a request, sent again over UDP; what else comes meanwhile stays for receive()."""
        request, transaction = self.message(method, attributes, sign=sign, peer=peer)
        for _ in range(6):
            self.socket.sendall(request)
            until = time.monotonic() + (1 if self.transport == "udp" else 10)
            while (left := until - time.monotonic()) > 0:
                got = self.receive_fresh(left)
                if got is None:
                    break
                if got[0] < 4 and got[8:20] == transaction:
                    return Message(got)
                self.unread.append(got)
            if self.transport != "udp":
                break
        raise AssertionError("no answer")

    def log_in(self, method=ALLOCATE):
        challenge = self.ask(method, [(TRANSPORT, b"\x11\0\0\0")], sign=False)
        assert challenge.code() == 401, challenge.code()
        self.realm, self.nonce = challenge.attributes[REALM], challenge.attributes[NONCE]

    def allocate(self, *more, tcp=False):
        """Allocates; the answer is what the server said."""
        self.log_in()
        answer = self.ask(ALLOCATE, [(TRANSPORT, b"\x06\0\0\0" if tcp else b"\x11\0\0\0"), *more])
        if answer.code() == 0:
            self.relayed = answer.address(RELAYED)
        return answer

    def permit(self, *peers):
        return self.ask(PERMIT, peer=peers).code()

    def bind(self, number, peer):
        return self.ask(BIND, [(CHANNEL, struct.pack("!HH", number, 0))], peer=[peer]).code()

    def send(self, peer, data):
        self.socket.sendall(self.message(SEND, [(PAYLOAD, data)], indication=True, peer=[peer])[0])

    def send_channel(self, number, data):
        pad = bytes(-len(data) % 4 * self.padded)
        self.socket.sendall(struct.pack("!HH", number, len(data)) + data + pad)
