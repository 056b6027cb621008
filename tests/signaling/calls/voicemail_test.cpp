/// What a voicemail box holds, understands and says.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "media/record/ogg_opus_writer.h"
#include "signaling/calls/voicemail/commands.h"
#include "signaling/calls/voicemail/notice.h"
#include "signaling/calls/voicemail/sounds.h"
#include "signaling/calls/voicemail/spool.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using Verb = VoicemailCommand::Verb;

const WallTime kThen{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min};

VoicemailMessage message(const std::string& id, bool heard = false) {
    return {.id = id,
            .stanza = "stanza-" + id,
            .caller = "romeo@montague.example",
            .at = kThen,
            .duration = 65'400ms,
            .size = 123'456,
            .hash = std::string(64, 'a'),
            .path = "/upload/" + id + "/voicemail.opus",
            .heard = heard};
}

TEST(VoicemailBox, IsTheSameAfterStoring) {
    VoicemailBox box{.on = false, .after = 7s, .link_only = true, .greeting = "/var/x.opus"};
    box.messages = {message("a"), message("b", true)};
    box.messages[1].complete = false;
    EXPECT_EQ(parse_box(to_text(box)), box);
    EXPECT_EQ(parse_box(to_text({})), VoicemailBox{});
    for (const auto* text : {"", "{", "[]", "7", R"({"messages":7})", R"({"messages":[7],"on":"x","after":"y"})"})
        EXPECT_TRUE(parse_box(text).messages.empty()) << text;
}

TEST(VoicemailBox, CountsFromOne) {
    VoicemailBox box;
    box.messages = {message("a"), message("b", true)};
    EXPECT_EQ(box.unheard(), 1U);
    EXPECT_EQ(box.number(0), nullptr);
    EXPECT_EQ(box.number(2)->id, "b");
    EXPECT_EQ(box.number(3), nullptr);
}

TEST(VoicemailBox, TheOldestHeardOneMakesRoom) {
    VoicemailBox box;
    box.messages = {message("a"), message("b", true), message("c", true)};
    EXPECT_TRUE(box.make_room(4).empty());
    EXPECT_EQ(box.make_room(3).at(0).id, "b");
    EXPECT_EQ(box.make_room(1).size(), 2U);
    EXPECT_TRUE(box.messages.empty());
}

TEST(VoicemailBox, OldOnesGo) {
    VoicemailBox box;
    box.messages = {message("a")};
    box.expire(kThen + 24h, 0ms);
    box.expire(kThen + 23h, 24h);
    EXPECT_EQ(box.messages.size(), 1U);
    box.expire(kThen + 24h, 24h);
    EXPECT_TRUE(box.messages.empty());
}

TEST(VoicemailCommand, IsUnderstood) {
    EXPECT_EQ(parse_command("help")->verb, Verb::help);
    EXPECT_EQ(parse_command("  LIST \n")->verb, Verb::list);
    EXPECT_EQ(parse_command("Play 3")->verb, Verb::play);
    EXPECT_EQ(parse_command("play 3")->number, 3U);
    EXPECT_EQ(parse_command("delete all")->verb, Verb::remove_all);
    EXPECT_EQ(parse_command("/delete 12")->number, 12U);
    EXPECT_EQ(parse_command("after 0")->verb, Verb::after);
    EXPECT_EQ(parse_command("greeting https://x.example/upload/AbC/Y.opus")->text,
              "https://x.example/upload/AbC/Y.opus");
    EXPECT_EQ(parse_command("greeting Default")->text, "default");
    EXPECT_EQ(parse_command("greeting")->text, "");
    EXPECT_EQ(parse_command("style LINK")->text, "link");
    EXPECT_EQ(parse_command("off")->verb, Verb::off);
    for (const auto* text : {"", "hello", "play", "play x", "play -1", "play 3 4", "on now", "style", "style x",
                             "delete 99999999999999999999999"})
        EXPECT_FALSE(parse_command(text)) << text;
}

