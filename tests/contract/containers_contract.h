// What every implementation of Containers promises. The factory yields the port and three kinds of
// container; the suite removes what it makes.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/ulid.h"
#include "ports/containers.h"

namespace ployz::contract {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

struct ContainersUnderTest {
  std::shared_ptr<void> owner;  // what `containers` lives in
  Containers* containers = nullptr;
  ContainerSpec runs;      // writes "started\n", ends with SIGTERM; `true` succeeds in it
  ContainerSpec exits;     // writes a line, ends by itself with code 3; restart = no
  ContainerSpec stubborn;  // ignores SIGTERM from its start on
  std::string address;     // two free ones of the overlay
  std::string other_address;
  std::string folder;      // one of the machine's, to be mounted
};

// Collects what a watch delivers; waiting ends with the change, not with time.
class Changes {
 public:
  void add(FoundInstance found) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(found));
    changed_.notify_all();
  }
  // False: not in 20 s.
  bool wait(const InstanceId& id, InstanceState state, size_t times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] {
      return static_cast<size_t>(std::ranges::count_if(all_, [&](const FoundInstance& found) {
               return found.id == id && found.state == state;
             })) >= times;
    });
  }
  FoundInstance last(const InstanceId& id, InstanceState state) {
    const std::lock_guard lock(mutex_);
    FoundInstance result;
    for (const FoundInstance& found : all_) {
      if (found.id == id && found.state == state) result = found;
    }
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FoundInstance> all_;
};

class ContainersContract : public testing::TestWithParam<ContainersUnderTest (*)()> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    ASSERT_TRUE(under_test_.containers);
  }
  void TearDown() override {
    if (!under_test_.containers) return;
    for (const InstanceId& id : made_) EXPECT_TRUE(containers().remove(id, 0ms));
  }
  Containers& containers() { return *under_test_.containers; }

  InstanceConfig config(const ContainerSpec& spec, const std::string& address) {
    InstanceConfig made;
    made.run.instance = InstanceId(ids_.next());
    made.run.name_space = NamespaceName("contract");
    made.run.service = ServiceName("web");
    made.run.revision = RevisionId("sha256:" + std::string(64, '1'));
    made.run.address = address;
    made.run.spec = spec;
    made.operation = OperationId("01operation");
    made_.push_back(made.run.instance);
    return made;
  }
  InstanceConfig config() { return config(under_test_.runs, under_test_.address); }

  std::optional<FoundInstance> find(const InstanceId& id) {
    const auto found = containers().find(id);
    EXPECT_TRUE(found) << found.error().line();
    return found.value_or(std::nullopt);
  }

  ContainersUnderTest under_test_;
  std::vector<InstanceId> made_;

 private:
  SeededIds ids_{static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                           std::chrono::system_clock::now().time_since_epoch())
                                           .count()),
                 static_cast<uint64_t>(::getpid())};
};

TEST_P(ContainersContract, RunsWithItsLabelsAndAddressAndRepeatingChangesNothing) {
  const InstanceConfig made = config();
  const Status first = containers().ensure_running(made);
  ASSERT_TRUE(first) << first.error().line();
  const auto found = find(made.run.instance);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, made.run.instance);
  EXPECT_EQ(found->name_space, made.run.name_space);
  EXPECT_EQ(found->service, made.run.service);
  EXPECT_EQ(found->revision, made.run.revision);
  EXPECT_EQ(found->operation, made.operation);
  EXPECT_EQ(found->address, made.run.address);
  EXPECT_EQ(found->state, InstanceState::running);
  EXPECT_NE(found->started_at_ms, 0u);
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(find(made.run.instance), found);
}

TEST_P(ContainersContract, EnsuringAStoppedOneStartsIt) {
  const InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(containers().stop(made.run.instance, 5s));
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(find(made.run.instance)->state, InstanceState::running);
}

TEST_P(ContainersContract, AnotherRevisionOfTheInstanceIsRefused) {
  InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  made.run.revision = RevisionId("sha256:" + std::string(64, '2'));
  const Status again = containers().ensure_running(made);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::exists);
  EXPECT_EQ(find(made.run.instance)->state, InstanceState::running);
}

