#include "media/phone/account.h"

#include <strophe.h>

#include <array>
#include <map>
#include <optional>
#include <random>

#include "config/base/log.h"
#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxRequests = 256;
constexpr unsigned long kPollMs = 20;

Element from_native(xmpp_stanza_t* stanza, int depth = 0) {
    const auto view = [](const char* text) { return std::string_view{text ? text : ""}; };
    Element out{view(xmpp_stanza_get_name(stanza)), view(xmpp_stanza_get_ns(stanza))};
    const auto count = xmpp_stanza_get_attribute_count(stanza);
    std::vector<const char*> attributes(static_cast<std::size_t>(std::max(count, 0)) * 2);
    const auto got =
        count > 0 ? xmpp_stanza_get_attributes(stanza, attributes.data(), static_cast<int>(attributes.size())) : 0;
    for (int i = 0; i + 1 < got; i += 2) {
        const auto at = static_cast<std::size_t>(i);
        if (view(attributes[at]) != "xmlns") out.set(view(attributes[at]), view(attributes[at + 1]));
    }
    std::string text;
    for (auto* child = xmpp_stanza_get_children(stanza); child; child = xmpp_stanza_get_next(child)) {
        if (xmpp_stanza_is_text(child)) {
            text += view(xmpp_stanza_get_text_ptr(child));
        } else if (depth < kMaxDepth) {
            out.add(from_native(child, depth + 1));
        }
    }
    out.text(text);
    return out;
}

/// libstrophe asks only when OpenSSL did not trust the certificate; the answer is no, and why is kept for people.
thread_local std::string untrusted;
int on_untrusted(const xmpp_tlscert_t*, const char* why) noexcept {
    try {
        untrusted = std::string{"the server's certificate is not trusted ("} + (why ? why : "") + "); --trust names it";
    } catch (...) {
    }
    return 0;
}

void initialize_library() {
    static const bool once = [] {
        xmpp_initialize();
        return true;
    }();
    static_cast<void>(once);
}

}  // namespace

std::string bare(const std::string& jid) { return jid.substr(0, jid.find('/')); }

std::string domain_of(const std::string& jid) {
    const auto plain = bare(jid);
    const auto at = plain.find('@');
    return at == std::string::npos ? plain : plain.substr(at + 1);
}

std::string condition_of(const Element& stanza) {
    if (const auto* error = stanza.child("error")) {
        for (const auto& child : error->children()) {
            if (child.ns() == ns::kStanzas && child.name() != "text") return child.name();
        }
    }
    return "undefined-condition";
}

struct Account::Native {
    AccountOptions options;
    xmpp_ctx_t* context = nullptr;
    xmpp_conn_t* connection = nullptr;
    xmpp_log_t log{&Native::on_log, this};
    bool connected = false;
    bool over = false;      // disconnected, for whatever reason
    std::string complaint;  // the library's last warning: its only word on why
    std::string jid;
    std::function<void(const Element&)> handler;
    std::optional<Status> registration;
    bool holding = false;
    std::vector<std::string> held;

    struct Pending {
        Reply reply;
        std::string to;
        Clock::time_point deadline;
    };
    std::map<std::string, Pending> pending;
    unsigned long next_id = 1;
    std::string id_prefix = "p" + std::to_string(std::random_device{}() % 100000) + "-";

    // Trampolines: libstrophe is C, nothing may be thrown into it.
    static void on_log(void* data, xmpp_log_level_t level, const char* area, const char* message) noexcept {
        auto& self = *static_cast<Native*>(data);
        try {
            if (level >= XMPP_LEVEL_WARN) self.complaint = message;
            // The library's debug lines contain whole stanzas, SASL among them: never passed on.
            if (level >= XMPP_LEVEL_INFO) log::debug("strophe", {{"area", area}, {"message", message}});
        } catch (...) {
        }
    }
    static void on_connection(xmpp_conn_t*, xmpp_conn_event_t event, int error, xmpp_stream_error_t* stream_error,
                              void* data) noexcept {
        auto& self = *static_cast<Native*>(data);
        try {
            if (stream_error && stream_error->text) self.complaint = stream_error->text;
            if (event == XMPP_CONN_RAW_CONNECT) {
                xmpp_conn_open_stream_default(self.connection);
            } else if (event == XMPP_CONN_CONNECT) {
                self.on_open();
            } else {
                if (self.complaint.empty() && error != 0) self.complaint = std::generic_category().message(error);
                self.connected = false;
                self.over = true;
            }
        } catch (...) {
            self.over = true;
        }
    }
    static int on_any_stanza(xmpp_conn_t*, xmpp_stanza_t* stanza, void* data) noexcept {
        try {
            static_cast<Native*>(data)->dispatch(from_native(stanza));
        } catch (const std::exception& error) {
            log::warning("stanza not handled", {{"error", error.what()}});
        }
        return 1;
    }
    static int on_features(xmpp_conn_t*, xmpp_stanza_t* stanza, void* data) noexcept {
        try {
            static_cast<Native*>(data)->continue_registration(from_native(stanza));
        } catch (...) {
        }
        return 1;
    }
    static int on_proceed(xmpp_conn_t* connection, xmpp_stanza_t*, void* data) noexcept {
        auto& self = *static_cast<Native*>(data);
        if (xmpp_conn_tls_start(connection) == 0) {
            xmpp_conn_open_stream_default(connection);
        } else {
            self.over = true;
        }
        return 0;
    }

