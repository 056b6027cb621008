#include "client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>

namespace carillon::bench {
namespace {

constexpr std::uint32_t kAskEvery = 5;  ///< stanzas that are sent between two requests for acknowledgement

std::string to_base64(std::string_view octets) {
    std::string out((octets.size() + 2) / 3 * 4, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(octets.data()),
                    static_cast<int>(octets.size()));
    return out;
}

std::string from_base64(std::string_view text) {
    std::string out(text.size() / 4 * 3, '\0');
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    while (!text.empty() && text.back() == '=') {
        text.remove_suffix(1);
        out.pop_back();
    }
    return out;
}

std::string hmac(std::string_view key, std::string_view data) {
    std::string out(20, '\0');
    HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
         data.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return out;
}

std::string sha1(std::string_view data) {
    std::string out(20, '\0');
    EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, EVP_sha1(), nullptr);
    return out;
}

/// The dear part of SCRAM, made once for each salt: the comparison gives all its users the same.
const std::string& client_key(const std::string& password, const std::string& salt, int iterations) {
    static std::map<std::pair<std::string, int>, std::string> known;
    auto& key = known[{salt, iterations}];
    if (key.empty()) {
        std::string salted(20, '\0');
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                          reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                          iterations, EVP_sha1(), 20, reinterpret_cast<unsigned char*>(salted.data()));
        key = hmac(salted, "Client Key");
    }
    return key;
}

std::string_view attribute(std::string_view tag, std::string_view name) {
    for (std::size_t at = 0; (at = tag.find(name, at)) != std::string_view::npos; at += name.size()) {
        const auto equals = at + name.size();
        if (at == 0 || tag[at - 1] != ' ' || equals + 1 >= tag.size() || tag[equals] != '=') continue;
        const auto end = tag.find(tag[equals + 1], equals + 2);
        if (end == std::string_view::npos) return {};
        return tag.substr(equals + 2, end - equals - 2);
    }
    return {};
}

}  // namespace

Client::Client(const Target& target, SSL_CTX* context, Observer& observer, std::size_t number)
    : target_{target}, context_{context}, observer_{observer}, number_{number} {}

Client::~Client() {
    if (ssl_) SSL_free(ssl_);
    if (fd_ >= 0) ::close(fd_);
}

std::string Client::jid() const { return target_.user_prefix + std::to_string(number_) + '@' + target_.domain; }

bool Client::connect(int epoll) {
    epoll_ = epoll;
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(target_.port));
    ::inet_pton(AF_INET, target_.host.c_str(), &to.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) return false;
    epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = this}};
    writing_ = true;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event) == 0;
}

void Client::want_write(bool on) {
    if (on == writing_ || fd_ < 0) return;
    writing_ = on;
    epoll_event event{.events = EPOLLIN | (on ? EPOLLOUT : 0u), .data = {.ptr = this}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
}

void Client::fail(std::string_view why) {
    if (step_ == Step::dead) return;
    step_ = Step::dead;
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    observer_.lost(*this, why);
}

void Client::on_event(std::uint32_t events) {
    if (step_ == Step::dead) return;
    if (step_ == Step::connecting) {
        if (!(events & EPOLLOUT)) return fail("connect");
        step_ = Step::plain;
        want_write(false);
        open_stream();
        return;
    }
    if (step_ == Step::handshake) return handshake();
    if (events & EPOLLOUT) flush();
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
}

void Client::open_stream() {
    send("<?xml version='1.0'?><stream:stream to='" + target_.domain +
         "' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
}

void Client::send(std::string_view text) {
    if (step_ == Step::dead) return;
    if (out_.empty()) observer_.has_output(*this);
    out_ += text;
}

void Client::send_stanza(std::string_view text) {
    send(text);
    if (target_.management && ++stanzas_out_ % kAskEvery == 0) send("<r xmlns='urn:xmpp:sm:3'/>");
}

void Client::flush() {
    if (step_ == Step::handshake) return;
    while (!out_.empty() && fd_ >= 0) {
        std::size_t done = 0;
        if (secure_) {
            const int result = SSL_write_ex(ssl_, out_.data(), out_.size(), &done);
            if (result != 1) {
                const int error = SSL_get_error(ssl_, result);
                if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return want_write(true);
                return fail("write");
            }
        } else {
            const auto result = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
            if (result < 0) {
                if (errno == EAGAIN) return want_write(true);
                return fail("write");
            }
            done = static_cast<std::size_t>(result);
        }
        out_.erase(0, done);
    }
    if (out_.capacity() > 4096) std::string{}.swap(out_);
    want_write(false);
}

void Client::handshake() {
    const int result = SSL_connect(ssl_);
    if (result == 1) {
        secure_ = true;
        step_ = Step::secure;
        want_write(false);
        return open_stream();
    }
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_WANT_READ) return want_write(false);
    if (error == SSL_ERROR_WANT_WRITE) return want_write(true);
    fail("handshake");
}

void Client::read() {
    static std::array<char, 64 * 1024> buffer;
    while (fd_ >= 0 && step_ != Step::handshake) {
        std::size_t got = 0;
        if (secure_) {
            const int result = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got);
            if (result != 1) {
                const int error = SSL_get_error(ssl_, result);
                if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
                return fail("read");
            }
        } else {
            const auto result = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (result < 0 && errno == EAGAIN) return;
            if (result <= 0) return fail("read");
            got = static_cast<std::size_t>(result);
        }
        take({buffer.data(), got});
    }
}

void Client::take(std::string_view more) {
    in_ += more;
    while (step_ != Step::ready && step_ != Step::dead && step_ != Step::handshake && advance()) {
    }
    if (step_ == Step::ready) stanzas();
}

