#include "signaling/daemon/invite_page.h"

#include <qrencode.h>

#include <memory>

#include "signaling/modules/registration/invite_links.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::daemon {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kMaxToken = 63;
constexpr int kQuiet = 4;  // modules of white around a code (ISO/IEC 18004 §5.3.8)

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1d2b3a;--soft:#5c6b7a;--paper:#f4f1ea;--card:#fff;--key:#0b6e63;--on-key:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8e6e1;--soft:#a3adb6;--paper:#14191e;--card:#1e252c;--key:#4fc3b1;--on-key:#0d1a18}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.55 system-ui,sans-serif}
main{max-width:34rem;margin:6vh auto;padding:2rem;background:var(--card);border-radius:18px;box-shadow:0 10px 40px #0002}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 1rem;text-wrap:balance}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}
p{margin:.5rem 0}.soft{color:var(--soft);font-size:.92rem}ol{padding-left:1.3rem}li{margin:.4rem 0}
a{color:var(--key)}.go{display:block;margin:1.2rem 0;padding:.9rem 1rem;border-radius:12px;background:var(--key);color:var(--on-key);
text-align:center;font-weight:600;text-decoration:none}.go:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
figure{margin:1.2rem 0;text-align:center}svg{width:13rem;max-width:100%;height:auto;border-radius:10px;background:#fff}
code{overflow-wrap:anywhere;font-size:.85rem}table{border-collapse:collapse;width:100%}td{padding:.3rem 0;vertical-align:top}td:first-child{width:40%;color:var(--soft)}
@media(max-width:36rem){main{margin:0;min-height:100vh;border-radius:0}})";

/// Programs that understand such links, by the device they run on.
constexpr std::string_view kClients = R"(<table>
<tr><td>Android</td><td><a href="https://conversations.im/">Conversations</a>, <a href="https://cheogram.com/">Cheogram</a></td></tr>
<tr><td>iPhone, iPad, Mac</td><td><a href="https://monal-im.org/">Monal</a>, <a href="https://siskin.im/">Siskin</a></td></tr>
<tr><td>Linux</td><td><a href="https://dino.im/">Dino</a>, <a href="https://gajim.org/">Gajim</a></td></tr>
<tr><td>Windows</td><td><a href="https://gajim.org/">Gajim</a></td></tr>
</table>)";

std::string escaped(std::string_view text) {
    std::string out;
    xml::append_escaped(out, text);
    return out;
}

std::string document(const std::string& title, const std::string& body) {
    std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" + escaped(title) +
                      "</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                      "<meta name=\"robots\" content=\"noindex\">\n<style>";
    out += kStyle;
    out += "</style></head>\n<body><main>\n" + body + "</main></body></html>\n";
    return out;
}

/// The server's own headers keep the address, which is a secret, from caches and other sites (http/server.cpp).
http::Response page(unsigned status, std::string html) {
    http::Response out;
    out.status = status;
    out.type = "text/html; charset=utf-8";
    out.body = std::move(html);
    return out;
}

http::Response no_invite() {
    return page(404, document("No invitation",
                              "<h1>This invitation is not valid</h1>\n<p>It has expired, has been used, or never was "
                              "one. Ask whoever sent it for a new one.</p>\n"));
}

}  // namespace

std::string qr_svg(const std::string& text) {
    const std::unique_ptr<QRcode, decltype(&QRcode_free)> code{QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M),
                                                               &QRcode_free};
    if (!code) return {};
    const int size = code->width + 2 * kQuiet;
    std::string path;
    for (int y = 0; y < code->width; ++y) {
        for (int x = 0; x < code->width; ++x) {
            if (!(code->data[y * code->width + x] & 1)) continue;
            int run = 1;
            while (x + run < code->width && (code->data[y * code->width + x + run] & 1)) ++run;
            path += 'M' + std::to_string(x + kQuiet) + ' ' + std::to_string(y + kQuiet) + 'h' + std::to_string(run) +
                    "v1h-" + std::to_string(run) + 'z';
            x += run;
        }
    }
    const auto edge = std::to_string(size);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + edge + ' ' + edge +
           "\" role=\"img\" aria-label=\"The same link as a QR code\"><path d=\"" + path + "\"/></svg>";
}

std::string invite_html(const storage::Invite& invite) {
    const auto uri = modules::invite_uri(invite);
    const auto host = escaped(invite.host);
    const auto inviter = escaped(invite.inviter.str());
    std::string title = "Join " + invite.host;
    std::string body;
    if (invite.inviter.empty()) {
        body +=
            "<p class=\"soft\">An invitation to " + host + "</p>\n<h1>You are invited to chat on " + host + "</h1>\n";
        if (!invite.account.empty())
            body += "<p>Your address will be <strong>" + escaped(invite.account) + '@' + host + "</strong>.</p>\n";
    } else {
        title = "Chat with " + std::string{invite.inviter.node()};
        body += "<p class=\"soft\">An invitation from " + inviter + "</p>\n<h1>" + escaped(invite.inviter.node()) +
                " invites you to chat</h1>\n";
    }
    body +=
        "<p>XMPP is a way to chat and call that belongs to no company: you choose the app and the server, as with "
        "mail.</p>\n<a class=\"go\" href=\"" +
        escaped(uri) + "\">Open the invitation in your app</a>\n";
    body += "<h2>No app yet?</h2>\n<ol><li>Install one of these:" + std::string{kClients} +
            "</li>\n<li>Come back to this page and press the button above" +
            (invite.registers ? ": the app offers to make you an account on " + host + ".</li>"
                              : ", or add <strong>" + inviter + "</strong> in the app.</li>") +
            "</ol>\n";
    if (const auto code = qr_svg(uri); !code.empty()) {
        body += "<h2>On another device?</h2>\n<p>Scan this with the app, or with the camera:</p>\n<figure>" + code +
                "</figure>\n";
    }
    body += "<p class=\"soft\">The link as text: <code>" + escaped(uri) +
            "</code></p>\n<p class=\"soft\">Valid until " + escaped(xmpp::to_datetime(invite.expires)) +
            ". If you do not know who sent it, you need do nothing.</p>\n";
    return document(title, body);
}

void add_invite_page(http::Routes& routes, storage::Storage& storage, const Clock& clock) {
    routes.add("GET", "/invite", [&storage, &clock](const http::Request& request) -> awaitable<http::Response> {
        std::string token = request.query;
        if (token.empty() || token.size() > kMaxToken) co_return no_invite();
        const auto invite = co_await storage.invites().find(std::move(token));
        if (!invite || invite->expires <= clock.wall()) co_return no_invite();
        co_return page(200, invite_html(*invite));
    });
}

}  // namespace carillon::daemon
