// machine add against a daemon with a FakeService, and hosts that a test answers for.
#include <future>

#include "base/version.h"
#include "cli/cli_test_host.h"
#include "cli/preflight.h"
#include "cli/remote_install.h"

namespace ployz::cli {
namespace {

constexpr std::string_view kFacts =
    "format=1\nuid=0\nsudo=yes\nos=debian 13\narch={}\nsystemd=yes\ndisk_kib=8388608\n"
    "kernel_wireguard=no\ntun=yes\npackage={}\napt_trouble=\nclock_ms=1700000100000\n{}end=1\n";

class MachineAddTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    service_.mesh_report.name = "prod";
    MachineReport self;
    self.self = true;
    self.facts = MachineFacts{};
    self.facts->clock_ms = 1'700'000'100'000;
    service_.machine_list = {self};
    service_.activated.machine.name = "web1";
    package_ = write("ployz.deb", "a package");
    host_.on_run_with = [this](const Command& command, const RunOptions& options) {
      return answer(command, options);
    };
  }

  static Finished said(std::string out, int code = 0, std::string err = {}) {
    Finished finished;
    finished.exit.code = code;
    finished.out = std::move(out);
    finished.err = std::move(err);
    return finished;
  }

  // What happened on the hosts, in order: "web1 install".
  bool did(std::string_view what) {
    const std::lock_guard lock(mutex_);
    return std::ranges::contains(done_, what);
  }

  Result<Finished> answer(const Command& command, const RunOptions& options) {
    const auto& line = command.argv.back();
    const auto at = std::ranges::find(command.argv, "--");
    if (at == command.argv.end()) return said("");  // ssh -O exit
    const auto host = (at + 1)->substr((at + 1)->find('@') + 1);
    std::string what = "other";
    if (options.input == preflight_script()) what = "look";
    if (options.input == install_script()) what = "install";
    if (options.input == uninstall_script()) what = "uninstall";
    if (options.input_fd >= 0) what = "copy";
    for (const auto* verb : {"self-record", "join", "destroy", "init"})
      if (line.contains(std::format("ployzctl --json mesh {}", verb))) what = verb;
    if (line.contains("--keep-data")) what += " --keep-data";
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(host + " " + what);
      if (const auto bad = broken_.find(host + " " + what); bad != broken_.end())
        return bad->second;
    }
    if (what == "look") {
      return said(std::vformat(kFacts, std::make_format_args(arch_, installed_, more_facts_)));
    }
    if (what == "self-record") {
      SelfRecord record;
      record.id = MachineId("01arz3ndektsv4rrffq69g5fav");
      record.name = host;
      return said(to_json(record).dump());
    }
    if (what == "join") bundle_ = options.input;
    return said("{}");
  }

  int add(std::vector<std::string> hosts, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"machine", "add", "--network", "prod", "--package", package_};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), hosts.begin(), hosts.end());
    done_.clear();
    return run(words);
  }

  std::mutex mutex_;
  std::vector<std::string> done_;
  std::map<std::string, Result<Finished>> broken_;
  std::string package_, bundle_;
  std::string arch_{our_arch()}, installed_, more_facts_;
};

TEST_F(MachineAddTest, AHostBecomesAMachine) {
  EXPECT_EQ(add({"root@web1"}), 0) << host_.err;
  EXPECT_TRUE(host_.err.contains("root@web1  active\n")) << host_.err;
  EXPECT_TRUE(host_.out.contains("added")) << host_.out;
  const std::vector<std::string> expected{"web1 other",   "web1 look",        "web1 copy",
                                          "web1 install", "web1 self-record", "web1 join",
                                          "web1 other"};
  EXPECT_EQ(done_, expected);
  ASSERT_TRUE(service_.admitted);
  EXPECT_EQ(service_.admitted->record.name, "web1");
  EXPECT_TRUE(join_bundle_from_json(*parse_json(bundle_)));
  EXPECT_EQ(service_.activation->str(), "01arz3ndektsv4rrffq69g5fav");
  EXPECT_FALSE(service_.withdrawn);

  EXPECT_EQ(add({"root@web1"}, {"--json", "--name", "one"}), 0) << host_.err;
  EXPECT_EQ(document()["outcome"], "added");
  EXPECT_EQ(document()["machines"][0]["host"], "root@web1");
  EXPECT_EQ(service_.admitted->name, "one");
}

TEST_F(MachineAddTest, ARefusalThatTouchedNothingIsOne) {
  installed_ = std::string(version());
  service_.admit_error = Error{Code::precondition, Effect::none, "its clock is wrong", "", {}};
  EXPECT_EQ(add({"root@web1"}), 3);
  EXPECT_FALSE(did("web1 join"));
}

TEST_F(MachineAddTest, WithTheStoreAwayNoHostIsTouched) {
  service_.error = Error{Code::unavailable, Effect::none, "the store does not answer", "", {}};
  EXPECT_NE(add({"root@web1"}), 0);
  EXPECT_TRUE(host_.err.contains("the store does not answer")) << host_.err;
  EXPECT_FALSE(did("web1 copy") || did("web1 install") || service_.admitted);
}