/// Whether `tag` has come; what stood before it and itself is dropped, or moved to `taken`.
bool Client::consume_through(std::string_view tag, std::string* taken) {
    const auto at = in_.find(tag);
    if (at == std::string::npos) return false;
    if (taken) *taken = in_.substr(0, at);
    in_.erase(0, at + tag.size());
    return true;
}

bool Client::advance() {
    if (in_.find("<stream:error") != std::string::npos || in_.find("<failure") != std::string::npos ||
        in_.find("<failed") != std::string::npos) {
        fail(in_);
        return false;
    }
    std::string taken;
    switch (step_) {
        case Step::plain:
            if (!consume_through("</stream:features>")) return false;
            send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            step_ = Step::proceed;
            return true;
        case Step::proceed:
            if (!consume_through("<proceed") || !consume_through(">")) return false;
            in_.clear();
            ssl_ = SSL_new(context_);
            SSL_set_fd(ssl_, fd_);
            SSL_set_tlsext_host_name(ssl_, target_.domain.c_str());
            step_ = Step::handshake;
            handshake();
            return false;
        case Step::secure: {
            if (!consume_through("</stream:features>")) return false;
            std::array<unsigned char, 15> random{};
            RAND_bytes(random.data(), random.size());
            nonce_ =
                std::make_unique<std::string>(to_base64({reinterpret_cast<const char*>(random.data()), random.size()}));
            const auto first = "n,,n=" + target_.user_prefix + std::to_string(number_) + ",r=" + *nonce_;
            send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>" + to_base64(first) +
                 "</auth>");
            step_ = Step::challenge;
            return true;
        }
        case Step::challenge:
            if (!consume_through("</challenge>", &taken)) return false;
            answer_challenge(std::string_view{taken}.substr(taken.rfind('>') + 1));
            step_ = Step::success;
            return true;
        case Step::success:
            if (!consume_through("</success>")) return false;
            nonce_.reset();
            in_.clear();
            open_stream();
            step_ = Step::bound;
            return true;
        case Step::bound:
            if (in_.find("</stream:features>") != std::string::npos) {
                consume_through("</stream:features>");
                send(
                    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource>"
                    "</bind></iq>");
                return true;
            }
            if (!consume_through("</iq>")) return false;
            next_after_bind(Step::bound);
            return true;
        case Step::managed:
            if (!consume_through("<enabled") || !consume_through(">")) return false;
            next_after_bind(Step::managed);
            return true;
        case Step::rostered:
            if (!consume_through("</iq>")) return false;
            ++stanzas_in_;
            next_after_bind(Step::rostered);
            return true;
        default:
            return false;
    }
}

void Client::next_after_bind(Step done) {
    if (done < Step::managed && target_.management) {
        send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        step_ = Step::managed;
    } else if (done < Step::rostered && target_.roster) {
        send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        step_ = Step::rostered;
    } else {
        if (target_.presence) send("<presence/>");
        step_ = Step::ready;
        observer_.ready(*this);
    }
}

void Client::answer_challenge(std::string_view challenge) {
    const auto server_first = from_base64(challenge);
    const auto part = [&](std::string_view key) {
        const auto at = server_first.find(key) + key.size();
        return server_first.substr(at, server_first.find(',', at) - at);
    };
    const auto nonce = part("r=");
    const auto& key = client_key(target_.password, from_base64(part("s=")), std::stoi(part(",i=")));
    const auto final_bare = "c=biws,r=" + nonce;
    const auto message =
        "n=" + target_.user_prefix + std::to_string(number_) + ",r=" + *nonce_ + ',' + server_first + ',' + final_bare;
    auto proof = hmac(sha1(key), message);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ key[i]);
    send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + to_base64(final_bare + ",p=" + to_base64(proof)) +
         "</response>");
}

/// What comes in a session: stanzas are counted, messages told of, requests for acknowledgement answered.
void Client::stanzas() {
    const std::string_view text{in_};
    std::size_t done = 0;
    bool asked = false;
    for (std::size_t at = 0; step_ == Step::ready;) {
        at = text.find('<', at);
        if (at == std::string_view::npos) {
            done = text.size();
            break;
        }
        done = at;
        const auto end = text.find('>', at);
        if (end == std::string_view::npos) break;
        const auto tag = text.substr(at, end - at);
        if (tag.starts_with("</stream") || tag.starts_with("<stream:error")) {
            fail(text.substr(at));
            return;
        }
        const auto name_end = tag.find_first_of(" /", 1);
        const auto name = tag.substr(1, (name_end == std::string_view::npos ? tag.size() : name_end) - 1);
        if (tag.ends_with('/')) {
            at = end + 1;
        } else {
            const auto closing = "</" + std::string{name} + '>';
            const auto close_at = text.find(closing, end);
            if (close_at == std::string_view::npos) break;
            at = close_at + closing.size();
        }
        const auto stanza = text.substr(done, at - done);
        done = at;
        if (name == "r") {
            asked = true;
        } else if (name != "a") {
            ++stanzas_in_;
            if (name == "message") observer_.message(*this, attribute(tag, "id"));
            if (name == "presence") observer_.presence(*this, stanza);
            if (name == "iq") observer_.iq(*this);
        }
    }
    in_.erase(0, done);
    if (in_.empty() && in_.capacity() > 4096) std::string{}.swap(in_);
    if (asked) send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(stanzas_in_) + "'/>");
}

void Client::close() {
    if (step_ == Step::dead || fd_ < 0) return;
    send("</stream:stream>");
    flush();
    if (ssl_) SSL_shutdown(ssl_);
    step_ = Step::dead;
    ::close(std::exchange(fd_, -1));
}

}  // namespace carillon::bench
