#include "drivers/haproxy/haproxy_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/haproxy/port_redirect.h"
#include "drivers/haproxy/route_map.h"
#include "drivers/haproxy/runtime_api.h"
#include "drivers/haproxy/slot_state.h"

namespace ployz {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

BackendKey key(const std::string& service, BackendMode mode = BackendMode::http) {
  return {NamespaceName("shop"), ServiceName(service), 8080, mode, "0123456789ab"};
}

TEST(HaproxyConfig, WritesTakenSlotsWithTheirServers) {
  HaproxyConfig config;
  config.http_slots = 3;
  config.tcp_slots = 1;
  const Slots slots{{"h0001", {key("web"), {"10.0.0.2:8080", "10.0.0.3:8080"}}}};
  const auto text = haproxy_config_text(config, slots);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("backend h0000 from http\nbackend h0001 from http\n"
                               "  server s1 10.0.0.2:8080 check"));
  EXPECT_THAT(*text, HasSubstr("  server s2 10.0.0.3:8080 check"));
  EXPECT_THAT(*text, HasSubstr("backend t0000 from tcp\n"));
  EXPECT_THAT(*text, HasSubstr("  bind 0.0.0.0:80\n"));
  EXPECT_THAT(*text, HasSubstr("  user haproxy\n"));
  EXPECT_THAT(*text, Not(HasSubstr("nbthread")));
}

TEST(HaproxyConfig, RefusesWhatWouldBreakTheFile) {
  HaproxyConfig config;
  EXPECT_FALSE(haproxy_config_text(config, {{"h0000", {key("web"), {"10.0.0.2:80\n  bind :1"}}}}));
  config.listen_host = "0.0.0.0\nfrontend x";
  EXPECT_FALSE(haproxy_config_text(config, {}));
}

TEST(SlotState, SurvivesTheFile) {
  SlotState state;
  state.slots["h0001"] = {key("web"), {"10.0.0.2:8080"}};
  state.slots["t0000"] = {key("db", BackendMode::tcp), {"10.0.0.4:5432"}};
  state.routes.hosts = {{"shop.example.com", "/api", key("web")}};
  state.routes.ports = {{5432, key("db", BackendMode::tcp)}};
  state.routes.sequences = {{NamespaceName("shop"), 12}};
  const auto again = decode_slot_state(encode(state));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(*again, state);
}

TEST(SlotState, GarbageIsCorrupt) {
  for (const char* bytes : {"", "{", "[]", R"({"version":1,"slots":{"h0000":7},"routes":{}})",
                            R"({"version":9,"slots":{},"routes":{}})"}) {
    const auto state = decode_slot_state(bytes);
    ASSERT_FALSE(state) << bytes;
    EXPECT_EQ(state.error().code, Code::corrupt);
  }
}

TEST(RouteMap, KeysEndWithASlashSoThatPrefixesEndAtSegments) {
  RouteTable table;
  table.hosts = {{"*", "/", key("web")}, {"Shop.example.com", "/api", key("api")}};
  table.ports = {{5432, key("db", BackendMode::tcp)}};
  const auto lines = route_map_lines(
      table, {{key("web"), "h0000"}, {key("api"), "h0001"}, {key("db", BackendMode::tcp), "t0000"}});
  ASSERT_TRUE(lines);
  EXPECT_THAT(*lines, ElementsAre("host:*/ h0000\n", "host:shop.example.com/api/ h0001\n",
                                  "port:5432 t0000\n"));
}

TEST(RouteMap, RefusesWhatIsNotEnsuredAndWhatIsNotAKey) {
  RouteTable table;
  table.hosts = {{"shop.example.com", "/", key("web")}};
  const auto missing = route_map_lines(table, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::precondition);
  for (const char* path : {"/a b", "/a\nhost:evil/", "/\\", "relative", "/\"", "/#"}) {
    table.hosts[0].path_prefix = path;
    const auto refused = route_map_lines(table, {{key("web"), "h0000"}});
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, Code::invalid);
  }
}

TEST(RouteMap, ChunksFitHaproxysBuffer) {
  std::vector<std::string> lines;
  for (int i = 0; i < 1000; ++i) lines.push_back("host:service" + std::to_string(i) + "/ h0000\n");
  std::string joined;
  for (const std::string& chunk : map_chunks(lines)) {
    EXPECT_LE(chunk.size(), kMaxMapChunk);
    EXPECT_TRUE(chunk.ends_with('\n'));
    joined += chunk;
  }
  EXPECT_EQ(std::ranges::count(joined, '\n'), 1000);
}

TEST(RuntimeApi, ReadsServersByColumnName) {
  const auto servers = parse_servers_state(
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n"
      "6 h0000 1 s1 127.0.0.1 2 0 9101\n6 h0000 2 s2 127.0.0.2 0 1 9102\n\n");
  ASSERT_TRUE(servers) << servers.error().line();
  EXPECT_EQ(servers->at("h0000").at("s1"), (RuntimeServer{"127.0.0.1:9101", true}));
  EXPECT_EQ(servers->at("h0000").at("s2"), (RuntimeServer{"127.0.0.2:9102", false}));
}

TEST(RuntimeApi, AddsSessionsOfSeveralBackends) {
  EXPECT_EQ(parse_sessions("# pxname,svname,qcur,scur,smax,\nh0000,BACKEND,0,2,5,\n\n"
                           "# pxname,svname,qcur,scur,smax,\nh0001,BACKEND,,3,5,\n\n"),
            5u);
  EXPECT_EQ(parse_sessions("# pxname,svname,scur,\n\n"), 0u);
  EXPECT_FALSE(parse_sessions("# pxname,svname,scur,\nh0000\n"));
  EXPECT_FALSE(parse_sessions("# pxname,svname,scur,\nh0000,BACKEND,,\n"));
}

TEST(RuntimeApi, WhatIsNoAnswerIsCorrupt) {
  for (const char* answer : {"", "Unknown command", "1\n# be_name\nh0000\n"}) {
    EXPECT_FALSE(parse_sessions(answer)) << answer;
    EXPECT_FALSE(parse_servers_state(answer)) << answer;
    EXPECT_FALSE(parse_info_pid(answer)) << answer;
    EXPECT_FALSE(parse_map_version(answer)) << answer;
  }
  EXPECT_EQ(parse_map_version("New version created: 17\n\n"), 17u);
  EXPECT_EQ(parse_info_pid("Name: HAProxy\nPid: 4711\nUptime: 1\n"), 4711u);
  EXPECT_FALSE(parse_map_version("New version created: x"));
}

TEST(PortRedirect, IsOneTransactionThatEmptiesTheSetFirst) {
  const std::string script = redirect_script("ployz", 41000, {80, 5432});
  EXPECT_THAT(script, HasSubstr("flush set ip ployz published\n"
                                "add element ip ployz published { 80, 5432 }\n"));
  EXPECT_THAT(script, HasSubstr("hook output"));
  EXPECT_THAT(redirect_script("ployz", 41000, {}), Not(HasSubstr("add element")));
}

}  // namespace
}  // namespace ployz
