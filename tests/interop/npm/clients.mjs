/** JavaScript clients against carillond: @xmpp/client over STARTTLS, over TLS from the first octet and over WebSocket; stanza over
 * WebSocket. Log-in, roster, subscription, presence, messages, a ping, and for each kind a cut and a resumed stream.
 * Spec: RFC 6120, RFC 6121, RFC 7395, XEP-0198, XEP-0368.  Usage: node clients.mjs DOMAIN PORT TLS_PORT WEBSOCKET_URL */
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";

import { client as makeClient, xml } from "@xmpp/client";
import * as stanza from "stanza";
import WebSocket from "ws";

globalThis.WebSocket = WebSocket; // what @xmpp/client expects and old versions of node lack
globalThis.crypto ??= webcrypto;

const [domain, port, tlsPort, url] = process.argv.slice(2);
const WAIT = 15_000;

async function until(reached, what) {
  for (const end = Date.now() + WAIT; Date.now() < end; ) {
    if (reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not seen: ${what}`);
}

function tell(who, what) {
  console.log(`${who.padEnd(28)} ${what}`);
}

/** What the scenarios ask of either library. */
class ByXmppJs {
  constructor(label, service, user, resource) {
    this.label = `@xmpp/client, ${label}`;
    this.user = `${user}@${domain}`;
    this.bodies = [];
    this.seen = new Set();
    this.resumed = 0;
    const entity = makeClient({ service, domain, resource, username: user, password: `${user}-secret` });
    this.entity = entity;
    entity.reconnect.delay = 50;
    entity.on("error", () => {}); // a cut is one
    entity.streamManagement.on("resumed", () => this.resumed++);
    entity.on("stanza", (element) => {
      if (element.is("message") && element.getChildText("body")) this.bodies.push(element.getChildText("body"));
      if (!element.is("presence")) return;
      if (!element.attrs.type) this.seen.add(element.attrs.from);
      if (element.attrs.type === "unavailable") this.seen.delete(element.attrs.from);
      if (element.attrs.type === "subscribe") entity.send(xml("presence", { to: element.attrs.from, type: "subscribed" }));
    });
  }
  async online() {
    this.jid = (await this.entity.start()).toString(); // with Bind 2 the server makes the resource
    assert.equal(bare(this.jid), this.user);
    await until(() => this.entity.streamManagement.enabled, "stream management");
    const roster = await this.ask(xml("query", "jabber:iq:roster"));
    assert.equal(roster.attrs.xmlns, "jabber:iq:roster");
    await this.ask(xml("ping", "urn:xmpp:ping"));
    await this.entity.send(xml("presence"));
    assert.ok(this.entity.streamManagement.id, "stream management is on and can be resumed");
    tell(this.label, "logged in, roster, ping, stream management");
  }
  /** The library (0.14.0) does not count answers to its questions as handled: without this it would be sent too much again. */
  async ask(payload) {
    const answer = await this.entity.iqCaller.get(payload);
    this.entity.streamManagement.inbound++;
    return answer;
  }
  subscribe(to) {
    return this.entity.send(xml("presence", { to, type: "subscribe" }));
  }
  say(to, body) {
    return this.entity.send(xml("message", { to, type: "chat" }, xml("body", {}, body)));
  }
  cut() {
    const socket = this.entity.socket.socket ?? this.entity.socket; // inside the library's wrapper
    if (socket.terminate) socket.terminate();
    else if (socket.destroy) socket.destroy();
    else socket.close(); // node's own WebSocket: as near as it comes
  }
  async offline() {
    this.entity.reconnect.stop();
    await this.entity.stop();
  }
}

class ByStanza {
  constructor(user, resource) {
    this.label = "stanza, WebSocket";
    this.jid = `${user}@${domain}/${resource}`;
    this.bodies = [];
    this.seen = new Set();
    this.resumed = 0;
    const client = stanza.createClient({
      jid: `${user}@${domain}`,
      resource,
      password: `${user}-secret`,
      transports: { websocket: url, bosh: false },
      autoReconnect: true,
      maxReconnectBackoff: 1,
    });
    this.client = client;
    client.on("message", (message) => message.body && this.bodies.push(message.body));
    client.on("available", (presence) => this.seen.add(presence.from));
    client.on("unavailable", (presence) => this.seen.delete(presence.from));
    client.on("subscribe", (presence) => client.acceptSubscription(presence.from));
    client.on("stream:management:resumed", () => this.resumed++);
  }
  async online() {
    const started = new Promise((resolve) => this.client.once("session:started", resolve));
    this.client.connect();
    await Promise.race([started, until(() => this.client.sessionStarted, "a session of stanza's")]);
    assert.equal(this.client.jid, this.jid);
    const roster = await this.client.getRoster();
    assert.ok(Array.isArray(roster.items));
    await this.client.ping(domain);
    this.client.sendPresence();
    const info = await this.client.getDiscoInfo(domain);
    assert.ok(info.features.includes("urn:xmpp:ping"));
    await until(() => this.client.sm.id, "stream management that can be resumed");
    tell(this.label, "logged in, roster, ping, disco, stream management");
  }
  subscribe(to) {
    this.client.subscribe(to);
  }
  say(to, body) {
    this.client.sendMessage({ to, body, type: "chat" });
  }
  cut() {
    this.client.transport.socket.terminate();
  }
  async offline() {
    this.client.config.autoReconnect = false;
    this.client.disconnect();
    await until(() => !this.client.sessionStarted, "the end of stanza's session");
  }
}

const bare = (jid) => jid.split("/")[0];

/** Messages both ways; then `one` is cut, is written to meanwhile, and comes back. */
async function talk(one, other, name) {
  await one.say(bare(other.jid), `${name}: hello`);
  await until(() => other.bodies.includes(`${name}: hello`), `the greeting of ${one.label}`);
  await other.say(one.jid, `${name}: hello yourself`);
  await until(() => one.bodies.includes(`${name}: hello yourself`), `the answer to ${one.label}`);
  one.cut();
  await other.say(one.jid, `${name}: meanwhile`);
  await until(() => one.resumed === 1, `a resumed stream of ${one.label}`);
  await until(() => one.bodies.includes(`${name}: meanwhile`), `what ${one.label} missed`);
  await one.say(other.jid, `${name}: back again`);
  await until(() => other.bodies.includes(`${name}: back again`), `the word of ${one.label} after its return`);
  assert.ok(other.seen.has(one.jid), `${one.label} seemed to have gone`);
  assert.deepEqual(one.bodies, [`${name}: hello yourself`, `${name}: meanwhile`]);
  assert.deepEqual(other.bodies.filter((body) => body.startsWith(`${name}:`)), [`${name}: hello`, `${name}: back again`]);
  tell(one.label, "messages both ways, cut, resumed, each message once");
}

async function scenario() {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // the test's certificate is its own
  const juliet = new ByStanza("juliet", "balcony");
  await juliet.online();
  const romeos = [
    new ByXmppJs("STARTTLS", `xmpp://127.0.0.1:${port}`, "romeo", "starttls"),
    new ByXmppJs("direct TLS", `xmpps://127.0.0.1:${tlsPort}`, "romeo", "tls"),
    new ByXmppJs("WebSocket", url, "romeo", "websocket"),
  ];
  for (const [number, romeo] of romeos.entries()) {
    await romeo.online();
    if (number === 0) {
      await romeo.subscribe(bare(juliet.jid));
      juliet.subscribe(bare(romeo.jid));
      await until(() => romeo.seen.has(juliet.jid), "Juliet by Romeo");
    }
    await until(() => juliet.seen.has(romeo.jid), "Romeo by Juliet");
    await talk(romeo, juliet, romeo.label);
    await romeo.offline();
    await until(() => !juliet.seen.has(romeo.jid), "Romeo's farewell");
  }
  const romeo = new ByXmppJs("counterpart", `xmpp://127.0.0.1:${port}`, "romeo", "desk");
  await romeo.online();
  juliet.bodies.length = 0;
  await talk(juliet, romeo, "stanza");
  await romeo.offline();
  await juliet.offline();
}

scenario().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