TEST_F(MachineAddTest, TheSameVersionIsNotInstalledAgain) {
  installed_ = std::string(version());
  EXPECT_EQ(add({"root@web1"}), 0) << host_.err;
  EXPECT_FALSE(did("web1 install"));
}

TEST_F(MachineAddTest, ProblemsOfAllHostsAtOnceAndNothingIsTouched) {
  arch_ = "riscv64";
  broken_["web2 other"] = fail(Error{});  // cannot be reached
  broken_.at("web2 other") = said("", 255, "root@web2: Permission denied (publickey).\n");
  EXPECT_EQ(add({"root@web1", "root@web2"}), 3);
  EXPECT_TRUE(host_.err.contains("root@web1  it is riscv64")) << host_.err;
  EXPECT_TRUE(host_.err.contains("root@web2  web2 lets none of our keys in")) << host_.err;
  EXPECT_TRUE(host_.err.contains("2 hosts cannot become machines; nothing was changed"))
      << host_.err;
  EXPECT_FALSE(did("web1 copy"));
  EXPECT_FALSE(service_.admitted);
}

TEST_F(MachineAddTest, AFailedInstallationIsTakenOff) {
  broken_["web1 install"] = said("", 100, "E: Unable to locate package knot\nmore\n");
  EXPECT_EQ(add({"root@web1"}), 1);
  EXPECT_TRUE(host_.err.contains("Unable to locate package knot")) << host_.err;
  EXPECT_TRUE(host_.err.contains("as it was found")) << host_.err;
  EXPECT_TRUE(did("web1 uninstall"));
  EXPECT_FALSE(did("web1 destroy"));
  EXPECT_FALSE(service_.admitted);
}

TEST_F(MachineAddTest, TheReasonIsDpkgsWhereAptKnowsNone) {
  broken_["web1 install"] =
      said("", 100,
           "dpkg: error processing archive /var/lib/ployz-add/ployz.deb (--unpack):\n"
           " cannot copy extracted data: failed to write (No space left on device)\n"
           "E: Sub-process /usr/bin/dpkg returned an error code (1)\n");
  EXPECT_EQ(add({"root@web1"}), 1);
  EXPECT_TRUE(host_.err.contains("web1: cannot copy extracted data: failed to write (No space"))
      << host_.err;
}

TEST_F(MachineAddTest, AFailedJoinIsWithdrawnDestroyedAndTakenOff) {
  const Error refused{Code::unavailable, Effect::none, "no handshake with m1", "port 51820?", {}};
  broken_["web1 join"] = said(Json{{"error", error_to_json(refused)}}.dump(), 3);
  EXPECT_EQ(add({"root@web1"}), 1);
  EXPECT_TRUE(host_.err.contains("no handshake with m1 (port 51820?)")) << host_.err;
  EXPECT_TRUE(service_.withdrawn);
  EXPECT_TRUE(did("web1 destroy"));
  EXPECT_TRUE(did("web1 uninstall"));
  EXPECT_FALSE(service_.activation);
}

TEST_F(MachineAddTest, AnActivationThatFailsLeavesNothing) {
  service_.activate_error =
      Error{Code::precondition, Effect::none, "port 4319 of web1 does not answer", "", {}};
  EXPECT_EQ(add({"root@web1"}, {"--json"}), 1);  // undone, but no refusal
  EXPECT_EQ(document()["error"]["code"], "precondition");
  EXPECT_EQ(document()["error"]["effect"], "none");
  EXPECT_TRUE(service_.withdrawn);
  EXPECT_TRUE(did("web1 destroy"));
  EXPECT_TRUE(did("web1 uninstall"));
}

TEST_F(MachineAddTest, WhatStaysIsNoRefusal) {
  service_.activate_error =
      Error{Code::precondition, Effect::none, "port 4319 of web1 does not answer", "", {}};
  broken_["web1 uninstall"] = said("stays=package knot\n");
  EXPECT_EQ(add({"root@web1"}, {"--json"}), 1);
  EXPECT_EQ(document()["error"]["details"]["stays"], "package knot");
}

TEST_F(MachineAddTest, WhatStaysIsSaid) {
  service_.activate_error = Error{Code::timeout, Effect::none, "web1 went silent", "", {}};
  broken_["web1 destroy"] = said("", 255, "Connection closed by remote host\n");
  broken_["web1 uninstall"] = said("stays=/var/lib/docker\n");
  EXPECT_EQ(add({"root@web1"}, {"--json"}), 1);
  EXPECT_TRUE(document()["error"]["details"].dump().contains("mesh destroy --force")) << host_.out;
  EXPECT_TRUE(host_.err.contains("stays: what joined on the host")) << host_.err;
}

