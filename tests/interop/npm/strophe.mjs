/** strophe.js against carillond, over BOSH and over WebSocket: log-in (SCRAM), roster, presence, a ping, messages both ways in order, a
 * stanza that is answered with an error, farewell; over WebSocket also a cut and a resumed stream.
 * Spec: XEP-0124, XEP-0206, RFC 7395, XEP-0198.  Usage: node strophe.mjs DOMAIN WEBSOCKET_URL BOSH_URL */
import assert from "node:assert/strict";

import { $iq, $msg, $pres, Strophe } from "strophe.js";

const [domain, webSocketUrl, boshUrl] = process.argv.slice(2);
const WAIT = 15_000;

/** What strophe.js uses of it, on fetch(): node has none. */
globalThis.XMLHttpRequest ??= class {
  readyState = 0;
  status = 0;
  responseText = "";
  responseXML = null;
  headers = {};
  aborting = new AbortController();
  open(method, url) {
    Object.assign(this, { method, url, readyState: 1 });
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  getAllResponseHeaders() {
    return "";
  }
  abort() {
    this.aborting.abort();
  }
  send(body) {
    const { method, url, headers } = this;
    fetch(url, { method, headers, body, signal: this.aborting.signal })
      .then(async (answer) => [answer.status, await answer.text()])
      .catch(() => [0, ""])
      .then(([status, responseText]) => {
        const responseXML = responseText ? new DOMParser().parseFromString(responseText, "text/xml") : null; // strophe.js brings it
        Object.assign(this, { status, responseText, responseXML, readyState: 4 });
        this.onreadystatechange?.();
      });
  }
};

async function until(reached, what) {
  for (const end = Date.now() + WAIT; Date.now() < end; ) {
    if (reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not seen: ${what}`);
}

class User {
  constructor(label, url, user, resource, options = {}) {
    Object.assign(this, { label, user, bodies: [], errors: [], seen: new Set(), states: [] });
    this.jid = `${user}@${domain}/${resource}`;
    this.connection = new Strophe.Connection(url, options);
  }
  async online() {
    this.connection.connect(this.jid, `${this.user}-secret`, (state) => {
      this.states.push(state);
      if (state !== Strophe.Status.CONNECTED && state !== Strophe.Status.ATTACHED) return;
      this.listen();
    });
    await until(() => this.states.includes(Strophe.Status.CONNECTED), `${this.label}: a session`);
    assert.equal(this.connection.jid, this.jid);
    assert.match(this.connection.mechanism?.mechname ?? "SCRAM", /SCRAM/);
    const roster = await this.ask($iq({ type: "get" }).c("query", { xmlns: "jabber:iq:roster" }));
    assert.equal(roster.getElementsByTagName("query").length, 1);
    await this.ask($iq({ type: "get", to: domain }).c("ping", { xmlns: "urn:xmpp:ping" }));
    await assert.rejects(this.ask($iq({ type: "get", to: domain }).c("query", { xmlns: "urn:example:nothing" })), /service-unavailable/);
    this.connection.send($pres());
    console.log(`strophe.js, ${this.label}`.padEnd(28), "logged in, roster, ping, an error");
  }
  listen() {
    const { connection } = this;
    connection.addHandler((message) => {
      const body = message.getElementsByTagName("body")[0];
      if (body) this.bodies.push(body.textContent);
      return true;
    }, null, "message", "chat");
    connection.addHandler((presence) => {
      const from = presence.getAttribute("from");
      if (presence.getAttribute("type") === "subscribe") connection.send($pres({ to: from, type: "subscribed" }));
      if (!presence.getAttribute("type")) this.seen.add(from);
      if (presence.getAttribute("type") === "unavailable") this.seen.delete(from);
      return true;
    }, null, "presence");
  }
  ask(iq) {
    return new Promise((resolve, reject) =>
      this.connection.sendIQ(iq, resolve, (error) => reject(new Error(error ? Strophe.serialize(error) : "no answer")), WAIT));
  }
  say(to, body) {
    this.connection.send($msg({ to, type: "chat" }).c("body").t(body));
  }
  async offline() {
    this.connection.disconnect("bye");
    await until(() => this.states.at(-1) === Strophe.Status.DISCONNECTED, `${this.label}: the end`);
  }
}

/** As many messages each way as make several requests of BOSH, in order. */
async function talk(one, other) {
  for (const client of [one, other]) client.bodies.length = 0;
  const words = Array.from({ length: 40 }, (_, n) => `word ${n} <&> \u{1F514}`);
  for (const word of words) {
    one.say(other.jid, word);
    other.say(one.jid, word);
  }
  await until(() => one.bodies.length >= 40 && other.bodies.length >= 40, `${one.label}: forty messages each way`);
  assert.deepEqual(one.bodies, words);
  assert.deepEqual(other.bodies, words);
  console.log(`strophe.js, ${one.label}`.padEnd(28), "forty messages each way, in order");
}

async function resume(one, other) {
  other.bodies.length = one.bodies.length = 0;
  one.connection._proto.socket.terminate?.();
  other.say(one.jid, "meanwhile");
  await until(() => one.states.at(-1) === Strophe.Status.DISCONNECTED, "strophe.js notices the cut");
  one.states.length = 0;
  one.connection.connect(one.jid, `${one.user}-secret`, (state) => {
    one.states.push(state);
    if (state === Strophe.Status.CONNECTED) one.listen(); // before what was missed is replayed
  });
  await until(() => one.states.includes(Strophe.Status.CONNECTED), "strophe.js is back");
  assert.ok(one.connection.sm.resumed, "the session was resumed");
  await until(() => one.bodies.length, "what came meanwhile");
  one.say(other.jid, "back again");
  await until(() => other.bodies.includes("back again"), "what is said after the return");
  assert.deepEqual(one.bodies, ["meanwhile"]);
  assert.ok(other.seen.has(one.jid), "it never seemed to have gone");
  console.log(`strophe.js, ${one.label}`.padEnd(28), "cut, resumed");
}

async function scenario() {
  const juliet = new User("WebSocket", webSocketUrl, "juliet", "balcony", { enableStreamManagement: true });
  await juliet.online();
  const romeo = new User("BOSH", boshUrl, "romeo", "orchard");
  await romeo.online();
  romeo.connection.send($pres({ to: `juliet@${domain}`, type: "subscribe" }));
  juliet.connection.send($pres({ to: `romeo@${domain}`, type: "subscribe" }));
  await until(() => romeo.seen.has(juliet.jid) && juliet.seen.has(romeo.jid), "each other's presence");
  await talk(romeo, juliet);
  await talk(juliet, romeo);
  await resume(juliet, romeo);
  await romeo.offline();
  await until(() => !juliet.seen.has(romeo.jid), "Romeo's farewell");
  await juliet.offline();
}

scenario().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
