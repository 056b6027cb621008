#include "signaling/files/answers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "signaling/files/media_type.h"

namespace carillon::files {
namespace {

using Kind = RangeAnswer::Kind;

void expect_part(std::string_view field, std::uint64_t size, ByteRange range) {
    const auto answer = select_range(field, size);
    EXPECT_EQ(answer.kind, Kind::part) << field;
    EXPECT_EQ(answer.range, range) << field;
}

TEST(Rfc9110S14p1p2ByteRanges, TheExamplesOfTheStandard) {
    expect_part("bytes=0-499", 10000, {0, 500});
    expect_part("bytes=500-999", 10000, {500, 500});
    expect_part("bytes=-500", 10000, {9500, 500});
    expect_part("bytes=9500-", 10000, {9500, 500});
    expect_part("bytes=0-0", 10000, {0, 1});
    expect_part("bytes=0-18446744073709551615", 10, {0, 10});
    expect_part("bytes=-20000", 10000, {0, 10000});
}

TEST(Rfc9110S14p1p2ByteRanges, WhatCannotBeSatisfied) {
    EXPECT_EQ(select_range("bytes=10000-", 10000).kind, Kind::unsatisfiable);
    EXPECT_EQ(select_range("bytes=-0", 10000).kind, Kind::unsatisfiable);
    EXPECT_EQ(select_range("bytes=0-", 0).kind, Kind::unsatisfiable);
}

TEST(Rfc9110S14p2Range, WhatIsNoneGetsTheWhole) {
    for (const auto* field : {"", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2",
                              "bytes=--5", "bytes=+1-2", "bytes=99999999999999999999-"})
        EXPECT_EQ(select_range(field, 10000).kind, Kind::whole) << field;
}

TEST(UploadMediaType, MarkupAndScriptsAreNeverShown) {
    for (const auto* type :
         {"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript",
          "text/javascript", "text/css", "application/x-shockwave-flash", "multipart/x-mixed-replace",
          "application/vnd.mozilla.xul+xml", "application/wasm", "application/pdf"}) {
        EXPECT_FALSE(may_be_inline(type)) << type;
        EXPECT_TRUE(content_disposition(type, "x").starts_with("attachment")) << type;
    }
    EXPECT_EQ(served_type("image/svg+xml"), "application/octet-stream");
    EXPECT_EQ(served_type("application/vnd.mozilla.xul+xml"), "application/octet-stream");
    EXPECT_EQ(served_type("image/png"), "image/png");
}

TEST(UploadMediaType, IsCleaned) {
    EXPECT_EQ(clean_media_type("Image/JPEG; q=1"), "image/jpeg");
    for (const auto* text : {"", "image", "image/", "/png", "a/b\r\nX: y", "a b/c", "image/p\"ng"})
        EXPECT_EQ(clean_media_type(text), "application/octet-stream") << text;
    EXPECT_TRUE(fits_pattern("image/png", "image/*"));
    EXPECT_FALSE(fits_pattern("imagex/png", "image/*"));
}

TEST(Rfc6266ContentDisposition, NamesAreQuotedAndEncoded) {
    EXPECT_EQ(content_disposition("image/png", "a\"b\\c.png"),
              "inline; filename=\"a_b_c.png\"; filename*=UTF-8''a%22b%5Cc.png");
    EXPECT_EQ(content_disposition("text/html", "a.html"), "attachment; filename=\"a.html\"");
}

TEST(Rfc9110S5p6p7HttpDate, TheExampleOfTheStandard) {
    EXPECT_EQ(http_date(WallTime{std::chrono::seconds{784111777}}), "Sun, 06 Nov 1994 08:49:37 GMT");
}

storage::Upload a_file() {
    storage::Upload upload;
    upload.name = "a.jpg";
    upload.type = "image/jpeg";
    upload.size = 10;
    upload.hash = std::string(64, 'a');
    upload.created = WallTime{std::chrono::seconds{784111777}};
    upload.expires = WallTime{std::chrono::seconds{784111777 + 100}};
    return upload;
}

unsigned status_of(std::map<std::string, std::string, std::less<>> fields, std::string method = "GET") {
    http::Request request;
    request.method = std::move(method);
    request.fields = std::move(fields);
    return describe(request, a_file(), WallTime{std::chrono::seconds{784111777}}).response.status;
}

TEST(Rfc9110S13p2p2Precedence, ConditionsInTheirOrder) {
    const auto tag = '"' + std::string(64, 'a') + '"';
    const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
    EXPECT_EQ(status_of({}), 200u);
    EXPECT_EQ(status_of({{"if-none-match", tag}}), 304u);
    EXPECT_EQ(status_of({{"if-none-match", "W/" + tag + ", \"x\""}}), 304u);
    EXPECT_EQ(status_of({{"if-none-match", "\"x\""}, {"if-modified-since", date}}), 200u);
    EXPECT_EQ(status_of({{"if-modified-since", date}}), 304u);
    EXPECT_EQ(status_of({{"range", "bytes=0-1"}, {"if-range", "\"x\""}}), 200u);
    EXPECT_EQ(status_of({{"range", "bytes=0-1"}, {"if-range", tag}}), 206u);
    EXPECT_EQ(status_of({{"range", "bytes=0-1"}, {"if-none-match", tag}}), 304u);
    EXPECT_EQ(status_of({{"range", "bytes=0-1"}}, "HEAD"), 200u);
    EXPECT_EQ(status_of({{"range", "bytes=10-"}}), 416u);
}

TEST(UploadAnswers, ACacheForgetsWhenTheFileGoes) {
    http::Request request;
    request.method = "GET";
    const auto answer = describe(request, a_file(), WallTime{std::chrono::seconds{784111777 + 60}});
    const auto& headers = answer.response.headers;
    const auto cache = std::ranges::find(headers, "Cache-Control", [](const auto& each) { return each.first; });
    ASSERT_NE(cache, headers.end());
    EXPECT_EQ(cache->second, "private, max-age=40, immutable");
}

}  // namespace
}  // namespace carillon::files
