/// Tells in service discovery where the people who run this server can be reached.
/// Spec: XEP-0157 1.1.1, XEP-0128 (the form).
#include "signaling/modules/contact/contact.h"

#include <array>

#include "signaling/modules/settings.h"

namespace carillon::modules {
namespace {

using namespace runtime;

constexpr ModuleInfo kInfo{
    .name = "contact", .xep = 157, .version = "1.1.1", .summary = "addresses of the people who run the server"};
constexpr std::string_view kData = "jabber:x:data";

/// An address is a URI: mailto:, xmpp:, https: and so on.
std::string check_uri(std::string_view text) {
    const auto colon = text.find(':');
    const bool fine = colon != std::string_view::npos && colon > 0 && colon + 1 < text.size();
    return fine ? "" : "is no address with a scheme, as mailto:admin@example.org is";
}

struct Kind {
    const char* key;
    const char* what;
    std::vector<std::string> addresses;
};

class Contact final : public Module {
  public:
    explicit Contact(ModuleContext& context) {
        std::array<Kind, 7> kinds{{{"abuse", "abuse", {}},
                                   {"admin", "the server itself", {}},
                                   {"feedback", "praise and complaints", {}},
                                   {"sales", "business", {}},
                                   {"security", "security", {}},
                                   {"status", "whether the server is up (a web page)", {}},
                                   {"support", "help", {}}}};
        config::Schema schema;
        for (auto& kind : kinds) {
            schema.texts(kind.key, kind.addresses, R"(["mailto:admin@example.org", "xmpp:admin@example.org"])",
                         std::string{"Addresses for "} + kind.what + ".", check_uri);
        }
        read_settings(context, schema, kInfo.name);
        xml::Element form{"x", kData};
        form.set("type", "result");
        add_field(form, "FORM_TYPE", "hidden", {"http://jabber.org/network/serverinfo"});
        bool any = false;
        for (const auto& kind : kinds) {
            if (kind.addresses.empty()) continue;
            add_field(form, std::string{kind.key} + "-addresses", "list-multi", kind.addresses);
            any = true;
        }
        if (any) hooks_ += context.disco_form(std::move(form));
    }

  private:
    static void add_field(xml::Element& form, std::string_view var, std::string_view type,
                          const std::vector<std::string>& values) {
        auto& field = form.add("field").set("var", var).set("type", type);
        for (const auto& value : values) field.add("value").add_text(value);
    }

    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor contact() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Contact>(context); }};
}

}  // namespace carillon::modules
