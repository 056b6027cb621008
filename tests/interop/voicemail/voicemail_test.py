#!/usr/bin/python3
"""Voicemail from end to end: carillon-phone and a phone of plain sockets call users who are away, do not answer or are
gone; slixmpp gets what was left, curl fetches it over HTTPS, ffprobe and ffmpeg read it.

Usage: voicemail_test.py DIR_WITH_PROGRAMS [TEST...]
"""
import asyncio
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import wave
from xml.etree import ElementTree as ET

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from raw_phone import Client, RawPhone  # noqa: E402
from server import DOMAIN, Server, free_port  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
MAILBOX = f"voicemail@calls.{DOMAIN}"
FORM = "urn:carillon:voicemail"
USERS = ("romeo", "juliet", "nurse", "benvolio", "tybalt", "paris", "rosaline", "mercutio", "laurence", "balthasar",
         "capulet", "montague", "sampson", "gregory", "abram")
SETTINGS = """
[module.endpoints]
voicemail = true
voicemail_after = "2 s"
voicemail_silence = "4 s"
calls_per_user = 10
"""
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class MailServer(Server):
    def __init__(self, binaries):
        self.https_port = free_port()
        super().__init__(binaries, users=USERS, more=SETTINGS)

    def start(self):
        self.config.write_text(self.config.read_text().replace("https_port = 0", f"https_port = {self.https_port}"))
        super().start()

    def trust(self):
        return next(self.data.glob("**/*.crt"))

    def fetch(self, url):
        done = subprocess.run(["curl", "-sS", "-f", "--cacert", self.trust(), "--resolve",
                               f"{DOMAIN}:{self.https_port}:127.0.0.1", "--max-time", "20", url], capture_output=True)
        return done.stdout if done.returncode == 0 else None

    async def phone(self, caller, callee, play, *options):
        process = await asyncio.create_subprocess_exec(
            self.bin / "carillon-phone", "call", callee, "--jid", f"{caller}@{DOMAIN}/phone", "--password", f"{caller}-secret",
            "--host", "127.0.0.1", "--port", str(self.port), "--trust", self.trust(), "--bind", "127.0.0.1", "--json",
            "--seconds", "60", "--play", play, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = await asyncio.wait_for(process.communicate(), 100)
        text = out.decode()
        assert process.returncode == 0, f"{text}\n{self.log_text()}"
        return json.loads(text[text.index("{"):])


class Mail(Client):
    """Somebody who gets messages; those of the voicemail are kept apart."""

    async def here(self):
        await self.online()
        self.send_presence()
        return self

    async def hear_mailbox(self, seconds=40):
        """The next message of the mailbox."""
        while True:
            xml = await asyncio.wait_for(self.messages.get(), seconds)
            if xml.get("from", "").startswith(MAILBOX) and xml.find("{jabber:client}body") is not None:
                return xml

    async def command(self, text):
        self.send_message(mto=MAILBOX, mbody=text, mtype="chat")
        return await self.hear_mailbox()


def body(xml):
    return xml.find("{jabber:client}body").text


def form(xml):
    return {field.get("var"): field[0].text for field in xml.iter("{jabber:x:data}field")}


def link(xml):
    return xml.find("{jabber:x:oob}x/{jabber:x:oob}url").text


def speech(folder, silence=0.0, seconds=6):
    """A part of the recording; a patient caller says nothing first, while the greeting plays."""
    path = folder / f"speech-{silence}.wav"
    with wave.open(SPEECH) as source, wave.open(str(path), "wb") as out:
        out.setparams(source.getparams())
        out.writeframes(bytes(int(silence * source.getframerate()) * source.getsampwidth()))
        out.writeframes(source.readframes(seconds * source.getframerate()))
    return path


def alike(server, octets, name):
    """How alike a fetched recording and the speech are; its length by ffprobe."""
    opus, sound = server.work / f"{name}.opus", server.work / f"{name}.wav"
    opus.write_bytes(octets)
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_name", "-of", "json", opus],
                           capture_output=True, text=True, check=True)
    facts = json.loads(probe.stdout)
    assert facts["streams"][0]["codec_name"] == "opus", facts
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", opus, "-ar", "8000", "-ac", "1", sound], check=True)
    done = subprocess.run([server.bin / "carillon-phone", "compare", "--json", "--least", "-1", speech(server.work), sound],
                          capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["correlation"], float(facts["format"]["duration"])


def check_notice(server, xml, caller):
    """What every client finds in the message; answers with the octets of the recording."""
    assert xml.get("from") == MAILBOX and xml.get("type") == "chat", ET.tostring(xml)
    facts, url = form(xml), link(xml)
    assert facts["FORM_TYPE"] == FORM and facts["caller"] == f"{caller}@{DOMAIN}" and facts["url"] == url, facts
    assert f"{caller}@{DOMAIN}" in body(xml) and url in body(xml), body(xml)
    meta = "{urn:xmpp:file:metadata:0}"
    file = xml.find("{urn:xmpp:sfs:0}file-sharing/" + meta + "file")
    assert file.find(meta + "media-type").text == "audio/ogg"
    assert file.find(meta + "length").text == facts["duration_ms"]
    octets = server.fetch(url)
    assert octets and len(octets) == int(file.find(meta + "size").text), url
    digest = subprocess.run(["base64", "-w0"], input=hashlib.sha256(octets).digest(), capture_output=True).stdout.decode()
    assert file.find("{urn:xmpp:hashes:2}hash").text == digest
    assert server.fetch(url.replace("/upload/", "/upload/x")) is None, "the address is the permission"
    return octets


async def left_by_phone(server, caller, callee, least, *options):
    summary = await server.phone(caller, f"{callee}@{DOMAIN}", speech(server.work, 3.5), *options)
    assert summary["by_peer"] and summary["reason"] == "success", summary
    mail = await Mail(server, callee, "desk").here()
    try:
        xml = await mail.hear_mailbox()
        octets = check_notice(server, xml, caller)
        correlation, seconds = alike(server, octets, callee)
        assert correlation > least, correlation
        assert abs(seconds * 1000 - int(form(xml)["duration_ms"])) < 300, (seconds, form(xml))
        assert form(xml)["unheard"] == "1" and form(xml)["complete"] == "true", form(xml)
        archive = await mail.ask(None, "set", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>")
        assert archive.get("type") == "result", ET.tostring(archive)
        while True:  # what the archive holds comes as messages
            found = await asyncio.wait_for(mail.messages.get(), 15)
            if found.find("{urn:xmpp:mam:2}result") is not None and link(xml) in ET.tostring(found).decode():
                break
        return f"{correlation}, {seconds} s"
    finally:
        mail.abort()


@test
async def offline_dtls_opus(server):
    return await left_by_phone(server, "romeo", "juliet", 0.7, "--ice", "--codec", "opus")


@test
async def offline_raw_pcma(server):
    return await left_by_phone(server, "paris", "nurse", 0.9, "--raw-udp", "--codec", "pcma")


@test
async def offline_aiortc(server):
    """Another maker's ICE, DTLS, SRTP and Opus."""
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", HERE / "aiortc_leaver.py", "--jid", f"capulet@{DOMAIN}/aiortc", "--password", "capulet-secret", "--host",
        "127.0.0.1", "--port", str(server.port), "--trust", server.trust(), "--peer", f"montague@{DOMAIN}", "--play",
        speech(server.work, 3.5), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, trouble = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0, f"{out.decode()}{trouble.decode()}"
    words = json.loads(out)
    assert words["jmi"][:2] == ["ringing", "proceed"] and words["codec"] == "opus", words
    assert words["answered_by"] == f"montague@{DOMAIN}/voicemail", words
    mail = await Mail(server, "montague", "desk").here()
    try:
        correlation, seconds = alike(server, check_notice(server, await mail.hear_mailbox(), "capulet"), "montague")
        assert correlation > 0.4, correlation  # on a busy machine its pace slips
        return f"{correlation}, {seconds} s"
    finally:
        mail.abort()


@test
async def no_answer_in_time(server):
    """A device that rings and rings: the session it does not accept is accepted for it."""
    ringing = await asyncio.create_subprocess_exec(
        server.bin / "carillon-phone", "answer", "--ring-only", "--jid", f"benvolio@{DOMAIN}/phone", "--password", "benvolio-secret",
        "--host", "127.0.0.1", "--port", str(server.port), "--trust", server.trust(), "--bind", "127.0.0.1", "--json", "--count", "1",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        line = ""
        while "online" not in line:
            line = (await asyncio.wait_for(ringing.stdout.readline(), 40)).decode()
        await asyncio.sleep(0.5)
        summary = await server.phone("rosaline", f"benvolio@{DOMAIN}/phone", speech(server.work, 3.5), "--no-jmi",
                                     "--ice", "--codec", "pcmu")
        assert summary["by_peer"] and summary["reason"] == "success", summary
        said = (await asyncio.wait_for(ringing.communicate(), 30))[0].decode()
        assert "timeout" in said, said
    finally:
        if ringing.returncode is None:
            ringing.kill()
    mail = await Mail(server, "benvolio", "desk").here()
    try:
        correlation, seconds = alike(server, check_notice(server, await mail.hear_mailbox(), "rosaline"), "benvolio")
        assert correlation > 0.9, correlation
        return f"{correlation}, {seconds} s"
    finally:
        mail.abort()


async def is_refused(caller, callee, sid):
    async with RawPhone(caller) as phone:
        try:
            await phone.call(callee, sid)
        except AssertionError:
            return
    raise AssertionError("there is to be no voicemail")


async def leave(caller, callee, sid, seconds, finish):
    """Speaks for so long after the tone, then does what ends it."""
    async with RawPhone(caller) as phone:
        await phone.call(callee, sid)
        await phone.sound()
        await phone.press("1")  # past the greeting
        await phone.quiet()  # after the tone
        phone.speaking = True
        await asyncio.sleep(seconds)
        result = await finish(phone)
        return result


@test
async def keys_commands_and_menu(server):
    tybalt = await Mail(server, "tybalt", "street").here()
    caller = await Mail(server, "mercutio", "street").here()
    try:
        assert "I answer" in body(await tybalt.command("list"))
        # What clients ask before they call whoever has said "proceed".
        about = await caller.ask(f"tybalt@{DOMAIN}/voicemail", "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
        assert "urn:xmpp:jingle:apps:rtp:audio" in ET.tostring(about).decode(), ET.tostring(about)

        async def hash_key(phone):
            await phone.press("#")
            phone.speaking = False
            return await phone.ended()

        # A device that is gone, while nobody else of tybalt's is there.
        tybalt.send_presence(ptype="unavailable")
        assert await leave(caller, f"tybalt@{DOMAIN}/gone", "k1", 2, hash_key) == "success"
        tybalt.send_presence()
        xml = await tybalt.hear_mailbox()
        octets, first = check_notice(server, xml, "mercutio"), link(xml)
        assert 1500 < int(form(xml)["duration_ms"]) < 6000, form(xml)  # ended by the key, not by silence

        async def hang_up(phone):
            await phone.hang_up()

        tybalt.send_presence(ptype="unavailable")
        await leave(caller, f"tybalt@{DOMAIN}/gone", "k2", 3, hang_up)
        tybalt.send_presence()
        xml = await tybalt.hear_mailbox()
        check_notice(server, xml, "mercutio")
        assert form(xml)["messages"] == "2" and form(xml)["unheard"] == "2" and form(xml)["complete"] == "true", form(xml)

        # Silence: nothing is said, nothing is kept; the server hangs up by itself, or the caller does.
        async with RawPhone(caller) as phone:
            tybalt.send_presence(ptype="unavailable")
            await phone.call(f"tybalt@{DOMAIN}/gone", "k3")
            began = time.monotonic()
            assert await phone.ended() == "success"
            assert 4 < time.monotonic() - began < 25
        async with RawPhone(caller) as phone:
            await phone.call(f"tybalt@{DOMAIN}/gone", "k3b")
            await phone.sound()
            await phone.quiet()
            await asyncio.sleep(2)
            await phone.hang_up()
        tybalt.send_presence()

        # The owner listens: the first, the second, back, and deletes the first.
        async with RawPhone(tybalt) as phone:
            await phone.call(MAILBOX, "m1")
            await phone.sound()  # two short tones
            await phone.quiet()
            before = phone.loud
            await phone.press("1")
            await asyncio.sleep(4)
            assert phone.loud - before > 60, "the recording is heard"
            await phone.press("3")
            await asyncio.sleep(1)
            # A greeting of tybalt's own.
            await phone.press("9")
            await phone.quiet()
            phone.speaking = True
            await asyncio.sleep(2)
            await phone.press("#")
            phone.speaking = False
            await asyncio.sleep(1)
            await phone.press("#")
            assert await phone.ended() == "success"
        listing = await tybalt.command("list")
        assert form(listing)["messages"] == "1" and form(listing)["unheard"] == "1", body(listing)
        assert "own" in body(await tybalt.command("greeting"))
        assert "usual" in body(await tybalt.command("greeting default"))
        assert "no message 7" in body(await tybalt.command("play 7"))
        again = await tybalt.command("style link")
        assert "link alone" in body(again)
        again = await tybalt.command("play 1")
        assert body(again) == link(again) and form(again)["unheard"] == "0", ET.tostring(again)
        assert server.fetch(link(again))
        assert "Deleted" in body(await tybalt.command("DELETE 1"))
        assert form(await tybalt.command("list"))["messages"] == "0"
        assert "Call me" in body(await tybalt.command("what can you do?"))
        assert "do not answer" in body(await tybalt.command("off"))
        tybalt.send_presence(ptype="unavailable")
        await is_refused(caller, f"tybalt@{DOMAIN}/gone", "k4")
        tybalt.send_presence()
        assert "I answer" in body(await tybalt.command("on"))
        await tybalt.ask(None, "set", f"<block xmlns='urn:xmpp:blocking'><item jid='mercutio@{DOMAIN}'/></block>")
        await is_refused(caller, f"tybalt@{DOMAIN}/gone", "k5")
        return f"{len(octets)} octets at {first[:24]}..."
    finally:
        tybalt.abort()
        caller.abort()


@test
async def greeting_from_a_file(server):
    """Uploaded as clients do it, and heard by who calls: it lasts longer than the usual one."""
    owner = await Mail(server, "laurence", "cell").here()
    caller = await Mail(server, "balthasar", "cell").here()
    try:
        octets = speech(server.work).read_bytes()
        answer = await owner.ask(f"upload.{DOMAIN}", "get", f"<request xmlns='urn:xmpp:http:upload:0' filename='hello.wav' "
                                 f"size='{len(octets)}' content-type='audio/wav'/>")
        slot = {child.tag.split("}")[1]: child.get("url") for child in answer[0]}
        subprocess.run(["curl", "-sS", "-f", "--cacert", server.trust(), "--resolve", f"{DOMAIN}:{server.https_port}:127.0.0.1",
                        "-T", speech(server.work), slot["put"]], check=True, timeout=30)
        assert "no file" in body(await caller.command(f"greeting {slot['get']}")), "it is another's"
        assert "from now on" in body(await owner.command(f"greeting {slot['get']}"))
        owner.send_presence(ptype="unavailable")
        async with RawPhone(caller) as phone:
            await phone.call(f"laurence@{DOMAIN}/gone", "g1")
            await phone.sound()
            began = time.monotonic()
            await phone.quiet()
            assert time.monotonic() - began > 4, "the greeting lasts 6 s"
            await phone.hang_up()
        owner.send_presence()
        assert "usual" in body(await owner.command("greeting default"))
        return ""
    finally:
        owner.abort()
        caller.abort()


@test
async def worker_killed_while_recording(server):
    """Runs alone: calls of the others would end."""
    caller = await Mail(server, "mercutio", "lane").here()
    try:
        async def kill(phone):
            os.kill(server.worker_pid(), signal.SIGKILL)
            return await phone.ended()

        assert await leave(caller, f"paris@{DOMAIN}/gone", "c1", 5, kill) == "connectivity-error"
        mail = await Mail(server, "paris", "desk").here()
        try:
            xml = await mail.hear_mailbox()
            octets = check_notice(server, xml, "mercutio")
            assert form(xml)["complete"] == "false" and "cut off" in body(xml), body(xml)
            assert int(form(xml)["duration_ms"]) > 3000, form(xml)
            (server.work / "cut.opus").write_bytes(octets)
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", server.work / "cut.opus", server.work / "cut.wav"], check=True)
            with wave.open(str(server.work / "cut.wav")) as sound:
                assert sound.getnframes() / sound.getframerate() > 3
            return form(xml)["duration_ms"] + " ms"
        finally:
            mail.abort()
    finally:
        caller.abort()


@test
async def busy(server):
    """A phone that is in a call rejects the next proposal with `busy`: the caller is answered for it, and the call goes on."""
    mail = await Mail(server, "sampson", "desk").here()  # not a phone; what is said to the user comes to all devices
    account = ["--jid", f"sampson@{DOMAIN}/phone", "--password", "sampson-secret", "--host", "127.0.0.1", "--port", str(server.port),
               "--trust", server.trust(), "--bind", "127.0.0.1", "--json", "--count", "1"]
    answering = await asyncio.create_subprocess_exec(server.bin / "carillon-phone", "answer", *account, stdout=subprocess.PIPE,
                                                     stderr=subprocess.STDOUT)
    talking = None
    try:
        line = ""
        while "online" not in line:
            line = (await asyncio.wait_for(answering.stdout.readline(), 40)).decode()
        talking = await asyncio.create_subprocess_exec(
            server.bin / "carillon-phone", "call", f"sampson@{DOMAIN}/phone", "--jid", f"abram@{DOMAIN}/phone", "--password",
            "abram-secret", "--host", "127.0.0.1", "--port", str(server.port), "--trust", server.trust(), "--bind", "127.0.0.1",
            "--json", "--no-jmi", "--raw-udp", "--codec", "pcma", "--seconds", "600", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        until = time.monotonic() + 40
        while not any(call["state"] == "active" and call["caller"].startswith("abram@") for call in server.calls()):
            assert time.monotonic() < until, server.calls()
            await asyncio.sleep(0.2)
        summary = await server.phone("gregory", f"sampson@{DOMAIN}", speech(server.work, 3.5), "--ice", "--codec", "pcmu")
        assert summary["by_peer"] and summary["reason"] == "success", summary
        assert talking.returncode is None and answering.returncode is None, "the first call goes on"
        talking.send_signal(signal.SIGINT)
        said = json.loads((await asyncio.wait_for(answering.communicate(), 40))[0].decode().splitlines()[-1])
        assert said["reason"] == "success" and said["peer"].startswith("abram@"), said
    finally:
        for process in (answering, talking):
            if process and process.returncode is None:
                process.kill()
    try:
        correlation, seconds = alike(server, check_notice(server, await mail.hear_mailbox(), "gregory"), "sampson")
        assert correlation > 0.9, correlation
        return f"{correlation}, {seconds} s"
    finally:
        mail.abort()


async def server_killed_while_recording(server):
    """Only when asked for by name: what was left is looked for half a minute after the start."""
    caller = await Mail(server, "mercutio", "square").here()

    async def kill(_):
        worker = server.worker_pid()
        server.kill()
        try:
            os.kill(worker, signal.SIGKILL)  # as a power cut would
        except ProcessLookupError:
            pass

    try:
        await leave(caller, f"rosaline@{DOMAIN}/gone", "s1", 4, kill)
    finally:
        caller.abort()
    server.start()
    mail = await Mail(server, "rosaline", "desk").here()
    try:
        xml = await mail.hear_mailbox(90)
        check_notice(server, xml, "mercutio")
        assert form(xml)["complete"] == "false", form(xml)
        return form(xml)["duration_ms"] + " ms"
    finally:
        mail.abort()


async def main():
    named = [server_killed_while_recording] if server_killed_while_recording.__name__ in sys.argv[2:] else []
    chosen = [each for each in TESTS if not sys.argv[2:] or each.__name__ in sys.argv[2:]]
    server = MailServer(sys.argv[1])
    try:
        together = [each for each in chosen if each is not worker_killed_while_recording]
        for each, result in zip(together, await asyncio.gather(*(each(server) for each in together))):
            print("ok     ", each.__name__, result, flush=True)
        for each in [each for each in chosen if each not in together] + named:
            print("ok     ", each.__name__, await each(server), flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 220))
