/// The upload service of a domain, upload.DOMAIN: slots for files, within limits.
/// Spec: XEP-0363 1.2.0 §4 (discovery), §5 (slots), §6 (purposes), §7 (errors).
/// Not here: the files themselves (signaling/files), facts about them in messages (metadata.h).
#include "signaling/modules/http_upload/http_upload.h"

#include <algorithm>
#include <charconv>

#include "config/base/log.h"
#include "signaling/files/media_type.h"
#include "signaling/files/uploads.h"
#include "signaling/modules/http_upload/metadata.h"
#include "signaling/modules/http_upload/settings.h"
#include "signaling/modules/service_domain.h"
#include "signaling/runtime/web_address.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "http_upload", .xep = 363, .version = "1.2.0", .summary = "slots for files, served over HTTP"};
constexpr std::string_view kNs = "urn:xmpp:http:upload:0";
constexpr std::string_view kPurpose = "urn:xmpp:http:upload:purpose:0";
constexpr std::size_t kMaxName = 1023;
constexpr int kEarly = 50;  // before others look at the message

std::optional<std::uint64_t> positive(std::string_view text) {
    std::uint64_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || at != text.data() + text.size() || value == 0) return std::nullopt;
    return value;
}

StanzaError too_large(std::size_t most) {
    xml::Element extra{"file-too-large", kNs};
    extra.add("max-file-size").add_text(std::to_string(most));
    return StanzaError::not_acceptable()
        .with_text("The file is too large; " + std::to_string(most) + " octets are the most.")
        .with(std::move(extra));
}

StanzaError retry(std::string_view text, WallTime when) {
    xml::Element extra{"retry", kNs};
    extra.set("stamp", xmpp::to_datetime(when));
    return StanzaError::resource_constraint().with_text(text).with(std::move(extra));
}

class HttpUpload final : public Module {
  public:
    explicit HttpUpload(ModuleContext& context)
        : context_{context},
          settings_{upload::read_upload_settings(context)},
          uploads_{context.service<files::Uploads>()},
          base_{base_of(context)} {
        if (!uploads_ || base_.empty()) return;  // no pages over TLS: nothing to offer
        service_.emplace(context, about());
        service_->on("get", std::string{kNs}, "request", [this](const Stanza& iq) { return request(iq); });
        if (settings_.metadata)
            hooks_ += context.intercept(Stage::from_local, kEarly, [this](Stanza& stanza) {
                upload::add_metadata(stanza, *uploads_, base_);
                return Verdict::pass;
            });
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }
    static std::string base_of(ModuleContext& context) {
        const auto* web = context.service<WebAddress>();
        return web ? web->of(std::string{context.host().domain()}) : std::string{};
    }

    ServiceAbout about() {
        ServiceAbout about{.jid = service_address(context_, settings_.address, "upload"),
                           .name = "HTTP File Upload",
                           .category = "store",
                           .type = "file",
                           .features = {std::string{kNs}}};
        for (const auto* purpose : {"#message", "#profile", "#ephemeral"})
            about.features.push_back(std::string{kPurpose}.append(purpose));
        if (settings_.permanent) about.features.push_back(std::string{kPurpose}.append("#permanent"));
        about.form = [this] { return limits_form(); };
        return about;
    }

    /// §4: what a client asks before it asks for a slot.
    xml::Element limits_form() const {
        xml::Element x{"x", "jabber:x:data"};
        x.set("type", "result");
        x.add("field").set("var", "FORM_TYPE").set("type", "hidden").add("value").add_text(kNs);
        x.add("field").set("var", "max-file-size").add("value").add_text(std::to_string(settings_.max_file));
        return x;
    }

    awaitable<IqReply> request(const Stanza& iq) {
        const auto& asked = *iq.payload();
        const auto size = positive(asked.attribute("size"));
        const auto name = asked.attribute("filename");
        if (iq.from().domain() != context_.host().domain() || iq.from().node().empty())
            co_return refusal(StanzaError::forbidden());
        if (!size || name.empty() || name.size() > kMaxName) co_return refusal(StanzaError::bad_request());
        storage::Upload wanted;
        wanted.owner = iq.from().bare().str();
        wanted.host = context_.host().str();
        wanted.name = name;
        wanted.type = files::clean_media_type(asked.attribute("content-type"));
        wanted.size = *size;
        if (auto error = apply_purpose(asked, wanted)) co_return refusal(std::move(*error));
        const auto& types = settings_.types;
        const bool fits = types.empty() || std::ranges::any_of(types, [&](const auto& pattern) {
                              return files::fits_pattern(wanted.type, pattern);
                          });
        if (!fits) co_return refusal(StanzaError::not_acceptable().with_text("Files of this type are not taken here."));
        storage::UploadLimits limits{settings_.slots, settings_.quota, settings_.space,
                                     context_.clock().wall() - settings_.quota_period};
        auto slot = co_await uploads_->open_slot(std::move(wanted), limits);
        if (!slot) co_return refusal(refused(slot.error()));
        co_return IqReply{answer(*slot)};
    }

    /// §6: how long it stays, and how large it may be.
    std::optional<StanzaError> apply_purpose(const xml::Element& asked, storage::Upload& wanted) const {
        const auto* purpose = asked.child_in(kPurpose);
        const std::string_view name = purpose ? std::string_view{purpose->name()} : "message";
        wanted.keep = settings_.keep;
        auto most = settings_.max_file;
        if (name == "profile") {
            most = std::min(most, settings_.max_profile);
            wanted.keep = {};
        } else if (name == "permanent") {
            if (!settings_.permanent) return StanzaError::feature_not_implemented();
            wanted.keep = {};
        } else if (name == "ephemeral") {
            const auto latest = xmpp::parse_datetime(purpose->attribute("expire-before"));
            if (!latest || *latest <= context_.clock().wall()) return StanzaError::bad_request();
            wanted.latest = *latest;
        } else if (name != "message") {
            return StanzaError::feature_not_implemented();
        }
        if (wanted.size > most) return too_large(most);
        return std::nullopt;
    }

    xml::Element answer(const files::Slot& slot) const {
        xml::Element element{"slot", kNs};
        element.add("put").set("url", base_ + slot.put);
        element.add("get").set("url", base_ + slot.get);
        return element;
    }

    StanzaError refused(const storage::UploadReservation& why) {
        context_.counter("slots_refused").add();
        const auto now = context_.clock().wall();
        switch (why.refusal) {
            case storage::UploadRefusal::too_many_slots:
                return retry("Upload what you asked slots for first.", now + std::chrono::minutes{1});
            case storage::UploadRefusal::period_used_up:
                return retry("You have uploaded as much as you may for now.",
                             why.oldest.value_or(now) + settings_.quota_period);
            case storage::UploadRefusal::space_used_up:
                return StanzaError::resource_constraint().with_text("Your files take all the space that you have.");
            default:
                return StanzaError::resource_constraint().with_text("There is no room for this file.");
        }
    }

    ModuleContext& context_;
    upload::Settings settings_;
    files::Uploads* uploads_;
    std::string base_;
    std::optional<ServiceDomain> service_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor http_upload() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<HttpUpload>(context); }};
}

}  // namespace carillon::modules