    bool registering = false;

    void on_open() {
        connected = true;
        if (registering) {
            xmpp_handler_add(connection, &on_features, XMPP_NS_STREAMS, "features", nullptr, this);
            return;
        }
        const auto* bound = xmpp_conn_get_bound_jid(connection);
        jid = bound ? bound : options.jid;
        xmpp_handler_add(connection, &on_any_stanza, nullptr, nullptr, nullptr, this);
    }

    void dispatch(const Element& stanza) {
        const auto& type = stanza.attribute("type");
        if (stanza.name() == "iq" && (type == "result" || type == "error")) {
            const auto found = pending.find(stanza.attribute("id"));
            if (found == pending.end()) return;
            const auto& from = stanza.attribute("from");
            const auto& to = found->second.to;
            // RFC 6120 §8.1.2.1: the account itself and its server answer under several names; others only under
            // theirs.
            const bool ours =
                from == to || from.empty() || (to.empty() && (from == bare(jid) || from == domain_of(jid)));
            if (!ours) return;
            const auto reply = std::move(found->second.reply);
            pending.erase(found);
            if (type == "result") {
                reply(stanza);
            } else {
                reply(std::unexpected{condition_of(stanza)});
            }
            return;
        }
        if (handler) handler(stanza);
    }

    void expire(Clock::time_point now) {
        for (auto item = pending.begin(); item != pending.end();) {
            if (!over && item->second.deadline > now) {
                ++item;
                continue;
            }
            const auto reply = std::move(item->second.reply);
            pending.erase(item);
            reply(std::unexpected{std::string{over ? "disconnected" : "timeout"}});
            item = pending.begin();  // the reply may have changed the table
        }
    }

    void send_raw(const std::string& xml) { xmpp_send_raw(connection, xml.data(), xml.size()); }

    void continue_registration(const Element& features) {
        if (features.child("starttls", XMPP_NS_TLS) && !xmpp_conn_is_secured(connection)) {
            xmpp_handler_add(connection, &on_proceed, XMPP_NS_TLS, "proceed", nullptr, this);
            send_raw("<starttls xmlns='" XMPP_NS_TLS "'/>");
            return;
        }
        if (!xmpp_conn_is_secured(connection)) {
            registration =
                std::unexpected{std::string{"the server offers no TLS: the password is not sent in the clear"}};
            return;
        }
        xmpp_handler_add(connection, &on_any_stanza, nullptr, "iq", nullptr, this);
        const auto user = options.jid.substr(0, options.jid.find('@'));
        Element query{"query", ns::kRegister};
        query.add(Element{"username"}.text(user)).add(Element{"password"}.text(options.password.reveal()));
        Element iq{"iq", ns::kClient};
        iq.set("type", "set").set("id", "reg1").set("to", domain_of(options.jid)).add(std::move(query));
        pending["reg1"] = {[this](const auto& result) {
                               if (result) {
                                   registration = Status{};
                               } else if (result.error() == "conflict") {
                                   registration = std::unexpected{"the user name is taken (conflict)"};
                               } else {
                                   registration = std::unexpected{"the server refuses in-band registration (" +
                                                                  result.error() + "); its operator can add the user"};
                               }
                           },
                           domain_of(options.jid), Clock::now() + options.timeout};
        send_raw(iq.to_xml(ns::kClient));
    }

    long flags() const {
        long flags = XMPP_CONN_FLAG_DISABLE_SM | XMPP_CONN_FLAG_MANDATORY_TLS;
        if (options.direct_tls) flags = XMPP_CONN_FLAG_DISABLE_SM | XMPP_CONN_FLAG_LEGACY_SSL;
        if (options.insecure) flags |= XMPP_CONN_FLAG_TRUST_TLS;
        return flags;
    }

