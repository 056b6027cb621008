"""Headless Chromium with fake devices, driven over WebDriver; pages that call one another with the test as their signaling."""
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

PAGE = b"""<!doctype html><meta charset=utf-8><title>call</title><video id=v autoplay playsinline muted></video><script>
let pc;
const gathered = () => new Promise(done => {
  if (pc.iceGatheringState === 'complete') return done();
  pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done();
  setTimeout(done, 15000);
});
async function open_(servers) {
  pc = new RTCPeerConnection({iceServers: servers, iceTransportPolicy: 'relay'});
  pc.ontrack = e => document.getElementById('v').srcObject = e.streams[0];
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240}});
  for (const track of media.getTracks()) pc.addTrack(track, media);
}
async function offer(servers) {
  await open_(servers);
  await pc.setLocalDescription(await pc.createOffer());
  await gathered();
  return pc.localDescription.sdp;
}
async function answer(servers, sdp) {
  await open_(servers);
  await pc.setRemoteDescription({type: 'offer', sdp});
  await pc.setLocalDescription(await pc.createAnswer());
  await gathered();
  return pc.localDescription.sdp;
}
async function accept(sdp) { await pc.setRemoteDescription({type: 'answer', sdp}); return pc.iceConnectionState; }
async function figures() {
  const out = {state: pc.connectionState, audio: 0, frames: 0, pair: null};
  const all = new Map((await pc.getStats()).entries());
  for (const one of all.values()) {
    if (one.type === 'inbound-rtp' && one.kind === 'audio') out.audio = one.packetsReceived;
    if (one.type === 'inbound-rtp' && one.kind === 'video') out.frames = one.framesDecoded || 0;
    if (one.type === 'transport' && one.selectedCandidatePairId) {
      const pair = all.get(one.selectedCandidatePairId), local = all.get(pair.localCandidateId);
      out.pair = {type: local.candidateType, protocol: local.relayProtocol, remote: all.get(pair.remoteCandidateId).candidateType};
    }
  }
  return out;
}
</script>"""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves PAGE at 127.0.0.1, which browsers trust with devices."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def stop(self):
        self.shutdown()
        self.server_close()


class Driver:
    """chromedriver on a port of its own choosing."""

    def __init__(self):
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix="carillon-chromium-"))
        self.log = open(self.profile / "driver.log", "w+")
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=self.log, stderr=subprocess.STDOUT)
        until = time.monotonic() + 30
        while not (found := re.search(r"successfully on port (\d+)", (self.profile / "driver.log").read_text())):
            assert self.process.poll() is None and time.monotonic() < until, (self.profile / "driver.log").read_text()
            time.sleep(0.1)
        self.base = f"http://127.0.0.1:{found[1]}"
        self.pages = []

    def call(self, method, path, body=None, timeout=120):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:2000]) from None

    def open(self, url):
        page = Page(self, url, self.profile / f"profile-{len(self.pages)}")
        self.pages.append(page)
        return page

    def stop(self):
        for page in self.pages:
            try:
                self.call("DELETE", page.path, timeout=20)
            except Exception:  # it goes with the driver
                pass
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    def __init__(self, driver, url, profile):
        self.driver = driver
        options = {"binary": "/usr/bin/chromium", "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--ignore-certificate-errors",
            "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--no-first-run",
            "--disable-background-timer-throttling", "--disable-renderer-backgrounding"]}
        made = driver.call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.path = f"/session/{made['sessionId']}"
        driver.call("POST", f"{self.path}/timeouts", {"script": 60_000})
        driver.call("POST", f"{self.path}/url", {"url": url})

    def run(self, function, *arguments):
        script = ("const done = arguments[arguments.length - 1]; "
                  f"{function}(...Array.from(arguments).slice(0, -1)).then(done, e => done('failed: ' + e));")
        value = self.driver.call("POST", f"{self.path}/execute/async", {"script": script, "args": list(arguments)})
        assert not (isinstance(value, str) and value.startswith("failed: ")), value
        return value

    def reload(self):
        self.driver.call("POST", f"{self.path}/refresh", {})
