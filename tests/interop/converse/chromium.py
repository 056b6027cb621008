"""A headless Chromium with a profile of its own, told what to do by its remote protocol."""
import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import websockets


class Chromium:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="carillon-chromium-")
        arguments = ["chromium", "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                     "--disable-dev-shm-usage", "--ignore-certificate-errors", "--remote-debugging-port=0",
                     f"--user-data-dir={self.folder}/profile", "about:blank"]
        if os.geteuid() == 0:
            arguments.insert(1, "--no-sandbox")
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=dict(os.environ, HOME=self.folder))
        self.number = 0
        self.waiting = {}
        self.log = []

    async def open(self, url):
        """A page, in a context that shares nothing with earlier ones."""
        if not hasattr(self, "socket"):
            await self.attach()
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        self.session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        await self.call("Runtime.enable", self.session)
        await self.call("Page.enable", self.session)
        await self.call("Page.navigate", self.session, url=url)
        return context

    async def close(self, context):
        await self.call("Target.disposeBrowserContext", browserContextId=context)

    async def attach(self):
        port = pathlib.Path(self.folder) / "profile" / "DevToolsActivePort"
        for _ in range(600):
            if port.exists() and len(port.read_text().splitlines()) == 2:
                break
            assert self.process.poll() is None, "chromium does not start"
            await asyncio.sleep(0.1)
        number, path = port.read_text().splitlines()
        self.socket = await websockets.connect(f"ws://127.0.0.1:{number}{path}", max_size=64 * 1024 * 1024)
        self.reader = asyncio.ensure_future(self.read())

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                self.waiting.pop(message["id"]).set_result(message)
            elif message.get("method") == "Runtime.consoleAPICalled":
                self.log.append(" ".join(str(each.get("value", each.get("description"))) for each in message["params"]["args"]))
            elif message.get("method") == "Runtime.exceptionThrown":
                self.log.append(json.dumps(message["params"]["exceptionDetails"])[:500])

    async def call(self, method, session=None, **parameters):
        self.number += 1
        answer = self.waiting[self.number] = asyncio.get_event_loop().create_future()
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        await self.socket.send(json.dumps(message))
        reply = await asyncio.wait_for(answer, 60)
        assert "error" not in reply, f"{method}: {reply}"
        return reply["result"]

    async def run(self, script):
        """The value of an expression, a promise waited for."""
        result = await self.call("Runtime.evaluate", self.session, expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, f"{script}: {json.dumps(result['exceptionDetails'])[:800]}"
        return result["result"].get("value")

    async def until(self, script, what, seconds=45):
        end = asyncio.get_event_loop().time() + seconds
        while asyncio.get_event_loop().time() < end:
            if await self.run(script):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(what + "\n" + "\n".join(self.log[-30:]))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