TEST_F(MachineAddTest, OneOfSeveralFailsAndTheOthersAreAdded) {
  broken_["web2 install"] = said("", 100, "E: no space left\n");
  EXPECT_EQ(add({"root@web1", "root@web2"}, {"--json"}), 1);
  const auto machines = document()["machines"];
  EXPECT_EQ(machines[0]["outcome"], "added") << host_.out;
  EXPECT_EQ(machines[1]["outcome"], "failed");
  EXPECT_TRUE(machines[1]["error"]["message"].get<std::string>().contains("no space left"));
  EXPECT_TRUE(did("web2 uninstall"));
  EXPECT_FALSE(did("web1 uninstall"));
}

TEST_F(MachineAddTest, AMemberIsLeftAlone) {
  service_.machine_list[0].machine.id = MachineId("01arz3ndektsv4rrffq69g5fav");
  service_.admit_error = Error{Code::exists, Effect::none, "web1 is a member already", "", {}};
  EXPECT_EQ(add({"root@web1"}, {"--json"}), 0) << host_.err;
  EXPECT_EQ(document()["outcome"], "unchanged");
  EXPECT_FALSE(service_.withdrawn);
  EXPECT_FALSE(did("web1 uninstall"));
}

TEST_F(MachineAddTest, AMachineThatWasRemovedIsCleanedButForItsDataAndComesInAnew) {
  installed_ = std::string(version());
  more_facts_ = "network=prod\nremoved=yes\npool=yes\n";
  EXPECT_EQ(add({"root@web1"}), 0) << host_.err;
  EXPECT_TRUE(host_.err.contains("web1  was removed from network prod")) << host_.err;
  const std::vector<std::string> expected{
      "web1 other",       "web1 look", "web1 destroy --keep-data",
      "web1 self-record", "web1 join", "web1 other"};
  EXPECT_EQ(done_, expected);
  // Whichever network it was in, it is in none.
  more_facts_ = "network=former\nremoved=yes\n";
  EXPECT_EQ(add({"root@web1"}), 0) << host_.err;
  more_facts_ = "network=former\n";
  EXPECT_EQ(add({"root@web1"}), 3) << host_.err;
}

TEST_F(MachineAddTest, AnUndoLeavesDataThatWasThereBefore) {
  broken_["web1 join"] = said("", 255, "Connection closed by remote host\n");
  more_facts_ = "pool=yes\n";
  EXPECT_EQ(add({"root@web1"}), 1);
  EXPECT_TRUE(did("web1 destroy --keep-data"));
  EXPECT_FALSE(did("web1 destroy"));
}

TEST_F(MachineAddTest, InterruptTakesBack) {
  std::promise<void> installing;
  std::promise<void> interrupted;
  host_.on_run_with = [&](const Command& command, const RunOptions& options) -> Result<Finished> {
    if (options.input == install_script()) {
      installing.set_value();
      interrupted.get_future().wait();
      return fail(Code::canceled, "canceled");
    }
    return answer(command, options);
  };
  auto code = std::async(std::launch::async, [&] { return add({"root@web1"}); });
  installing.get_future().wait();
  EXPECT_TRUE(host_.interrupts().deliver());
  interrupted.set_value();
  EXPECT_EQ(code.get(), 1);
  EXPECT_TRUE(did("web1 uninstall"));
  EXPECT_TRUE(host_.err.contains("what was done is being undone")) << host_.err;
}

TEST_F(MachineAddTest, Usage) {
  EXPECT_EQ(run({"machine", "add", "root@web1"}), 2);
  EXPECT_EQ(run({"machine", "add", "--network", "prod"}), 2);
  EXPECT_EQ(add({"-oProxyCommand=x"}), 2);
  EXPECT_EQ(add({"root@web1", "root@web1"}), 2);
  EXPECT_EQ(add({"root@a", "root@b"}, {"--name", "x"}), 2);
  EXPECT_EQ(add({"root@web1"}, {"--identity", folder_ + "/absent"}), 2);
  EXPECT_EQ(run({"machine", "add", "root@web1", "--network", "other"}), 3);
  EXPECT_TRUE(host_.err.contains("belongs to network prod, not other")) << host_.err;
  // No package anywhere and none installed.
  EXPECT_EQ(run({"machine", "add", "--network", "prod", "root@web1"}), 3);
  EXPECT_TRUE(host_.err.contains("no package to install")) << host_.err;
}

TEST_F(MachineAddTest, InitFoundsThere) {
  EXPECT_EQ(run({"machine", "init", "--network", "new", "--package", package_, "root@web1"}), 0)
      << host_.err;
  EXPECT_TRUE(did("web1 install"));
  EXPECT_TRUE(did("web1 init"));
  broken_["web1 init"] = said("{\"error\":{\"code\":\"internal\",\"message\":\"no\"}}", 1);
  EXPECT_NE(run({"machine", "init", "--network", "new", "--package", package_, "root@web1"}), 0);
  EXPECT_TRUE(did("web1 destroy"));
  EXPECT_TRUE(did("web1 uninstall"));
}

}  // namespace
}  // namespace ployz::cli
