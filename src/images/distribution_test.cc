// Distribution with the agents' real commands, over fakes of engine, network and RPC.
#include "images/distribution.h"

#include <gtest/gtest.h>

#include "agent/stream_commands.h"
#include "drivers/os/thread_executor.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/fake_transfers.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

// Every byte of a layer differs from its neighbours', so that a wrong piece is noticed.
std::string layer(char seed, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(seed + i % 251);
  return bytes;
}

struct Node {
  Node(sim::Hook& hook, sim::FakeStreamNetwork& network, Clock& clock, MachineRpc& rpc,
       const std::string& name, int number)
      : images(hook),
        containers(hook, images),
        transfers(hook, network, clock, std::format("10.101.{}.1:4319", number)),
        commands(std::make_unique<StreamCommands>(
            StreamCommands::Ports{containers, images, transfers, clock}, "/tmp")) {
    machine.id = MachineId(name);
    machine.name = name;
    serving = *rpc.serve(machine.id, Target::agent,
                         [this](const std::string& command, const Json& request) -> Result<Json> {
                           ++calls[command];
                           if (auto done = commands->handle(command, request)) return *done;
                           return fail(Code::unsupported, command);
                         });
  }
  // Serving ends before what it uses.
  ~Node() { serving.reset(); }

  Machine machine;
  std::map<std::string, std::atomic<int>> calls;
  sim::FakeImages images;
  sim::FakeContainers containers;
  sim::FakeTransfers transfers;
  std::unique_ptr<StreamCommands> commands;
  std::unique_ptr<Subscription> serving;
};

class DistributionTest : public testing::Test {
 protected:
  DistributionTest() {
    for (const char* name : {"m1", "m2", "m3"}) {
      nodes_.push_back(std::make_unique<Node>(hook_, network_, clock_, rpc_, name,
                                              static_cast<int>(nodes_.size())));
      for (const char* command : {"image_layers", "image_offer", "image_fetch"}) {
        nodes_.back()->calls[command] = 0;
      }
      machines_.push_back(nodes_.back()->machine);
    }
  }

  Result<std::vector<DistributeReport>> distribute(DistributeRequest request,
                                                   std::stop_token cancel = {}) {
    request.reference = "shop/web:1";
    return distribute_image(
        request, machines_, {rpc_, clock_, entropy_, executor_},
        [this](const Event& event) {
          events_.push_back(event);
          if (on_event_) on_event_(event);
        },
        std::move(cancel));
  }
  bool has(size_t node, const std::string& id) {
    const auto found = nodes_[node]->images.find("shop/web:1").value();
    return found && found->id == id;
  }
  // References that only keep parts.
  size_t partials(size_t node) {
    size_t count = 0;
    const auto images = nodes_[node]->images.list().value();
    for (const ImageInfo& image : images) {
      for (const std::string& reference : image.references) {
        count += reference.starts_with("ployz-partial/") ? 1 : 0;
      }
    }
    return count;
  }

  sim::NoHook hook_;
  sim::SkewedClock clock_;
  sim::SeededEntropy entropy_{7};
  ThreadExecutor executor_;
  sim::FakeStreamNetwork network_;
  sim::FakeRpc rpc_{hook_};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Machine> machines_;
  std::vector<Event> events_;
  std::function<void(const Event&)> on_event_;
};

