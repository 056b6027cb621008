"""A file goes between two foreign clients (slixmpp, XEP-0065) through the proxy of the domain, and comes whole; who is no
user, or has no stream, gets nothing.  Usage: proxy_test.py BINARIES"""
import asyncio
import hashlib
import os
import sys
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from house import Client, House, free_port, run, until

NS = "http://jabber.org/protocol/bytestreams"
SIZE = 8 * 1024 * 1024


class Sender(Client):
    def __init__(self, jid):
        super().__init__(jid)
        self.register_plugin("xep_0065", {"auto_accept": True})
        self.got = []
        self.add_event_handler("socks5_data", lambda data: self.got.append(data))
        self.closed = 0
        self.add_event_handler("socks5_closed", self.ended)

    def ended(self, _):
        self.closed += 1

    async def set(self, payload, to="proxy.localhost"):
        iq = self.make_iq_set(ito=to)
        iq.xml.append(ET.fromstring(payload))
        return await iq.send(timeout=15)


async def scenario(house):
    alice, bob = Sender("alice@localhost/desk"), Sender("bob@localhost/phone")
    await asyncio.gather(alice.log_in(house.port), bob.log_in(house.port))
    info = await alice["xep_0030"].get_info(jid="proxy.localhost")
    assert ("proxy", "bytestreams") in {identity[:2] for identity in info["disco_info"]["identities"]}, info
    assert NS in info["disco_info"]["features"]
    answer = await alice["xep_0065"].get_network_address("proxy.localhost", timeout=15)
    streamhost = answer.xml.find(f".//{{{NS}}}streamhost")
    assert streamhost.get("jid") == "proxy.localhost" and streamhost.get("host") == "127.0.0.1", ET.tostring(answer.xml)
    assert int(streamhost.get("port")) == house.proxy_port

    stream = await asyncio.wait_for(alice["xep_0065"].handshake("bob@localhost/phone", timeout=15), 30)
    assert stream, "the proxy was found and used"
    content = os.urandom(SIZE)
    for at in range(0, SIZE, 65536):
        await stream.write(content[at:at + 65536])
    await until_sum(bob, SIZE)
    assert hashlib.sha256(b"".join(bob.got)).digest() == hashlib.sha256(content).digest(), "whole and in order"
    stream.transport.close()
    await until(lambda: bob.closed, "the end comes through as well")

    for payload, condition in (
            (f"<query xmlns='{NS}' sid='none'><activate>bob@localhost/phone</activate></query>", "item-not-found"),
            (f"<query xmlns='{NS}'><activate>bob@localhost/phone</activate></query>", "bad-request"),
            (f"<query xmlns='{NS}' sid='x'><activate>@@</activate></query>", "bad-request"),
            (f"<query xmlns='{NS}' sid='x'/>", "bad-request")):
        try:
            await alice.set(payload)
            raise AssertionError(payload)
        except IqError as error:
            assert error.condition == condition, (payload, error.condition)
    for client in (alice, bob):
        await client.disconnect()


async def until_sum(client, size):
    for _ in range(600):
        if sum(map(len, client.got)) >= size:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{sum(map(len, client.got))} of {size} octets came")


def main():
    port = free_port()
    with House(sys.argv[1], f"""
[bytestreams]
port = {port}
[module.bytestreams]
host = "127.0.0.1"
""", ("alice", "bob")) as house:
        house.proxy_port = port
        run(scenario(house))
    print(f"bytestreams: {SIZE} octets through the proxy")


if __name__ == "__main__":
    main()
