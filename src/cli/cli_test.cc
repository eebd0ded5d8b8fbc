// Commands against a daemon with a FakeService behind a real socket.
#include <fstream>
#include <future>

#include "cli/cli_test_host.h"
#include "cli/contexts.h"
#include "cli/help.h"

namespace ployz::cli {
namespace {

TEST_F(CliTest, DeployTellsProgressOnStderrAndTheResultOnStdout) {
  const auto file = write("shop.toml", kManifest);
  EXPECT_EQ(run({"deploy", "-f", file}), 0);
  EXPECT_TRUE(host_.err.contains("apply   start web on m1\n")) << host_.err;
  EXPECT_TRUE(host_.err.contains("apply   done in 1.20 s\n")) << host_.err;
  EXPECT_TRUE(host_.out.contains("deploy shop: committed (done, 1.50 s;")) << host_.out;
  ASSERT_TRUE(service_.deployed);
  EXPECT_EQ(service_.deployed->manifest.services.at(0).container.image, "web:1");
  EXPECT_TRUE(service_.deployed->whole_namespace);

  EXPECT_EQ(run({"deploy", "-f", file, "-q"}), 0);
  EXPECT_EQ(host_.err, "");
}

TEST_F(CliTest, JsonIsExactlyOneDocument) {
  const auto file = write("shop.toml", kManifest);
  EXPECT_EQ(run({"--json", "deploy", "-f", file}), 0);
  EXPECT_EQ(document()["outcome"], "committed");
  EXPECT_TRUE(host_.err.contains("done in"));

  for (const auto& words : std::vector<std::vector<std::string>>{{"status"},
                                                                 {"ps"},
                                                                 {"machine", "ls"},
                                                                 {"mesh", "status"},
                                                                 {"namespace", "ls"},
                                                                 {"log", "shop"},
                                                                 {"op", "ls"},
                                                                 {"image", "status"},
                                                                 {"context", "ls"}}) {
    auto json_words = words;
    json_words.emplace_back("--json");
    run(json_words);
    EXPECT_TRUE(document().is_object()) << words[0];
    EXPECT_EQ(host_.err, "") << words[0];
  }
  EXPECT_EQ(run({"namespace", "inspect", "nope", "--json"}), 3);
  EXPECT_EQ(document()["error"]["code"], "not_found");
  EXPECT_EQ(run({"deplyo", "--json"}), 2);
  EXPECT_EQ(document()["error"]["code"], "invalid");
  EXPECT_EQ(host_.err, "");
}

TEST_F(CliTest, OutcomesBecomeExitCodes) {
  const auto file = write("shop.toml", kManifest);
  const auto code = [&](Outcome outcome) {
    service_.result.outcome = outcome;
    return run({"deploy", "-f", file});
  };
  EXPECT_EQ(code(Outcome::unchanged), 0);
  EXPECT_EQ(code(Outcome::failed), 1);
  EXPECT_EQ(code(Outcome::aborted), 1);
  EXPECT_EQ(code(Outcome::refused), 3);
  EXPECT_EQ(code(Outcome::committed_cleanup_pending), 4);
  service_.result.outcome = Outcome::failed;
  service_.result.error = Error{Code::precondition, Effect::none, "web exited", "see logs", {}};
  EXPECT_EQ(run({"deploy", "-f", file}), 1);
  EXPECT_TRUE(host_.err.contains("ployzctl: web exited (see logs)\n")) << host_.err;
  service_.error =
      Error{Code::precondition, Effect::none, "image web:1 is not there", "push it", {}};
  EXPECT_EQ(run({"deploy", "-f", file}), 3);
  EXPECT_TRUE(host_.err.ends_with("ployzctl: image web:1 is not there (push it)\n")) << host_.err;
  service_.error = Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  EXPECT_EQ(run({"deploy", "-f", file}), 1);
}

TEST_F(CliTest, ManifestErrorsNeedNoDaemon) {
  server_.reset();
  EXPECT_EQ(run({"deploy", "-f", write("bad.toml", "namespace = \"shop\"\nimge = 1\n")}), 2);
  EXPECT_TRUE(host_.err.contains("bad.toml:2")) << host_.err;
  EXPECT_EQ(run({"deploy", "-f", folder_ + "/absent.toml"}), 2);
  EXPECT_EQ(run({"deploy"}), 2);
  EXPECT_EQ(run({"deploy", "-f", write("huge.toml", std::string(10 << 20, '#'))}), 2);
  EXPECT_TRUE(host_.err.contains("larger than")) << host_.err;
  EXPECT_EQ(run({"deploy", "-f", write("good.toml", kManifest)}), 3);
  EXPECT_TRUE(host_.err.contains("no daemon answers on")) << host_.err;
  EXPECT_TRUE(host_.err.contains("ployzctl dev up")) << host_.err;
  EXPECT_EQ(std::ranges::count(host_.err, '\n'), 1);
}

TEST_F(CliTest, DeployReadsStdinAndPreviews) {
  host_.input = kManifest;
  service_.plan.kind = "deploy";
  service_.plan.name_space = NamespaceName("shop");
  service_.plan.changes = {{Change::Kind::create, "service web", "image web:1"}};
  EXPECT_EQ(run({"deploy", "-f", "-", "-n"}), 0);
  EXPECT_TRUE(host_.out.contains("+ create  service web: image web:1")) << host_.out;
  EXPECT_EQ(run({"deploy", "preview", "-f", "-", "--json"}), 0);
  EXPECT_EQ(document()["changes"][0]["kind"], "create");
  EXPECT_EQ(service_.deploys_done, 0);
}

TEST_F(CliTest, DeployServiceBuildsAManifest) {
  EXPECT_EQ(run({"deploy", "service", "web", "--image", "web:1", "--namespace", "shop", "-p",
                 "80:8080", "-e", "A=b=c", "--replicas", "3", "--", "run", "--fast"}),
            0)
      << host_.err;
  ASSERT_TRUE(service_.deployed);
  EXPECT_FALSE(service_.deployed->whole_namespace);
  const Service& service = service_.deployed->manifest.services.at(0);
  EXPECT_EQ(service.publish, (std::vector<Publish>{{80, 8080}}));
  EXPECT_EQ(service.container.env.at("A"), "b=c");
  EXPECT_EQ(service.placement.replicas, 3u);
  EXPECT_EQ(service.container.command, (std::vector<std::string>{"run", "--fast"}));

  EXPECT_EQ(run({"deploy", "service", "web", "--image", "web:1"}), 2);
  EXPECT_EQ(run({"deploy", "service", "web", "--image", "x", "--namespace", "s", "-p", "0:1"}), 2);
  EXPECT_EQ(run({"deploy", "service", "We_b", "--image", "x", "--namespace", "s"}), 2);
  EXPECT_EQ(run({"deploy", "service", "web", "--image", "x", "--namespace", "s", "-e", "SECRET"}),
            2);
  EXPECT_FALSE(host_.err.contains("SECRET"));
}

TEST_F(CliTest, FirstInterruptAbortsAndWaits) {
  service_.wait_for_cancel = true;
  std::promise<void> started;
  bool told = false;
  host_.on_err = [&](const std::string& err) {
    if (!told && err.contains("start web")) {
      told = true;
      started.set_value();
    }
  };
  const auto file = write("shop.toml", kManifest);
  auto code = std::async(std::launch::async, [&] { return run({"deploy", "-f", file}); });
  ASSERT_EQ(started.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(host_.interrupts().deliver());
  EXPECT_EQ(code.get(), 1);
  EXPECT_EQ(service_.deploys_done, 1);
  EXPECT_TRUE(host_.err.contains("aborting; what was done is being undone")) << host_.err;
  EXPECT_TRUE(host_.out.contains("aborted")) << host_.out;
  // Nobody listens now, and it was used up: the program would leave.
  EXPECT_FALSE(host_.interrupts().deliver());
}

TEST_F(CliTest, OperationsByPrefix) {
  auto other = service_.result;
  other.id = OperationId("01arz3zzzzzzzzzzzzzzzzzzzz");
  service_.operation_list = {service_.result, other};
  EXPECT_EQ(run({"op", "show", "01arz3n"}), 0) << host_.err;
  EXPECT_TRUE(host_.out.contains(kOperation));
  EXPECT_EQ(run({"op", "show", "01arz3"}), 3);
  EXPECT_EQ(run({"op", "show", "zz"}), 3);
  EXPECT_EQ(run({"op", "watch", std::string(kOperation)}), 0);
  service_.result.outcome = Outcome::aborted;
  EXPECT_EQ(run({"op", "abort", std::string(kOperation)}), 0);
}

TEST_F(CliTest, LogsAndExec) {
  InstanceReport instance;
  instance.found.id = InstanceId("01bbb");
  instance.found.name_space = NamespaceName("shop");
  instance.found.service = ServiceName("web");
  instance.found.state = InstanceState::running;
  instance.committed = true;
  service_.instance_list = {instance};
  service_.log_chunks = {{InstanceId("01bbb"), "hello\n"}};
  EXPECT_EQ(run({"logs", "shop/web"}), 0) << host_.err;
  EXPECT_EQ(host_.out, "==> 01bbb <==\nhello\n");
  EXPECT_EQ(run({"logs", "01b"}), 0);
  EXPECT_EQ(host_.out, "hello\n");
  EXPECT_EQ(run({"logs", "01b", "--json"}), 0);
  EXPECT_EQ(document()["logs"][0]["text"], "hello\n");
  EXPECT_EQ(run({"logs", "01b", "--json", "--follow"}), 2);

  service_.exec_result = {3, "out\n"};
  EXPECT_EQ(run({"exec", "shop/web", "--", "ls", "-l"}), 3);
  EXPECT_EQ(host_.out, "out\n");
  ASSERT_TRUE(service_.executed);
  EXPECT_EQ(service_.executed->instance.str(), "01bbb");
  EXPECT_EQ(service_.executed->command, (std::vector<std::string>{"ls", "-l"}));
  EXPECT_EQ(run({"exec", "shop/nope", "--", "ls"}), 3);
}

TEST_F(CliTest, ContextsChooseTheDaemon) {
  host_.environment.erase("PLOYZ_SOCKET");
  Contexts contexts;
  contexts.entries["here"] = {socket_, ""};
  contexts.entries["there"] = {folder_ + "/absent.sock", ""};
  ASSERT_TRUE(save_contexts(folder_ + "/.config/ployz/contexts.json", contexts));
  EXPECT_EQ(run({"context", "use", "heer"}), 2);
  EXPECT_TRUE(host_.err.contains("did you mean 'here'?")) << host_.err;
  EXPECT_EQ(run({"context", "use", "here"}), 0);
  EXPECT_EQ(run({"ps"}), 0) << host_.err;
  EXPECT_EQ(run({"ps", "--context", "there"}), 3);
  host_.environment["PLOYZ_CONTEXT"] = "there";
  EXPECT_EQ(run({"ps"}), 3);
  EXPECT_EQ(run({"ps", "--socket", socket_}), 0);
  EXPECT_EQ(run({"context", "rm", "here"}), 0);
  EXPECT_EQ(run({"context", "ls", "--plain"}), 0);
  EXPECT_EQ(host_.out, "\tthere\t" + folder_ + "/absent.sock\t\n");
  write(".config/ployz/contexts.json", "{");
  host_.environment.erase("PLOYZ_CONTEXT");
  EXPECT_NE(run({"ps"}), 0);
  EXPECT_TRUE(host_.err.contains("contexts.json")) << host_.err;
}

TEST_F(CliTest, VersionHelpAndContradictions) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_TRUE(host_.out.starts_with("ployzctl "));
  EXPECT_EQ(run({"--version", "--json"}), 0);
  EXPECT_TRUE(document().contains("version"));
  EXPECT_EQ(run({}), 0);
  EXPECT_TRUE(host_.out.contains("commands:"));
  EXPECT_EQ(run({"ps", "--json", "--plain"}), 2);
  EXPECT_EQ(run({"ps", "--socket", "a", "--context", "b"}), 2);
  EXPECT_EQ(run({"__complete", "--", "dep"}), 0);
  EXPECT_EQ(host_.out, "deploy\n");
}

TEST_F(CliTest, DevNeedsAnEngine) {
  EXPECT_EQ(run({"dev", "up"}), 3);
  EXPECT_TRUE(host_.err.contains("there is no docker command")) << host_.err;
  EXPECT_EQ(run({"dev", "up", "--machines", "3"}), 3);
  EXPECT_EQ(run({"daemon", "install", "--runtime", "docker", "--service-mode", "system"}), 2);
  EXPECT_EQ(run({"daemon", "uninstall"}), 2);
}

TEST_F(CliTest, ManualPagesAreCurrent) {
  for (const auto& [name, text] : manual_pages(command_tree())) {
    std::ifstream file("docs/cli/" + name);
    const std::string found((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(found, text) << "docs/cli/" << name << ": run bin/ployzctl __docs docs/cli";
  }
}

}  // namespace
}  // namespace ployz::cli