    const char* host() const { return options.host.empty() ? nullptr : options.host.c_str(); }
    std::string why(const char* fallback) const {
        if (!untrusted.empty()) return untrusted;
        return complaint.empty() ? fallback : complaint;
    }
};

Account::Account(AccountOptions options) : native_{std::make_unique<Native>()} {
    initialize_library();
    auto& n = *native_;
    n.options = std::move(options);
    n.context = xmpp_ctx_new(nullptr, &n.log);
    n.connection = xmpp_conn_new(n.context);
    xmpp_conn_set_flags(n.connection, n.flags());
    xmpp_conn_set_sockopt_callback(n.connection, &xmpp_sockopt_cb_keepalive);
    xmpp_conn_set_certfail_handler(n.connection, &on_untrusted);
    if (!n.options.trust.empty()) xmpp_conn_set_cafile(n.connection, n.options.trust.c_str());
}

Account::~Account() {
    xmpp_conn_release(native_->connection);
    xmpp_ctx_free(native_->context);
}

Account::Status Account::connect() {
    auto& n = *native_;
    xmpp_conn_set_jid(n.connection, n.options.jid.c_str());
    xmpp_conn_set_pass(n.connection, n.options.password.reveal().c_str());
    if (xmpp_connect_client(n.connection, n.host(), n.options.port, &Native::on_connection, &n) != XMPP_EOK) {
        return std::unexpected{n.why("cannot connect")};
    }
    const auto deadline = Clock::now() + n.options.timeout;
    while (!n.connected && !n.over && Clock::now() < deadline) xmpp_run_once(n.context, kPollMs);
    if (n.connected) return {};
    if (n.over) return std::unexpected{n.why("the server closed the connection (wrong password or certificate?)")};
    return std::unexpected{"no log-in within the time-out" + (n.complaint.empty() ? "" : ": " + n.complaint)};
}

Account::Status Account::register_account() {
    auto& n = *native_;
    n.registering = true;
    xmpp_conn_set_jid(n.connection, domain_of(n.options.jid).c_str());
    if (xmpp_connect_raw(n.connection, n.host(), n.options.port, &Native::on_connection, &n) != XMPP_EOK) {
        return std::unexpected{n.why("cannot connect")};
    }
    const auto deadline = Clock::now() + n.options.timeout;
    while (!n.registration && !n.over && Clock::now() < deadline) {
        xmpp_run_once(n.context, kPollMs);
        n.expire(Clock::now());
    }
    const auto result = n.registration.value_or(
        Status{std::unexpected{n.over ? n.why("the server closed the connection") : std::string{"no answer in time"}}});
    close();
    return result;
}

void Account::close() {
    auto& n = *native_;
    if (!n.over) {
        xmpp_disconnect(n.connection);
        const auto deadline = Clock::now() + std::chrono::seconds{2};
        while (!n.over && Clock::now() < deadline) xmpp_run_once(n.context, kPollMs);
        n.over = true;
    }
    n.connected = false;
    n.expire(Clock::now());
}

void Account::on_stanza(std::function<void(const Element&)> handler) { native_->handler = std::move(handler); }

void Account::send(const Element& stanza) {
    if (!native_->holding) return send_now(stanza);
    native_->held.push_back(stanza.to_xml(ns::kClient));
}

void Account::send_now(const Element& stanza) {
    if (connected()) native_->send_raw(stanza.to_xml(ns::kClient));
}

void Account::hold() { native_->holding = true; }

void Account::release() {
    native_->holding = false;
    for (const auto& xml : native_->held) {
        if (connected()) native_->send_raw(xml);
    }
    native_->held.clear();
}

void Account::request(Element iq, Reply reply, std::chrono::milliseconds timeout) {
    auto& n = *native_;
    if (!connected()) return reply(std::unexpected{std::string{"disconnected"}});
    if (n.pending.size() >= kMaxRequests) return reply(std::unexpected{std::string{"resource-constraint"}});
    const auto id = n.id_prefix + std::to_string(n.next_id++);
    iq.set("id", id);
    n.pending[id] = {std::move(reply), iq.attribute("to"), Clock::now() + timeout};
    send(iq);
}

void Account::poll(std::chrono::milliseconds wait) {
    auto& n = *native_;
    if (!n.over) xmpp_run_once(n.context, static_cast<unsigned long>(wait.count()));
    n.expire(Clock::now());
}

bool Account::connected() const { return native_->connected && !native_->over; }
const std::string& Account::jid() const { return native_->jid; }
std::string Account::server_host() const {
    return native_->options.host.empty() ? domain_of(native_->options.jid) : native_->options.host;
}
const AccountOptions& Account::options() const { return native_->options; }

}  // namespace carillon::phone