TEST(VoicemailCommand, TheListTellsEverything) {
    VoicemailBox box;
    box.messages = {message("a", true), message("b")};
    box.messages[1].complete = false;
    const auto text = describe(box, {});
    for (const auto* words :
         {"20 s", "2 messages, 1 unheard", "\n1: romeo@montague.example, 1:05, 2026-01-02 03:04 UTC",
          "\n2: (new) romeo@montague.example, 1:05 (cut off), 2026"})
        EXPECT_NE(text.find(words), std::string::npos) << words << " in " << text;
    box.on = false;
    EXPECT_NE(describe(box, {}).find("do not answer"), std::string::npos);
    EXPECT_EQ(length_of(59'600ms), "1:00");
    EXPECT_EQ(length_of(400ms), "0:00");
    for (const auto* word : {"list", "play", "delete", "greeting", "after", "heard", "style"})
        EXPECT_NE(help_text().find(word), std::string::npos);
}

std::string field(const xml::Element& form, std::string_view var) {
    for (const auto* each : form.children())
        if (each->attribute("var") == var) return std::string{each->child_text("value")};
    return "none";
}

TEST(VoicemailNotice, TellsPeopleClientsAndPrograms) {
    VoicemailBox box;
    box.messages = {message("a", true), message("b")};
    const auto from = xmpp::Jid::parse("voicemail@calls.capulet.example").value();
    const auto to = xmpp::Jid::parse("juliet@capulet.example").value();
    const auto stanza = make_notice(from, to, box.messages[1], "https://c.example/upload/b/v.opus", 2, box);
    const auto& element = stanza.element();
    EXPECT_EQ(stanza.type(), "chat");
    EXPECT_EQ(stanza.id(), "stanza-b");
    EXPECT_EQ(element.child_text("body"),
              "Voicemail 2 from romeo@montague.example, 1:05, 2026-01-02 03:04 UTC\nhttps://c.example/upload/b/v.opus");
    EXPECT_EQ(element.child("x", "jabber:x:oob")->child_text("url"), "https://c.example/upload/b/v.opus");
    const auto* sharing = element.child("file-sharing", "urn:xmpp:sfs:0");
    ASSERT_TRUE(sharing);
    const auto* file = sharing->child("file", "urn:xmpp:file:metadata:0");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->child_text("media-type"), "audio/ogg");
    EXPECT_EQ(file->child_text("size"), "123456");
    EXPECT_EQ(file->child_text("length"), "65400");
    EXPECT_EQ(file->child_text("name"), "voicemail-romeo-20260102-0304.opus");
    EXPECT_EQ(file->child("hash", "urn:xmpp:hashes:2")->attribute("algo"), "sha-256");
    EXPECT_EQ(sharing->child("sources")->child("url-data", "http://jabber.org/protocol/url-data")->attribute("target"),
              "https://c.example/upload/b/v.opus");
    EXPECT_TRUE(element.child("store", "urn:xmpp:hints"));
    const auto* form = element.child("x", "jabber:x:data");
    ASSERT_TRUE(form);
    EXPECT_EQ(field(*form, "FORM_TYPE"), kVoicemailForm);
    EXPECT_EQ(field(*form, "caller"), "romeo@montague.example");
    EXPECT_EQ(field(*form, "duration_ms"), "65400");
    EXPECT_EQ(field(*form, "unheard"), "1");
    box.link_only = true;
    EXPECT_EQ(make_notice(from, to, box.messages[1], "https://c/x", 2, box).element().child_text("body"),
              "https://c/x");
}

TEST(VoicemailSounds, FilesGoBeforeTones) {
    const auto folder = std::filesystem::temp_directory_path() / ("carillon-sounds-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream{folder / "3.wav"} << "x";
    const VoicemailSounds tones{{}};
    const VoicemailSounds files{folder.string()};
    EXPECT_TRUE(std::ranges::all_of(tones.count("message", 3), [](const auto& clip) { return clip.file.empty(); }));
    EXPECT_EQ(std::ranges::count(tones.count("message", 23), 900U, &relay::api::Clip::tone_hz), 3);
    EXPECT_EQ(std::ranges::count(tones.count("message", 23), 700U, &relay::api::Clip::tone_hz), 2);
    EXPECT_EQ(files.count("message", 3).back().file, (folder / "3.wav").string());
    EXPECT_FALSE(tones.default_greeting().empty());
    std::filesystem::remove_all(folder);
}

class Spool : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove_all(folder_); }
    SpooledRecording recording(const std::string& id) const {
        return {.id = id,
                .owner = xmpp::Jid::parse("juliet@capulet.example").value(),
                .caller = xmpp::Jid::parse("romeo@montague.example").value(),
                .at = kThen};
    }
    void write(const std::string& id, std::size_t packets, bool close) {
        auto writer = record::OggOpusWriter::create(spool_.file(id), {});
        ASSERT_TRUE(writer);
        const std::vector<std::byte> packet(20, std::byte{0xF8});
        for (std::size_t i = 0; i < packets; ++i) writer->write(packet);
        close ? writer->close() : writer->flush();
        if (!close) std::filesystem::copy_file(spool_.file(id), spool_.file(id + "-cut"));
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("carillon-spool-" + std::to_string(::getpid()));
    VoicemailSpool spool_{folder_};
};

TEST_F(Spool, WhatAFormerProcessLeftIsFound) {
    ASSERT_TRUE(spool_.begin(recording("a")));
    write("a", 10, true);
    EXPECT_TRUE(spool_.claim_left("capulet.example", 0s).empty()) << "it is somebody's";
    VoicemailSpool later{folder_};
    EXPECT_TRUE(later.claim_left("montague.example", 0s).empty()) << "another host's";
    EXPECT_TRUE(later.claim_left("capulet.example", 60s).empty()) << "it may be growing";
    auto wanted = recording("a");
    wanted.complete = false;
    EXPECT_EQ(later.claim_left("capulet.example", 0s), std::vector{wanted});
    EXPECT_TRUE(later.claim_left("capulet.example", 0s).empty()) << "once";
    later.remove("a");
    EXPECT_FALSE(std::filesystem::exists(later.file("a")));
    EXPECT_TRUE(VoicemailSpool{folder_}.claim_left("capulet.example", 0s).empty());
}

TEST_F(Spool, LengthIsThatOfWhatIsThere) {
    ASSERT_TRUE(spool_.begin(recording("a")));
    write("a", 100, true);
    const auto whole = ogg_length(spool_.file("a"));
    ASSERT_TRUE(whole);
    EXPECT_TRUE(whole->complete);
    EXPECT_EQ(whole->length, std::chrono::milliseconds{(100 * 960 - 312) / 48});
    write("b", 100, false);
    const auto cut = ogg_length(spool_.file("b-cut"));
    ASSERT_TRUE(cut);
    EXPECT_FALSE(cut->complete);
    EXPECT_GT(cut->length, 1900ms);
    std::ofstream{spool_.file("c")} << "OggS and then nothing of the kind, for long enough to be a page of some sort";
    EXPECT_FALSE(ogg_length(spool_.file("c")).value_or(OggLength{}).complete);
    EXPECT_FALSE(ogg_length(spool_.file("none")));
}

TEST_F(Spool, GreetingsAreTheirOwners) {
    const auto juliet = xmpp::Jid::parse("juliet@capulet.example").value();
    const auto nurse = xmpp::Jid::parse("nurse@capulet.example").value();
    const auto first = spool_.new_greeting(juliet), second = spool_.new_greeting(juliet),
               other = spool_.new_greeting(nurse);
    for (const auto& file : {first, second, other}) std::ofstream{file} << "x";
    spool_.remove_greetings(juliet, second);
    EXPECT_FALSE(std::filesystem::exists(first));
    EXPECT_TRUE(std::filesystem::exists(second));
    EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace carillon::calls