TEST_P(ContainersContract, AnAbsentImageIsNotFoundAndLeavesNothing) {
  InstanceConfig made = config();
  made.run.spec.image_id = "sha256:" + std::string(64, 'f');
  const Status run = containers().ensure_running(made);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::not_found);
  EXPECT_EQ(run.error().effect, Effect::none);
  EXPECT_EQ(find(made.run.instance), std::nullopt);
}

TEST_P(ContainersContract, ATakenAddressIsAConflictAndLeavesNothing) {
  const InstanceConfig first = config();
  ASSERT_TRUE(containers().ensure_running(first));
  const InstanceConfig second = config();
  const Status run = containers().ensure_running(second);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::conflict) << run.error().line();
  EXPECT_EQ(run.error().effect, Effect::none);
  EXPECT_EQ(find(second.run.instance), std::nullopt);
  EXPECT_EQ(find(first.run.instance)->state, InstanceState::running);
}

TEST_P(ContainersContract, AnExitIsSeenWithItsCode) {
  Changes changes;
  const auto watch =
      containers().watch([&](FoundInstance found) { changes.add(std::move(found)); });
  ASSERT_TRUE(watch) << watch.error().line();
  const InstanceConfig made = config(under_test_.exits, under_test_.address);
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(changes.wait(made.run.instance, InstanceState::exited));
  EXPECT_EQ(changes.last(made.run.instance, InstanceState::exited).exit_code, 3);
  const auto found = find(made.run.instance);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, InstanceState::exited);
  EXPECT_EQ(found->exit_code, 3);
  EXPECT_EQ(found->address, made.run.address);
}

TEST_P(ContainersContract, AWatchSeesEveryStartAndStop) {
  Changes changes;
  const auto watch =
      containers().watch([&](FoundInstance found) { changes.add(std::move(found)); });
  ASSERT_TRUE(watch);
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_TRUE(changes.wait(id, InstanceState::running));
  ASSERT_TRUE(containers().stop(id, 5s));
  EXPECT_TRUE(changes.wait(id, InstanceState::exited));
  ASSERT_TRUE(containers().start(id));
  EXPECT_TRUE(changes.wait(id, InstanceState::running, 2));
  const FoundInstance seen = changes.last(id, InstanceState::running);
  EXPECT_EQ(seen.service, made.run.service);
  EXPECT_EQ(seen.revision, made.run.revision);
}

TEST_P(ContainersContract, StopAndStartMayBeRepeated) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_TRUE(containers().start(id));
  EXPECT_TRUE(containers().stop(id, 5s));
  EXPECT_TRUE(containers().stop(id, 5s));
  EXPECT_EQ(find(id)->state, InstanceState::exited);
  EXPECT_TRUE(containers().start(id));
  EXPECT_EQ(find(id)->state, InstanceState::running);
}

TEST_P(ContainersContract, WhatIgnoresSigtermIsKilledAfterTheGrace) {
  const InstanceConfig made = config(under_test_.stubborn, under_test_.address);
  ASSERT_TRUE(containers().ensure_running(made));
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(containers().stop(made.run.instance, 1s));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 900ms);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 8s);
  EXPECT_EQ(find(made.run.instance)->exit_code, 137);
}

TEST_P(ContainersContract, TheAbsentIsStoppedAndRemovedButNotStarted) {
  const InstanceId absent("01absent");
  EXPECT_TRUE(containers().stop(absent, 0ms));
  EXPECT_TRUE(containers().remove(absent, 0ms));
  EXPECT_EQ(containers().start(absent).error().code, Code::not_found);
  EXPECT_EQ(find(absent), std::nullopt);
}

TEST_P(ContainersContract, RemovedIsGoneAndItsAddressFree) {
  const InstanceConfig first = config();
  ASSERT_TRUE(containers().ensure_running(first));
  ASSERT_TRUE(containers().remove(first.run.instance, 5s));
  ASSERT_TRUE(containers().remove(first.run.instance, 5s));
  EXPECT_EQ(find(first.run.instance), std::nullopt);
  const Status second = containers().ensure_running(config());
  EXPECT_TRUE(second) << second.error().line();
}

TEST_P(ContainersContract, ListsAllInAnyStateSorted) {
  const InstanceConfig one = config();
  const InstanceConfig two = config(under_test_.runs, under_test_.other_address);
  ASSERT_TRUE(containers().ensure_running(two));
  ASSERT_TRUE(containers().ensure_running(one));
  ASSERT_TRUE(containers().stop(one.run.instance, 5s));
  const auto listed = containers().list();
  ASSERT_TRUE(listed) << listed.error().line();
  EXPECT_TRUE(std::ranges::is_sorted(*listed, {}, &FoundInstance::id));
  EXPECT_TRUE(std::ranges::contains(*listed, *find(one.run.instance)));
  EXPECT_TRUE(std::ranges::contains(*listed, *find(two.run.instance)));
}

