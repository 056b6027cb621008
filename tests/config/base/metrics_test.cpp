#include "config/base/metrics.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace carillon::metrics {
namespace {

TEST(Metrics, AreWrittenAsPrometheusText) {
    Registry registry;
    registry.counter("carillon_requests", "Requests seen.", {{"kind", "a \"b\"\n"}}).add(3);
    registry.gauge("carillon_sessions", "Sessions now.").set(-2);
    registry.add_source([](const Registry::Sink& sink) { sink("route.dropped-full", 7); });
    EXPECT_EQ(registry.text(),
              "# HELP carillon_requests Requests seen.\n"
              "# TYPE carillon_requests counter\n"
              "carillon_requests{kind=\"a \\\"b\\\"\\n\"} 3\n"
              "# HELP carillon_sessions Sessions now.\n"
              "# TYPE carillon_sessions gauge\n"
              "carillon_sessions -2\n"
              "route_dropped_full 7\n");
}

TEST(Metrics, SameNameAndLabelsAreOneCounter) {
    Registry registry;
    auto& first = registry.counter("n", "", {{"a", "1"}});
    EXPECT_EQ(&first, &registry.counter("n", "", {{"a", "1"}}));
    EXPECT_NE(&first, &registry.counter("n", "", {{"a", "2"}}));
    EXPECT_THROW(registry.gauge("n", ""), std::logic_error);
}

TEST(Metrics, LabelSetsAreBounded) {
    Registry registry;
    for (int i = 0; i < 1000; ++i) registry.counter("n", "", {{"user", std::to_string(i)}}).add();
    const auto text = registry.text();
    EXPECT_NE(text.find("n{overflow=\"true\"} 744\n"), std::string::npos);
}

TEST(Metrics, CountFromManyThreads) {
    Registry registry;
    auto& counter = registry.counter("n", "");
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < 10'000; ++k) counter.add();
            });
    }
    EXPECT_EQ(counter.value(), 40'000U);
}

}  // namespace
}  // namespace carillon::metrics
