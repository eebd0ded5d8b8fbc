#include "model/plan.h"

#include <format>
#include <set>
#include <string_view>
#include <unordered_map>

#include "model/plan_fields.h"

namespace ployz {
namespace {

// Every edge of `after` names a step of the same list, and they form no circle (Kahn, 1962). By
// index: a wide plan has some hundred thousand edges.
Status check_order(const std::vector<Step>& steps) {
  std::unordered_map<std::string_view, size_t> index_of;
  for (size_t i = 0; i < steps.size(); ++i) index_of[steps[i].id.value] = i;
  std::vector<size_t> waits_for(steps.size());
  std::vector<std::vector<size_t>> successors(steps.size());
  std::vector<size_t> ready;
  for (size_t i = 0; i < steps.size(); ++i) {
    waits_for[i] = steps[i].after.size();
    if (waits_for[i] == 0) ready.push_back(i);
    for (const StepId& before : steps[i].after) {
      const auto found = index_of.find(before.value);
      if (found == index_of.end()) {
        return fail(Code::invalid, std::format("step {} comes after {}, which is not in its list",
                                               steps[i].id.value, before.value));
      }
      successors[found->second].push_back(i);
    }
  }
  size_t done = 0;
  while (!ready.empty()) {
    const size_t step = ready.back();
    ready.pop_back();
    ++done;
    for (const size_t next : successors[step]) {
      if (--waits_for[next] == 0) ready.push_back(next);
    }
  }
  if (done < steps.size()) return fail(Code::invalid, "steps wait for each other in a circle");
  return {};
}

Status check_steps(const Plan& plan) {
  std::set<MachineId> claimed;
  for (const Claim& claim : plan.claims) {
    if (!claimed.insert(claim.machine).second) {
      return fail(Code::invalid, std::format("machine {} is claimed twice", claim.machine.value));
    }
  }
  std::set<StepId> ids;
  for (const auto* list : {&plan.apply, &plan.cleanup}) {
    for (const Step& step : *list) {
      if (step.id.empty() || !ids.insert(step.id).second) {
        return fail(Code::invalid,
                    std::format("step id '{}' is used twice or is empty", step.id.value));
      }
      if (!claimed.contains(step.machine)) {
        return fail(Code::invalid, std::format("step {} is for machine {}, which is not claimed",
                                               step.id.value, step.machine.value));
      }
    }
  }
  return {};
}

Status check_commit(const Plan& plan) {
  if (!plan.commit) {
    if (plan.apply.empty() && plan.cleanup.empty()) return {};
    return fail(Code::invalid, "a plan without a commit must have no steps");
  }
  if (plan.commit->name_space != plan.name_space) {
    return fail(Code::invalid, "the commit is for another namespace than the plan");
  }
  if (plan.commit->parent_sequence != plan.expected_sequence) {
    return fail(Code::invalid, "the commit's parent is not the commit the plan was made from");
  }
  if (const size_t size = encode(*plan.commit).size(); size > kMaxCommitBytes) {
    return fail(Code::invalid,
                std::format("the commit would be {} bytes, at most {} fit the store", size,
                            kMaxCommitBytes),
                "split the namespace, or shorten environment variables");
  }
  return {};
}

}  // namespace

std::string_view to_string(Target target) {
  return enum_to_string(target);
}
std::string_view to_string(Change::Kind kind) {
  return enum_to_string(kind);
}

Json to_json(const Step& step) {
  return write_fields(step);
}
Result<Step> step_from_json(const Json& json) {
  return read_fields<Step>(json);
}

Json to_json(const Claim& claim) {
  return write_fields(claim);
}
Result<Claim> claim_from_json(const Json& json) {
  return read_fields<Claim>(json);
}

Json to_json(const Change& change) {
  return write_fields(change);
}
Result<Change> change_from_json(const Json& json) {
  return read_fields<Change>(json);
}

Json to_json(const Plan& plan) {
  return write_fields(plan);
}
Result<Plan> plan_from_json(const Json& json) {
  return read_fields<Plan>(json);
}

Status validate(const Plan& plan) {
  TRY(check_steps(plan));
  TRY(check_order(plan.apply));
  TRY(check_order(plan.cleanup));
  return check_commit(plan);
}

}  // namespace ployz
