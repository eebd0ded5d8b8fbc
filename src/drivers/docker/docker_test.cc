// The pure parts of the driver: JSON both ways, the multiplexed stream, references, subnets.
#include <gtest/gtest.h>

#include "drivers/docker/container_json.h"
#include "drivers/docker/docker_api.h"
#include "drivers/docker/docker_images.h"
#include "drivers/docker/docker_network.h"
#include "drivers/docker/image_reference.h"
#include "drivers/docker/stream_demux.h"

namespace ployz {
namespace {

const std::string kImage = "sha256:" + std::string(64, 'a');

InstanceConfig config() {
  InstanceConfig config;
  config.run.instance = InstanceId("01arz3ndektsv4rrffq69g5fav");
  config.run.name_space = NamespaceName("shop");
  config.run.service = ServiceName("web");
  config.run.revision = RevisionId("sha256:0123456789abcdef");
  config.run.address = "10.101.0.7";
  config.run.spec.image_id = kImage;
  config.run.spec.env = {{"PORT", "8080"}, {"PLOYZ_SERVICE", "forged"}};
  config.operation = OperationId("01op");
  config.dns_server = "10.101.0.1";
  config.dns_search = "shop.cluster.local";
  return config;
}

TEST(CreateBody, HoldsLabelsEnvironmentAddressAndBounds) {
  const auto body = create_body(config(), "ployz");
  ASSERT_TRUE(body) << body.error().line();
  EXPECT_EQ(body->at("Image"), kImage);
  EXPECT_EQ(body->at("Labels").at("ployz.instance"), "01arz3ndektsv4rrffq69g5fav");
  EXPECT_EQ(body->at("Labels").at("ployz.operation"), "01op");
  EXPECT_EQ(body->at("Env"),
            Json({"PLOYZ_INSTANCE=01arz3ndektsv4rrffq69g5fav", "PLOYZ_NAMESPACE=shop",
                  "PLOYZ_REVISION=0123456789ab", "PLOYZ_SERVICE=web", "PORT=8080"}));
  const Json& host = body->at("HostConfig");
  EXPECT_EQ(host.at("NetworkMode"), "ployz");
  EXPECT_EQ(host.at("Dns"), Json::array({"10.101.0.1"}));
  EXPECT_EQ(host.at("DnsSearch"), Json::array({"shop.cluster.local"}));
  EXPECT_EQ(host.at("LogConfig").at("Config").at("max-size"), "10m");
  EXPECT_EQ(host.at("RestartPolicy").at("Name"), "unless-stopped");
  EXPECT_FALSE(host.contains("Memory"));
  EXPECT_EQ(body->at("/NetworkingConfig/EndpointsConfig/ployz/IPAMConfig/IPv4Address"_json_pointer),
            "10.101.0.7");
  EXPECT_FALSE(body->contains("Entrypoint"));
  EXPECT_EQ(body->at("StopTimeout"), 10);
}

TEST(CreateBody, MapsResourcesCommandsAndPolicies) {
  InstanceConfig changed = config();
  changed.run.spec.resources = {512u << 20, 1500u};
  changed.run.spec.entrypoint = {{"/bin/sh"}};
  changed.run.spec.command = {{"-c", "true"}};
  changed.run.spec.restart = RestartPolicy::on_failure;
  changed.run.spec.stop_grace_period = std::chrono::milliseconds(1500);
  const Json body = create_body(changed, "ployz").value();
  EXPECT_EQ(body.at("HostConfig").at("Memory"), 512u << 20);
  EXPECT_EQ(body.at("HostConfig").at("MemorySwap"), 512u << 20);
  EXPECT_EQ(body.at("HostConfig").at("NanoCpus"), 1'500'000'000);
  EXPECT_EQ(body.at("Entrypoint"), Json::array({"/bin/sh"}));
  EXPECT_EQ(body.at("Cmd"), Json({"-c", "true"}));
  EXPECT_EQ(body.at("HostConfig").at("RestartPolicy").at("Name"), "on-failure");
  EXPECT_EQ(body.at("StopTimeout"), 2);
}

TEST(CreateBody, OtherNetworksHaveNoAddress) {
  InstanceConfig host = config();
  host.run.spec.network = NetworkMode::host;
  host.run.address.clear();
  EXPECT_FALSE(create_body(host, "ployz")->contains("NetworkingConfig"));
  host.run.spec.network = NetworkMode::none;
  const Json none = create_body(host, "ployz").value();
  EXPECT_EQ(none.at("HostConfig").at("NetworkMode"), "none");
  EXPECT_FALSE(none.at("HostConfig").contains("Dns"));
}

TEST(CreateBody, RefusesWhatItCannotDo) {
  InstanceConfig mounts = config();
  mounts.run.spec.mounts = {{VolumeName("data"), "/data"}};
  EXPECT_EQ(create_body(mounts, "ployz").error().code, Code::invalid);
  InstanceConfig tag = config();
  tag.run.spec.image_id = "shop/web:1";
  EXPECT_EQ(create_body(tag, "ployz").error().code, Code::invalid);
  InstanceConfig nowhere = config();
  nowhere.run.address.clear();
  EXPECT_EQ(create_body(nowhere, "ployz").error().code, Code::invalid);
}

Json inspected(std::string_view status) {
  return {
      {"Id", "abc"},
      {"State", {{"Status", status}, {"ExitCode", 3}, {"StartedAt", "1970-01-01T00:00:01.25Z"}}},
      {"Config",
       {{"Labels",
         {{"ployz.instance", "i"},
          {"ployz.namespace", "n"},
          {"ployz.service", "s"},
          {"ployz.revision", "r"},
          {"ployz.operation", "o"}}}}},
      {"NetworkSettings",
       {{"Networks", {{"ployz", {{"IPAMConfig", {{"IPv4Address", "10.0.0.2"}}}}}}}}}};
}

TEST(FoundInstanceOf, ReadsAnInspection) {
  const auto found = found_instance_of(inspected("exited"));
  ASSERT_TRUE(found) << found.error().line();
  EXPECT_EQ(*found,
            (FoundInstance{InstanceId("i"), NamespaceName("n"), ServiceName("s"), RevisionId("r"),
                           OperationId("o"), "10.0.0.2", InstanceState::exited, 3, 1250, {}}));
  EXPECT_EQ(found_instance_of(inspected("running"))->exit_code, 0);
  EXPECT_EQ(found_instance_of(inspected("restarting"))->state, InstanceState::exited);
  EXPECT_EQ(found_instance_of(inspected("created"))->state, InstanceState::created);
  EXPECT_EQ(found_instance_of(inspected("removing"))->state, InstanceState::unknown);
}

TEST(FoundInstanceOf, RefusesForeignContainers) {
  Json foreign = inspected("running");
  foreign["Config"]["Labels"] = nullptr;
  EXPECT_EQ(found_instance_of(foreign).error().code, Code::corrupt);
  EXPECT_FALSE(found_instance_of(Json(nullptr)));
}

TEST(ContainerEvents, SayWhatHappenedEvenIfItIsOver) {
  const Json die = {
      {"Type", "container"},
      {"Action", "die"},
      {"Actor", {{"ID", "abc"}, {"Attributes", {{"ployz.instance", "i"}, {"exitCode", "137"}}}}}};
  const auto event = container_event_of(die);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->seen.exit_code, 137);
  const auto merged = merge_event(*event, found_instance_of(inspected("running")).value());
  EXPECT_EQ(merged.state, InstanceState::exited);
  EXPECT_EQ(merged.address, "10.0.0.2");
  EXPECT_FALSE(container_event_of({{"Type", "network"}}));
  EXPECT_FALSE(container_event_of(nullptr));
}

TEST(EngineTime, ParsesRfc3339) {
  EXPECT_EQ(parse_engine_time_ms("2024-05-01T10:20:30.123456789Z"), 1714558830123u);
  EXPECT_EQ(parse_engine_time_ms("2024-05-01T10:20:30Z"), 1714558830000u);
  EXPECT_EQ(parse_engine_time_ms("0001-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(parse_engine_time_ms("soon"), 0u);
  EXPECT_EQ(parse_engine_time_ms(""), 0u);
}

std::string frame(char stream, std::string_view bytes) {
  std::string head{
      stream, 0, 0, 0, 0, 0, static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())};
  return head.append(bytes);
}

TEST(StreamDemux, JoinsFramesHoweverTheyAreCut) {
  const std::string stream = frame(1, "out\n") + frame(2, "") + frame(2, std::string(700, 'e'));
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    std::string got;
    StreamDemux demux([&](std::string_view bytes) {
      got += bytes;
      return true;
    });
    for (size_t at = 0; at < stream.size(); at += piece) {
      EXPECT_EQ(demux.feed(std::string_view(stream).substr(at, piece)), true);
    }
    EXPECT_EQ(got, "out\n" + std::string(700, 'e'));
  }
}

TEST(StreamDemux, EndsWithItsSinkAndRefusesGarbage) {
  StreamDemux ended([](std::string_view) { return false; });
  EXPECT_EQ(ended.feed(frame(1, "a") + frame(1, "b")), false);
  StreamDemux garbage([](std::string_view) { return true; });
  EXPECT_EQ(garbage.feed("plain text\n").error().code, Code::corrupt);
}

TEST(ImageReference, SplitsNamesAsTheEngineDoes) {
  const auto parse = [](std::string_view text) { return parse_image_reference(text); };
  EXPECT_EQ(parse("web"), (ImageReference{"web", "latest"}));
  EXPECT_EQ(parse("shop/web:1.4"), (ImageReference{"shop/web", "1.4"}));
  EXPECT_EQ(parse("localhost:5000/web"), (ImageReference{"localhost:5000/web", "latest"}));
  EXPECT_EQ(parse("localhost:5000/web:2"), (ImageReference{"localhost:5000/web", "2"}));
  EXPECT_EQ(parse("web@" + kImage), (ImageReference{"web", kImage}));
  EXPECT_EQ(parse("web:1@" + kImage), (ImageReference{"web", kImage}));
  for (const std::string_view bad : {"", "web:", ":1", "a b", "web@1", "a?b=c", "../x y"}) {
    EXPECT_EQ(parse(bad).error().code, Code::invalid) << bad;
  }
  EXPECT_FALSE(parse(kImage));
}

TEST(DockerImages, FindsTheErrorInTheProgress) {
  EXPECT_EQ(error_in_progress("{\"stream\":\"Loaded\"}\r\n{\"error\":\"bad\"}\r\n"), "bad");
  EXPECT_EQ(error_in_progress("{\"stream\":\"Loaded image: a\"}\n"), "");
  EXPECT_EQ(error_in_progress(""), "");
}

TEST(FirstHost, IsTheGateway) {
  EXPECT_EQ(first_host("10.101.0.0/24"), "10.101.0.1");
  EXPECT_EQ(first_host("172.16.4.0/22"), "172.16.4.1");
  for (const std::string_view bad :
       {"10.101.0.0", "10.101.0.1/24", "10.101.0.0/31", "10.101.0/24", "fd00::/64", "x/24", "/"}) {
    EXPECT_EQ(first_host(bad).error().code, Code::invalid) << bad;
  }
}

TEST(ApiVersion, ParsesAndOrders) {
  EXPECT_EQ(parse_api_version("1.41"), (ApiVersion{1, 41}));
  EXPECT_LT((ApiVersion{1, 9}), (ApiVersion{1, 41}));
  EXPECT_EQ(to_prefix({1, 45}), "/v1.45");
  for (const std::string_view bad : {"", "1", "1.", "v1.2", "1.2x"}) {
    EXPECT_EQ(parse_api_version(bad).error().code, Code::corrupt) << bad;
  }
}

TEST(CreateBody, MountsFoldersAndLabelsTheirDatasets) {
  InstanceConfig made = config();
  made.run.spec.mounts = {{VolumeName("data"), "/data"}, {VolumeName("log"), "/log", true}};
  made.run.datasets = {{VolumeName("data"), DatasetId("01d")}, {VolumeName("log"), DatasetId("01l")}};
  made.mounts = {{"/pool/01d", "/data", false}, {"/pool/01l", "/log", true}};
  const auto body = create_body(made, "ployz");
  ASSERT_TRUE(body) << body.error().line();
  const Json& mounts = body->at("HostConfig").at("Mounts");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(to_text(mounts[1]),
            R"({"BindOptions":{"Propagation":"rprivate"},"ReadOnly":true,"Source":"/pool/01l",)"
            R"("Target":"/log","Type":"bind"})");
  EXPECT_EQ(body->at("Labels").at("ployz.datasets"), "data=01d,log=01l");
  const Json inspected = {{"Config", {{"Labels", body->at("Labels")}}},
                          {"State", {{"Status", "running"}}}};
  EXPECT_EQ(found_instance_of(inspected)->datasets, made.run.datasets);
}

TEST(DockerError, KeepsTheEnginesWords) {
  HttpResponse response;
  response.status = 409;
  response.body = R"({"message":"Conflict. The name is in use"})";
  EXPECT_EQ(docker_error(response).code, Code::conflict);
  EXPECT_EQ(docker_error(response).message, "container engine: Conflict. The name is in use");
  response.body = "";
  EXPECT_EQ(docker_error(response).message, "container engine: HTTP status 409");
}

}  // namespace
}  // namespace ployz
