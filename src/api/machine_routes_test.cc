// The routes by which machines enter and leave a network: wire goldens, and client against server
// over a real socket.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "api/client.h"
#include "api/fake_service.h"
#include "api/routes.h"
#include "api/server.h"
#include "base/digest.h"
#include "base/nkey.h"

namespace ployz {
namespace {

constexpr std::string_view kId = "01arz3ndektsv4rrffq69g5fav";

Machine founder() {
  Machine machine;
  machine.id = MachineId("01arz3ndektsv4rrffq69g5fa1");
  machine.name = "m1";
  machine.subnet = "10.101.0.0/24";
  machine.overlay_address = "10.101.0.1";
  machine.endpoints = {"192.0.2.7:51820"};
  machine.stores = true;
  return machine;
}

SelfRecord record() {
  return {MachineId(std::string(kId)),
          "m2",
          "0.1.0",
          "wg=",
          "UABC",
          {"192.0.2.8:51820"},
          1'700'000'000'000};
}

JoinBundle bundle() {
  JoinBundle out;
  out.network = {"prod", "10.101.0.0/16", 24, "cluster.local", "ployz.local"};
  out.admission.machine = founder();
  out.admission.machine.stores = false;
  out.admission.operation = OperationId("01arz3ndektsv4rrffq69g5faw");
  out.admission.expires_at_ms = 1'700'000'900'000;
  out.machines = {founder()};
  return out;
}

MachineReport silent() {
  MachineReport report;
  report.machine = founder();
  report.silent = Error{Code::timeout, Effect::none, "m1 did not answer in 2 s", "is it up?", {}};
  report.endpoint = "192.0.2.7:51820";
  report.handshake_age_ms = 200'000;
  return report;
}

RttReport pair() {
  RttReport report;
  report.from = founder().id;
  report.to = record().id;
  report.median_us = 1500;
  report.deviation_us = 40;
  report.samples = 9;
  report.lost = 1;
  return report;
}

DoctorReport examination() {
  return {{"m1", "m2"},
          {{Severity::error, "unit", "m2", "ployz-knot.service is inactive (dead)",
            "systemctl start ployz-knot.service", "m2",
            Fix{FixKind::start_unit, "ployz-knot.service"}},
           {Severity::warning, "operation", "", "operation op-9 is committed", "ployzctl op ls",
            ""}}};
}

UpdateReport half_updated() {
  UpdateReport report;
  report.operation = OperationId("01op");
  report.version = "0.2.0";
  report.outcome = Outcome::failed;
  const Error error{Code::precondition, Effect::none, "it is of version 0.1.0 again", "look", {}};
  report.machines = {
      {MachineId("01m3"), "m3", "0.1.0", "0.2.0", MachineUpdated::Fate::updated, {}},
      {MachineId("01m2"), "m2", "0.1.0", "0.2.0", MachineUpdated::Fate::back, error},
      {MachineId("01m1"), "m1", "0.1.0", "0.2.0", MachineUpdated::Fate::waiting, {}}};
  report.error = error;
  return report;
}

void expect_golden(const std::string& name, const Json& json) {
  const std::filesystem::path path = "src/api/testdata/" + name + ".json";
  const std::string text = json.dump(2) + "\n";
  if (std::getenv("PLOYZ_UPDATE_GOLDENS") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ifstream file(path, std::ios::binary);
  const std::string found{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(found, text) << path << ": PLOYZ_UPDATE_GOLDENS=1 rewrites it";
}

TEST(MachineTypes, Goldens) {
  expect_golden("admit_request", to_json(AdmitRequest{record(), "web-1"}));
  expect_golden("machine_report_silent", to_json(silent()));
  expect_golden("rtt_report", to_json(pair()));
  expect_golden("doctor_report", to_json(examination()));
  expect_golden("update_request", to_json(UpdateRequest{"0.2.0", {"m2"}, false, ""}));
  expect_golden("update_report", to_json(half_updated()));
}

TEST(MachineTypes, AdmitRequestIsReadStrictly) {
  const Json good = to_json(AdmitRequest{record(), "web-1"});
  const auto read = admit_request_from_json(good);
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(read->record, record());
  EXPECT_EQ(read->name, "web-1");
  const auto refused = [&](const std::function<void(Json&)>& change) {
    Json json = good;
    change(json);
    const auto result = admit_request_from_json(json);
    return !result && result.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused([](Json& json) { json["nmae"] = "x"; }));
  EXPECT_TRUE(refused([](Json& json) { json["name"] = "Not_A_Label"; }));
  EXPECT_TRUE(refused([](Json& json) { json["record"]["id"] = "../x"; }));
  EXPECT_TRUE(refused([](Json& json) { json["record"]["extra"] = 1; }));
  EXPECT_TRUE(refused([](Json& json) { json.erase("record"); }));
  EXPECT_TRUE(refused([](Json& json) { json = Json::array(); }));
}

class MachineRoutes : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/ployz-api-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    Event event;
    event.operation = OperationId("01arz3ndektsv4rrffq69g5faw");
    event.text = "m1 lets it in";
    service_.events = {event};
    service_.bundle = bundle();
    auto server = ApiServer::start({folder_ + "/sock", "no-such-group", 64}, service_);
    ASSERT_TRUE(server) << server.error().line();
    server_ = std::move(*server);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  ApiClient client() const { return ApiClient(folder_ + "/sock"); }
  EventSink listen() {
    return [this](const Event& event) { heard_.push_back(event.text); };
  }

  std::string folder_;
  FakeService service_;
  std::unique_ptr<ApiServer> server_;
  std::vector<std::string> heard_;
};

TEST_F(MachineRoutes, AMachineIsAdmittedJoinsAndIsActivated) {
  service_.self = record();
  const auto self = client().self_record();
  ASSERT_TRUE(self) << self.error().line();
  EXPECT_EQ(self_record_from_json(*self), record());

  const auto admitted = client().machine_admit(*self, "web-1", listen());
  ASSERT_TRUE(admitted) << admitted.error().line();
  EXPECT_EQ(heard_, std::vector<std::string>{"m1 lets it in"});
  EXPECT_EQ(service_.admitted->record, record());
  EXPECT_EQ(service_.admitted->name, "web-1");

  service_.mesh_report.name = "prod";
  const auto joined = client().mesh_join(*admitted, listen());
  ASSERT_TRUE(joined) << joined.error().line();
  EXPECT_EQ((*joined)["name"], "prod");
  EXPECT_EQ(service_.joined->admission.machine.name, "web-1");
  EXPECT_EQ(service_.joined->machines, std::vector<Machine>{founder()});

  service_.activated.machine = founder();
  const auto active = client().machine_activate(kId, listen());
  ASSERT_TRUE(active) << active.error().line();
  EXPECT_EQ((*active)["machine"]["name"], "m1");
  EXPECT_EQ(service_.activation->str(), kId);
}

TEST_F(MachineRoutes, WithdrawDestroyAndRtt) {
  const auto withdrawn = client().machine_withdraw(kId);
  ASSERT_TRUE(withdrawn) << withdrawn.error().line();
  EXPECT_EQ((*withdrawn)["outcome"], "withdrawn");
  EXPECT_EQ(service_.withdrawn->str(), kId);
  EXPECT_EQ(client().machine_withdraw("nonsense").error().code, Code::invalid);

  ASSERT_TRUE(client().mesh_destroy(true, true, listen()));
  EXPECT_EQ(service_.destroyed, true);
  EXPECT_TRUE(service_.data_kept);
  ASSERT_TRUE(client().mesh_destroy(false, false, listen()));
  EXPECT_EQ(service_.destroyed, false);
  EXPECT_FALSE(service_.data_kept);

  service_.rtt_list = {pair()};
  const auto rtt = client().machine_rtt();
  ASSERT_TRUE(rtt) << rtt.error().line();
  EXPECT_EQ((*rtt)["pairs"][0], to_json(pair()));
}

Invite invite() {
  Invite invite;
  invite.id = InviteId(std::string(kId));
  invite.name = "web-1";
  invite.wireguard_public_key = "of-the-token";
  invite.nats_public_key = "of-the-token";
  invite.created_by = MachineId("01arz3ndektsv4rrffq69g5fa1");
  invite.created_at_ms = 1'700'000'000'000;
  invite.expires_at_ms = 1'700'003'600'000;
  return invite;
}

std::string token() {
  const std::string key = std::string(43, 'A') + "=";
  return encode_join_token({"prod", "10.101.0.0/16", InviteId(std::string(kId)), "", 7,
                            1'700'000'000'000, key, Nkey::from_random({1}).seed(),
                            {{MachineId(std::string(kId)), "10.101.0.1", key,
                              Nkey::from_random({2}).public_key(), {"192.0.2.7:51820"}}}});
}

TEST_F(MachineRoutes, TheTokenIsAnsweredOnceAndNowhereElse) {
  service_.invite_report = {invite(), "open", "the-token"};
  const auto created = client().invite_create({"web-1", 60'000});
  ASSERT_TRUE(created) << created.error().line();
  EXPECT_EQ((*created)["outcome"], "created");
  EXPECT_EQ((*created)["token"], "the-token");
  EXPECT_EQ(service_.invited->name, "web-1");
  EXPECT_EQ(service_.invited->ttl_ms, 60'000u);
  EXPECT_FALSE(to_text((*created)["invite"]).contains("of-the-token"));
  EXPECT_FALSE(to_text((*created)["invite"]).contains("the-token"));
  const auto listed = client().invites();
  ASSERT_TRUE(listed) << listed.error().line();
  EXPECT_EQ((*listed)["invites"][0]["id"], kId);
  EXPECT_EQ((*listed)["invites"][0]["state"], "open");
  EXPECT_FALSE(to_text(*listed).contains("the-token"));
}

TEST_F(MachineRoutes, InvitesAreRevokedImportedAndUsed) {
  service_.invite_report = {invite(), "revoked"};
  const auto revoked = client().invite_revoke(kId);
  ASSERT_TRUE(revoked) << revoked.error().line();
  EXPECT_EQ((*revoked)["outcome"], "revoked");
  EXPECT_FALSE(revoked->contains("token"));
  EXPECT_EQ(service_.revoked->str(), kId);
  EXPECT_EQ(client().invite_revoke("nonsense").error().code, Code::invalid);

  ASSERT_TRUE(client().invite_import(token()));
  EXPECT_EQ(encode_join_token(*service_.imported), token());
  EXPECT_EQ(client().invite_import("ployz1_nonsense").error().code, Code::invalid);

  service_.mesh_report.created = true;
  const auto joined = client().mesh_join_by_token(token(), listen());
  ASSERT_TRUE(joined) << joined.error().line();
  EXPECT_EQ((*joined)["outcome"], "created");
  EXPECT_EQ(heard_, std::vector<std::string>{"m1 lets it in"});
  EXPECT_EQ(encode_join_token(*service_.joined_by), token());
  EXPECT_EQ(client().mesh_join_by_token("", listen()).error().code, Code::invalid);
}

TEST_F(MachineRoutes, StandbyAndInService) {
  service_.state_report.machine = founder();
  service_.state_report.changed = true;
  const auto standby = client().machine_standby({"m1", true, false});
  ASSERT_TRUE(standby) << standby.error().line();
  EXPECT_EQ((*standby)["outcome"], "changed");
  EXPECT_EQ(service_.standby->machine, "m1");
  EXPECT_TRUE(service_.standby->force);
  EXPECT_FALSE(service_.standby->preview);
  const auto back = client().machine_in_service("m1", true);
  ASSERT_TRUE(back) << back.error().line();
  EXPECT_EQ((*back)["outcome"], "preview");
  EXPECT_EQ(service_.in_service, "m1");
}

TEST_F(MachineRoutes, DoctorOfAllAndOfSome) {
  service_.doctor_report = examination();
  const auto all = client().doctor({});
  ASSERT_TRUE(all) << all.error().line();
  EXPECT_EQ(*all, to_json(examination()));
  EXPECT_TRUE(service_.examined.empty());
  ASSERT_TRUE(client().doctor({"m1", "a&b"}));
  EXPECT_EQ(service_.examined, (std::vector<std::string>{"m1", "a&b"}));
}

TEST_F(MachineRoutes, WithTheStoreAwayReadsAreOfTheCopy) {
  service_.error = Error{Code::unavailable, Effect::none, "the store does not answer", "", {}};
  const auto refused = client().machines();
  ASSERT_FALSE(refused) << "it keeps no copy";
  EXPECT_EQ(refused.error(), *service_.error);

  const auto keep = [&] {
    service_.copied = std::make_unique<FakeService>();
    service_.copied->machine_list = {silent()};
    service_.copied_as_of = {1'700'000'000'000, 12'000, 4711};
  };
  const Json as_of{{"at_ms", 1'700'000'000'000}, {"age_ms", 12'000}, {"commit", 4711}};
  keep();
  const auto machines = client().machines();
  ASSERT_TRUE(machines) << machines.error().line();
  EXPECT_EQ((*machines)["as_of"], as_of);
  EXPECT_EQ((*machines)["machines"].size(), 1u);
  for (const auto read : {&ApiClient::namespaces, &ApiClient::invites}) {
    keep();
    const auto answer = (client().*read)();
    ASSERT_TRUE(answer) << answer.error().line();
    EXPECT_EQ((*answer)["as_of"], as_of);
  }
  keep();
  service_.copied->error = Error{Code::not_found, Effect::none, "there is none", "", {}};
  EXPECT_EQ(client().machines().error(), *service_.error) << "there may be by now";
  // What else is wrong is not the copy's to answer, and nothing is written to it.
  keep();
  EXPECT_FALSE(client().machine_standby({"m1"}));
  service_.error->code = Code::denied;
  EXPECT_EQ(client().machines().error().code, Code::denied);
  service_.error.reset();
  EXPECT_FALSE(client().machines()->contains("as_of"));
}

TEST_F(MachineRoutes, DoctorMendsWhatItIsAsked) {
  const FixRequest request{{"m2"}, {{"m2", {FixKind::start_unit, "ployz-knot.service"}}}};
  service_.fix_report.fixes = {{request.fixes[0], {}}};
  service_.fix_report.left.machines = {"m2"};
  const auto done = client().doctor_fix(request, [](const Event&) {});
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(service_.mended, request);
  EXPECT_EQ(*done, to_json(service_.fix_report));
}

TEST_F(MachineRoutes, Drain) {
  DrainReport& report = service_.drain_report;
  report.machine = founder();
  DrainStep step;
  step.name_space = NamespaceName("shop");
  step.services = {ServiceName("web")};
  report.steps = {step};
  const auto preview = client().machine_drain_preview("m1");
  ASSERT_TRUE(preview) << preview.error().line();
  EXPECT_EQ(*preview, to_json(report));
  EXPECT_EQ((*preview)["steps"][0]["outcome"], "planned");
  EXPECT_FALSE(service_.drained);
  report.end = DrainReport::End::drained;
  const auto done = client().machine_drain("m1", listen());
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ((*done)["outcome"], "drained");
  EXPECT_EQ(service_.drained, "m1");
  EXPECT_EQ(heard_, std::vector<std::string>{"m1 lets it in"});
}

TEST_F(MachineRoutes, Removal) {
  RemovalReport& report = service_.removal_report;
  report.machine = founder();
  report.lost_services = {{NamespaceName("shop"), ServiceName("db"), 1, LostService::Fate::ends, "x"}};
  report.lost_volumes = {{NamespaceName("shop"), VolumeName("data"), DatasetId("01d"), false,
                          {{MachineId("01m"), "m2", DatasetId("01e"), SnapshotName("01s"), 7}}}};
  const auto preview = client().machine_removal_preview({"m1", true});
  ASSERT_TRUE(preview) << preview.error().line();
  EXPECT_EQ(*preview, to_json(report));
  EXPECT_EQ((*preview)["lost_services"][0]["fate"], "ends");
  EXPECT_EQ((*preview)["lost_volumes"][0]["copies"][0]["snapshot"], "01s");
  EXPECT_FALSE(service_.removal);
  report.end = RemovalReport::End::removed;
  const auto done = client().machine_remove({"m1", true, false, true}, listen());
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ((*done)["outcome"], "removed");
  ASSERT_TRUE(service_.removal);
  EXPECT_EQ(service_.removal->machine, "m1");
  EXPECT_TRUE(service_.removal->force && service_.removal->yes && !service_.removal->keep_data);
}

TEST_F(MachineRoutes, APackageArrivesInPieces) {
  const std::string bytes(100'000, 'x');
  size_t at = 0;
  const ByteSource pieces = [&](std::span<char> into) -> Result<size_t> {
    const size_t size = std::min(into.size(), bytes.size() - at);
    std::ranges::copy(bytes.substr(at, size), into.begin());
    at += size;
    return size;
  };
  const auto taken = client().package_take(pieces, sha256_digest(bytes), true, {});
  ASSERT_TRUE(taken) << taken.error().line();
  EXPECT_EQ(service_.package, bytes);
  EXPECT_TRUE(service_.package_kept);
  EXPECT_EQ((*taken)["version"], "0.2.0");
  EXPECT_EQ((*taken)["size_bytes"], 100'000);
  const auto none = client().package_take(pieces, "sha256:short", false, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::invalid);
}

TEST_F(MachineRoutes, Update) {
  UpdateReport& report = service_.update_report;
  report = half_updated();
  const auto done = client().machine_update({"0.2.0", {"m2"}, false, ""}, listen());
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(*done, to_json(report));
  EXPECT_EQ((*done)["machines"][1]["outcome"], "back");
  ASSERT_EQ(service_.updates.size(), 1u);
  EXPECT_EQ(service_.updates[0].machines, std::vector<std::string>{"m2"});
  EXPECT_EQ(heard_, std::vector<std::string>{"m1 lets it in"});
  report.preview = true;
  EXPECT_EQ((*client().machine_update({"0.2.0", {}, true, "amd64"}, listen()))["outcome"], "preview");
  EXPECT_EQ(service_.updates[1].architecture, "amd64");
}

TEST_F(MachineRoutes, ErrorsOfTheServiceArriveWhole) {
  service_.error = Error{Code::exists, Effect::none, "m2 is a member already", "machine ls", {}};
  EXPECT_EQ(client().self_record().error(), *service_.error);
  EXPECT_EQ(client().machine_admit(to_json(record()), "", listen()).error(), *service_.error);
  EXPECT_EQ(client().machine_withdraw(kId).error(), *service_.error);
  EXPECT_EQ(client().mesh_join(to_json(bundle()), listen()).error(), *service_.error);
  EXPECT_EQ(client().mesh_destroy(false, false, listen()).error(), *service_.error);
  EXPECT_EQ(client().machine_rtt().error(), *service_.error);
  EXPECT_EQ(client().doctor({}).error(), *service_.error);
  // A bundle of another version is refused before the service sees it.
  service_.joined.reset();
  Json newer = to_json(bundle());
  newer["format"] = kAdmissionVersion + 1;
  EXPECT_EQ(client().mesh_join(newer, listen()).error().code, Code::invalid);
  EXPECT_FALSE(service_.joined);
}

}  // namespace
}  // namespace ployz