TEST_F(DistributionTest, GoesToEveryMachineThatLacksIt) {
  const std::string id =
      nodes_[0]->images.add_layered("shop/web:1", {layer('a', 1000), layer('b', 200'000)});
  const auto reports = distribute({});
  ASSERT_TRUE(reports) << reports.error().line();
  ASSERT_EQ(reports->size(), 2u);
  for (const DistributeReport& report : *reports) {
    EXPECT_FALSE(report.error) << report.error->line();
    EXPECT_FALSE(report.had_it);
    EXPECT_EQ(report.layers_sent, 2u);
    EXPECT_GT(report.sent_bytes, 201'000u);
  }
  EXPECT_EQ((*reports)[0].machine_name, "m2");
  EXPECT_TRUE(has(1, id));
  EXPECT_TRUE(has(2, id));
  ASSERT_FALSE(events_.empty());
  EXPECT_FALSE(events_.front().operation.empty());

  const auto again = distribute({});
  ASSERT_TRUE(again);
  for (const DistributeReport& report : *again) EXPECT_TRUE(report.had_it);
  EXPECT_EQ(nodes_[0]->calls["image_offer"], 2);
}

TEST_F(DistributionTest, OnlyTheLayersThatAreMissingAreSent) {
  const std::string base = layer('a', 500'000);
  nodes_[1]->images.add_layered("base:1", {base});
  const std::string id = nodes_[0]->images.add_layered("shop/web:1", {base, layer('b', 1000)});
  const auto reports = distribute({.reference = {}, .from = {}, .to = {MachineId("m2")}});
  ASSERT_TRUE(reports) << reports.error().line();
  ASSERT_EQ(reports->size(), 1u);
  EXPECT_FALSE(reports->front().error);
  EXPECT_EQ(reports->front().layers_sent, 1u);
  EXPECT_LT(reports->front().sent_bytes, 20'000u);
  EXPECT_TRUE(has(1, id));
  EXPECT_FALSE(has(2, id));
}

// Three parts; the network fails when the first two have arrived.
TEST_F(DistributionTest, ASecondRunSendsOnlyWhatDidNotArrive) {
  const std::string id = nodes_[0]->images.add_layered(
      "shop/web:1", {layer('a', 33 << 20), layer('b', 33 << 20), layer('c', 33 << 20)});
  std::jthread cutter([this] {
    while (partials(1) < 2) std::this_thread::yield();
    network_.cut();
  });
  const auto broken = distribute({.reference = {}, .from = {}, .to = {MachineId("m2")}});
  cutter.join();
  ASSERT_TRUE(broken);
  ASSERT_TRUE(broken->front().error);
  EXPECT_EQ(broken->front().error->code, Code::unavailable) << broken->front().error->line();
  EXPECT_FALSE(has(1, id));
  EXPECT_EQ(partials(1), 2u);

  const auto again = distribute({.reference = {}, .from = {}, .to = {MachineId("m2")}});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->front().error) << again->front().error->line();
  EXPECT_EQ(again->front().layers_sent, 1u);
  EXPECT_TRUE(has(1, id));
  EXPECT_EQ(partials(1), 0u);
}

TEST_F(DistributionTest, AMachineThatDoesNotAnswerIsNamedAndHoldsUpNoOther) {
  const std::string id = nodes_[0]->images.add_layered("shop/web:1", {layer('a', 1000)});
  nodes_[1]->serving.reset();
  const auto reports = distribute({});
  ASSERT_TRUE(reports);
  ASSERT_EQ(reports->size(), 2u);
  ASSERT_TRUE((*reports)[0].error);
  EXPECT_TRUE((*reports)[0].error->message.contains("m2")) << (*reports)[0].error->message;
  EXPECT_FALSE((*reports)[1].error);
  EXPECT_TRUE(has(2, id));
  const auto status = image_status("shop/web:1", machines_, rpc_);
  ASSERT_EQ(status.size(), 3u);
  EXPECT_EQ(status[0].image_id, id);
  EXPECT_TRUE(status[1].silent);
  EXPECT_EQ(status[2].image_id, id);
}

TEST_F(DistributionTest, RefusesWhatIsNotClear) {
  EXPECT_EQ(distribute({}).error().code, Code::not_found);
  nodes_[0]->images.add_layered("shop/web:1", {layer('a', 1000)});
  const std::string other = nodes_[1]->images.add_layered("shop/web:1", {layer('b', 1000)});
  EXPECT_EQ(distribute({}).error().code, Code::conflict);
  EXPECT_EQ(distribute({.reference = {}, .from = MachineId("m3"), .to = {}}).error().code,
            Code::not_found);
  EXPECT_EQ(distribute({.reference = {}, .from = MachineId("m2"), .to = {MachineId("m9")}})
                .error()
                .code,
            Code::not_found);
  // With a source named, the tag moves.
  ASSERT_TRUE(distribute({.reference = {}, .from = MachineId("m2"), .to = {}}));
  EXPECT_TRUE(has(0, other));
  EXPECT_TRUE(has(2, other));
}

TEST_F(DistributionTest, CanBeCanceled) {
  nodes_[0]->images.add_layered("shop/web:1", {layer('a', 1000)});
  std::stop_source stop;
  on_event_ = [&](const Event& event) {
    if (event.kind == Event::Kind::step_started) stop.request_stop();
  };
  const auto reports = distribute({}, stop.get_token());
  ASSERT_TRUE(reports);
  for (const DistributeReport& report : *reports) {
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->code, Code::canceled) << report.error->line();
  }
}

}  // namespace
}  // namespace ployz
