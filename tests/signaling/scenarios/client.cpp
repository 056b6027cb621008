#include "tests/signaling/scenarios/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "signaling/stream/stream_text.h"

namespace carillon::scenarios {

using namespace std::chrono_literals;

void Client::connect(std::uint16_t port) {
    disconnect();
    parser_ = xml::StreamParser{};
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error{"cannot connect"};
    }
    ::fcntl(descriptor_, F_SETFL, O_NONBLOCK);
}

void Client::wait(short events, std::chrono::steady_clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{descriptor_, events, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
        throw std::runtime_error{"nothing came in time"};
    }
}

void Client::start_tls() {
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, descriptor_);
    const auto until = std::chrono::steady_clock::now() + 5s;
    for (;;) {
        const int result = SSL_connect(ssl_);
        if (result == 1) break;
        const int error = SSL_get_error(ssl_, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) throw std::runtime_error{"no TLS"};
        wait(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until);
    }
    parser_ = xml::StreamParser{};
}

void Client::send(std::string_view text) {
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (!text.empty()) {
        std::size_t sent = 0;
        if (ssl_) {
            const int result = SSL_write_ex(ssl_, text.data(), text.size(), &sent);
            if (result != 1) {
                const int error = SSL_get_error(ssl_, result);
                if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) throw std::runtime_error{"gone"};
                wait(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until);
            }
        } else {
            const auto result = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
            if (result < 0 && errno != EAGAIN) throw std::runtime_error{"gone"};
            if (result < 0) wait(POLLOUT, until);
            sent = result < 0 ? 0 : static_cast<std::size_t>(result);
        }
        text.remove_prefix(sent);
    }
}

/// False: the server has closed.
bool Client::read_more(std::chrono::steady_clock::time_point until) {
    std::array<char, 8192> buffer;
    for (;;) {
        if (ssl_) {
            std::size_t got = 0;
            const int result = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got);
            if (result == 1) {
                parser_.feed({buffer.data(), got});
                return true;
            }
            if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) return false;
        } else {
            const auto got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
            if (got > 0) {
                parser_.feed({buffer.data(), static_cast<std::size_t>(got)});
                return true;
            }
            if (got == 0 || errno != EAGAIN) return false;
        }
        wait(POLLIN, until);
    }
}

xml::StreamEvent Client::next_event(std::chrono::milliseconds deadline) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    for (;;) {
        auto event = parser_.next();
        if (!std::holds_alternative<xml::NeedMore>(event)) return event;
        if (!read_more(until)) return xml::StreamClose{};
    }
}

std::variant<xml::Element, Client::Ended> Client::next() {
    auto event = next_event();
    if (auto* element = std::get_if<xml::Element>(&event)) return std::move(*element);
    if (auto* fault = std::get_if<xml::StreamFault>(&event))
        throw std::runtime_error{"server sent bad XML: " + fault->text};
    return Ended{};
}

xml::Element Client::expect_element() {
    auto got = next();
    if (auto* element = std::get_if<xml::Element>(&got)) return std::move(*element);
    throw std::runtime_error{"the stream has ended"};
}

xml::Element Client::open_stream(const std::string& domain) {
    parser_.restart();
    send(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" +
        domain + "'" + (language_.empty() ? "" : " xml:lang='" + language_ + "'") + ">");
    if (!std::holds_alternative<xml::StreamOpen>(next_event())) throw std::runtime_error{"no opening tag"};
    features_ = expect_element();
    return features_;
}

std::string Client::log_in(std::uint16_t port, const std::string& user, const std::string& domain,
                           const std::string& resource, const std::string& password) {
    connect(port);
    open_stream(domain);
    send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    if (expect_element().name() != "proceed") throw std::runtime_error{"no <proceed/>"};
    start_tls();
    open_stream(domain);
    using std::string_literals::operator""s;
    send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
         stream::base64_encode("\0"s + user + "\0"s + password) + "</auth>");
    if (expect_element().name() != "success") throw std::runtime_error{"log-in refused"};
    open_stream(domain);
    send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" +
         (resource.empty() ? "" : "<resource>" + resource + "</resource>") + "</bind></iq>");
    const auto answer = expect_element();
    const auto* bind = answer.child("bind");
    if (answer.attribute("type") != "result" || !bind) throw std::runtime_error{"not bound"};
    return bind->child_text("jid");
}

std::vector<xml::Element> Client::drain(const std::string& domain) {
    const auto id = "barrier-" + std::to_string(++barriers_);
    send("<iq type='get' id='" + id + "' to='" + domain + "'><barrier xmlns='urn:example:barrier'/></iq>");
    std::vector<xml::Element> before;
    for (;;) {
        auto element = expect_element();
        if (element.attribute("id") == id) return before;
        before.push_back(std::move(element));
    }
}

void Client::disconnect() {
    if (ssl_) SSL_free(std::exchange(ssl_, nullptr));
    if (context_) SSL_CTX_free(std::exchange(context_, nullptr));
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace carillon::scenarios
