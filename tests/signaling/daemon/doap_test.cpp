#include "signaling/daemon/doap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "signaling/daemon/all_modules.h"
#include "signaling/daemon/protocols.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::daemon {
namespace {

const std::filesystem::path kSource{CARILLON_SOURCE};

TEST(Doap, TheFileInDocsIsUpToDate) {
    std::ifstream file{kSource / "docs/xmpp.doap"};
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), project_description()) << "make it anew: carillond --print-doap > docs/xmpp.doap";
}

TEST(Doap, IsXmlWithEachProtocolOnce) {
    auto text = project_description();
    const auto root = text.find("<rdf:RDF");
    ASSERT_NE(root, std::string::npos);
    const auto document = xml::parse_document(text.substr(root));
    ASSERT_TRUE(document);
    std::vector<std::string> seen;
    const auto* project = document->child("Project");
    ASSERT_TRUE(project);
    for (const auto* implements : project->children()) {
        const auto* xep = implements->child("SupportedXep");
        if (!xep) continue;
        EXPECT_FALSE(xep->child_text("version").empty());
        seen.emplace_back(xep->child("xep")->attributes().front().second);
    }
    EXPECT_GT(seen.size(), 40u);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

TEST(Doap, WhatIsNoModulesOwnIsOfAPartThatExists) {
    const auto modules = all_modules();
    int last = 0;
    for (const auto& protocol : other_protocols()) {
        EXPECT_GT(protocol.xep, last) << "in order, once each";
        last = protocol.xep;
        const bool is_module =
            std::ranges::any_of(modules, [&](const auto& module) { return module.info.name == protocol.part; });
        EXPECT_TRUE(is_module || std::filesystem::is_directory(kSource / "signaling" / protocol.part))
            << protocol.xep << ' ' << protocol.part;
        const auto own =
            std::ranges::find_if(modules, [&](const auto& module) { return module.info.xep == protocol.xep; });
        EXPECT_EQ(own, modules.end()) << protocol.xep << " is the own protocol of a module";
    }
}

}  // namespace
}  // namespace carillon::daemon