TEST_P(ContainersContract, ExecNeedsARunningContainer) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  EXPECT_EQ(containers().exec(id, {"true"}, 10s).error().code, Code::not_found);
  ASSERT_TRUE(containers().ensure_running(made));
  const auto done = containers().exec(id, {"true"}, 10s);
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->exit_code, 0);
  ASSERT_TRUE(containers().stop(id, 5s));
  EXPECT_EQ(containers().exec(id, {"true"}, 10s).error().code, Code::precondition);
}

TEST_P(ContainersContract, LogsOfTheAbsentAreNotFoundAndOthersEnd) {
  const auto sink_of = [](std::string& into) {
    return [&into](std::string_view piece) {
      into += piece;
      return true;
    };
  };
  const InstanceConfig made = config(under_test_.exits, under_test_.address);
  std::string text;
  EXPECT_EQ(containers().logs(made.run.instance, 10, false, sink_of(text), {}).error().code,
            Code::not_found);
  ASSERT_TRUE(containers().ensure_running(made));
  // Followed until the container ends by itself.
  ASSERT_TRUE(containers().logs(made.run.instance, 10, true, sink_of(text), {}));
  EXPECT_FALSE(text.empty());
}

TEST_P(ContainersContract, FollowedLogsEndWithTheSinkOrTheStop) {
  const InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  std::string text;
  const auto until_started = [&](std::string_view piece) {
    text += piece;
    return !text.contains("started\n");
  };
  EXPECT_TRUE(containers().logs(made.run.instance, 10, true, until_started, {}));
  std::stop_source stop;
  const auto stops = [&](std::string_view) {
    stop.request_stop();
    return true;
  };
  EXPECT_TRUE(containers().logs(made.run.instance, 10, true, stops, stop.get_token()));
}

TEST_P(ContainersContract, PausingAndResumingMayBeRepeated) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  EXPECT_EQ(containers().pause(id).error().code, Code::not_found);
  EXPECT_EQ(containers().unpause(id).error().code, Code::not_found);
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_TRUE(containers().unpause(id));
  const auto before = find(id);
  EXPECT_TRUE(containers().pause(id));
  EXPECT_TRUE(containers().pause(id));
  EXPECT_EQ(find(id), before);  // it runs, and has not been started anew
  EXPECT_TRUE(containers().unpause(id));
  EXPECT_TRUE(containers().unpause(id));
  const auto done = containers().exec(id, {"true"}, 10s);
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->exit_code, 0);
}

TEST_P(ContainersContract, ThePausedIsStoppedAndRemovedAsAnyOther) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(containers().pause(id));
  const Status stopped = containers().stop(id, 5s);
  ASSERT_TRUE(stopped) << stopped.error().line();
  EXPECT_EQ(find(id)->state, InstanceState::exited);
  EXPECT_EQ(containers().pause(id).error().code, Code::precondition);
  ASSERT_TRUE(containers().start(id));
  ASSERT_TRUE(containers().pause(id));
  ASSERT_TRUE(containers().start(id));  // goes on
  EXPECT_TRUE(containers().exec(id, {"true"}, 10s));
  ASSERT_TRUE(containers().pause(id));
  EXPECT_TRUE(containers().remove(id, 5s));
  EXPECT_EQ(find(id), std::nullopt);
}

TEST_P(ContainersContract, MountsAFolderAndKnowsItsDataset) {
  InstanceConfig made = config();
  made.run.spec.mounts = {{VolumeName("data"), "/data"}};
  made.run.datasets = {{VolumeName("data"), DatasetId("01dataset")}};
  made.mounts = {{under_test_.folder, "/data", false}};
  const Status run = containers().ensure_running(made);
  ASSERT_TRUE(run) << run.error().line();
  EXPECT_EQ(find(made.run.instance)->datasets, made.run.datasets);
  ASSERT_TRUE(containers().stop(made.run.instance, 5s));
  EXPECT_EQ(find(made.run.instance)->datasets, made.run.datasets);
}

}  // namespace ployz::contract
