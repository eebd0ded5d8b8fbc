#include "agent/step_executor.h"

#include <format>

namespace ployz {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

Json done() { return Json::object(); }

Result<Json> done_if(const Status& status) {
  if (!status) return fail(status.error());
  return done();
}

Result<Json> ensure_image(Images& images, const EnsureImage& action) {
  const auto present = TRY(images.find(action.image_id.empty() ? action.reference
                                                               : action.image_id));
  if (present) return Json{{"image_id", present->id}};
  const ImageInfo pulled = TRY(images.pull(action.reference));
  if (action.image_id.empty() || pulled.id == action.image_id) {
    return Json{{"image_id", pulled.id}};
  }
  // The id may be a digest of the registry's manifest, by which the engine finds the image too.
  if (const auto found = TRY(images.find(action.image_id))) return Json{{"image_id", found->id}};
  return fail(Code::precondition,
              std::format("image {} is now {}, not {} as planned", action.reference, pulled.id,
                          action.image_id),
              "the tag has moved; run the command again");
}

StepKey key_of(const StepRequest& request, StepVerb verb) {
  return {request.operation, request.step, verb};
}

std::string name_of(const StepRequest& request) {
  return std::format("step {} of operation {}", request.step.str(), request.operation.str());
}

}  // namespace

struct StepExecutor::Execution {
  StepVerb verb = StepVerb::apply;
  size_t index = 0;
  std::stop_source stop;
  std::optional<Result<Json>> result;  // set once, when it has ended
};

Result<Json> StepExecutor::run(const StepRequest& request) {
  TRY(ports_.journal.admit(request.operation, request.attempt));
  const auto execution = std::make_shared<Execution>();
  execution->verb = request.verb;
  execution->index = request.index;
  if (auto answer = begin(request, execution)) return std::move(*answer);
  Result<Json> result = execute(request, execution->stop.get_token());
  end(request, *execution, result);
  return result;
}

// Nothing: the step's slot is now that of `execution`. Otherwise the very same request runs already,
// and this is its result, or that it goes on.
std::optional<Result<Json>> StepExecutor::begin(const StepRequest& request,
                                                const std::shared_ptr<Execution>& execution) {
  const Slot slot{request.operation, request.step};
  std::unique_lock lock(mutex_);
  while (true) {
    const auto it = running_.find(slot);
    if (it == running_.end()) break;
    const std::shared_ptr<Execution> other = it->second;
    const auto ended = [&] { return other->result.has_value(); };
    if (other->verb == request.verb && other->index == request.index) {
      if (changed_.wait_for(lock, std::chrono::milliseconds(kStepReplyMs), ended))
        return other->result;
      return Json{{"running", Json::object()}};
    }
    if (request.verb == StepVerb::undo && other->verb == StepVerb::apply) {
      lock.unlock();
      other->stop.request_stop();
      lock.lock();
    }
    changed_.wait(lock, ended);
  }
  running_.emplace(slot, execution);
  return std::nullopt;
}

void StepExecutor::end(const StepRequest& request, Execution& execution,
                       const Result<Json>& result) {
  {
    const std::lock_guard lock(mutex_);
    execution.result = result;
    running_.erase({request.operation, request.step});
  }
  changed_.notify_all();
}

Result<Json> StepExecutor::execute(const StepRequest& request, std::stop_token stop) {
  // Again: a higher attempt may have come while this one waited for its turn.
  TRY(ports_.journal.admit(request.operation, request.attempt));
  return request.verb == StepVerb::apply ? apply(request, stop) : undo(request, stop);
}

Result<Json> StepExecutor::apply(const StepRequest& request, std::stop_token stop) {
  if (TRY(ports_.journal.find(key_of(request, StepVerb::undo)))) {
    return fail(Code::conflict, name_of(request) + " was undone and cannot be applied any more");
  }
  const StepKey key = key_of(request, StepVerb::apply);
  if (const auto first = TRY(ports_.journal.find(key))) return *first;
  Json result = TRY(act(request, stop));
  if (result.contains("running") || result.contains("needs_ticket")) return result;
  TRY(ports_.journal.record(key, result));
  return result;
}

// The undo's record is an object: index of the undo action → its result.
Result<Json> StepExecutor::undo(const StepRequest& request, std::stop_token stop) {
  const StepKey key = key_of(request, StepVerb::undo);
  Json all = TRY(ports_.journal.find(key)).value_or(Json::object());
  const std::string index = std::to_string(request.index);
  if (all.contains(index)) return all[index];
  parts_.reservations.release(request.operation);
  parts_.receives.cancel({request.operation, request.step});
  Json result = TRY(act(request, stop));
  all[index] = result;
  TRY(ports_.journal.record(key, all));
  return result;
}

// Where it mounts volumes is looked up before anything is made.
Result<Json> StepExecutor::run_instance(const StepRequest& request, const RunInstance& action) {
  InstanceConfig config{action, request.operation, config_.self.overlay_address,
                        action.name_space.str() + "." + config_.cluster_domain,
                        TRY(parts_.datasets.mounts_of(action))};
  return done_if(ports_.containers.ensure_running(config));
}

Result<Json> StepExecutor::resume_instances(const StepRequest& request,
                                            const ResumeInstances& action) {
  if (request.verb == StepVerb::apply) {
    return parts_.pauses.resume(request.operation, action.instances);
  }
  return done_if(parts_.pauses.release(request.operation, action.instances));
}

Result<Json> StepExecutor::act(const StepRequest& request, std::stop_token stop) {
  Containers& containers = ports_.containers;
  DatasetSteps& datasets = parts_.datasets;
  const auto not_mine = [&]() -> Result<Json> {
    return fail(Code::invalid, name_of(request) + " is for a router, not for an agent");
  };
  return std::visit(
      Overloaded{
          [&](const EnsureImage& action) { return ensure_image(ports_.images, action); },
          [&](const RunInstance& action) { return run_instance(request, action); },
          [&](const AwaitReady& action) { return parts_.readiness.wait(action, stop); },
          [&](const StopInstance& action) {
            parts_.readiness.cancel(action.instance);
            return done_if(containers.stop(action.instance, action.grace));
          },
          [&](const StartInstance& action) { return done_if(containers.start(action.instance)); },
          [&](const RemoveInstance& action) {
            parts_.readiness.cancel(action.instance);
            return done_if(containers.remove(action.instance, action.grace));
          },
          [&](const EnsureDataset& action) { return datasets.ensure(action); },
          [&](const SnapshotDatasets& action) {
            return datasets.snapshot(request.operation, action);
          },
          [&](const CloneDataset& action) { return datasets.clone(action); },
          [&](const ReceiveDataset& action) {
            return parts_.receives.receive(request, action, stop);
          },
          [&](const DestroyDataset& action) { return datasets.destroy(action); },
          [&](const DestroySnapshots& action) { return datasets.destroy_snapshots(action); },
          [&](const SetQuota& action) { return datasets.set_quota(action); },
          [&](const PauseInstances& action) {
            return done_if(parts_.pauses.pause(request.operation, action.instances, action.limit));
          },
          [&](const ResumeInstances& action) { return resume_instances(request, action); },
          [&](const PrepareRoutes&) { return not_mine(); },
          [&](const DiscardRoutes&) { return not_mine(); },
          [&](const DrainRoutes&) { return not_mine(); },
          [&](const AwaitRoutes&) { return not_mine(); },
      },
      request.action);
}

}  // namespace ployz
