#include "cli/dev_cluster.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

#include "cli/machine_join.h"
#include "cli/parallel.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

// Every machine runs before any joins: a failure then leaves the network as it was.
Result<std::vector<MachineUp>> start_all(Session& session, const MachineOptions& first,
                                         uint64_t count) {
  std::vector<Result<MachineUp>> started(count, MachineUp{});
  in_parallel(count, kMachinesAtOnce, [&](size_t i) {
    auto options = first;
    options.cluster = first.name;
    options.name = dev_machine(first.name, i + 1);
    if (i > 0) options.publish.clear();  // a port of this computer can lead to one machine only
    started[i] = ensure_machine(session, options);
  });
  std::vector<MachineUp> up;
  for (auto& one : started) up.push_back(TRY(std::move(one)));
  return up;
}

// Empty: founded already. Returns the network's name.
Result<std::string> found(Session& session, const std::string& name, const MachineUp& first,
                          bool& changed) {
  const auto* client = TRY(session.client_of(first.context));
  auto network = text_of(TRY(client->status()), "network");
  if (!network.empty()) return network;
  session.progress(std::format("founding network {}", name));
  const auto mesh =
      TRY(session.change([&](const ApiClient& founder,
                             const EventSink& events) { return founder.mesh_init({name}, events); },
                         false));
  changed = true;
  return text_of(mesh, "name");
}

// True: it was not a member before.
Result<bool> join_one(Session& session, const ApiClient& network, const std::string& machine,
                      const std::stop_token& stop) {
  const auto remote = docker_host(session.host(), container_of(machine));
  const auto say = [&](std::string_view line) {
    session.progress(std::format("{}  {}", machine, line));
  };
  const auto joined = TRY(join_network({network, *remote, {}, machine, say, stop}));
  if (!joined.unchanged) say("active");
  return !joined.unchanged;
}

Status join_all(Session& session, const MachineOptions& first, DevUp& up) {
  const auto connection = TRY(connect_to(up.machines.at(0).context));
  std::stop_source stop;
  const Interrupts::Listening listening(session.host().interrupts(), [&] {
    session.notice("stopping; what was done is being undone (Ctrl-C again leaves at once)");
    stop.request_stop();
  });
  std::vector<Result<bool>> ends(up.machines.size(), false);
  in_parallel(ends.size() - 1, kMachinesAtOnce, [&](size_t i) {
    ends[i + 1] =
        join_one(session, *connection.client, dev_machine(first.name, i + 2), stop.get_token());
  });
  for (auto& end : ends) up.changed = TRY(std::move(end)) || up.changed;
  return {};
}

}  // namespace

Status remember_context(Session& session, const std::string& name, const ContextEntry& entry) {
  auto contexts = TRY(session.contexts());
  contexts.entries[name] = entry;
  contexts.current = name;
  return session.save(contexts);
}

Result<MachineOptions> machine_options(Session& session, const Args& args) {
  MachineOptions options;
  options.name = args.get_or("name", kDefaultMachine);
  TRY(check_dns_label(options.name, "machine name"));
  options.image = args.get_or(
      "image", session.host().env("PLOYZ_MACHINE_IMAGE").value_or(std::string(kDefaultImage)));
  options.publish = args.all("publish");
  return options;
}

std::string dev_machine(const std::string& cluster, uint64_t number) {
  return number <= 1 ? cluster : std::format("{}-{}", cluster, number);
}

uint64_t dev_number(const std::string& cluster, std::string_view machine) {
  if (machine == cluster) return 1;
  if (!machine.starts_with(cluster + "-")) return 0;
  const auto digits = machine.substr(cluster.size() + 1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool exact = error == std::errc() && end == digits.data() + digits.size();
  return exact && number > 1 && dev_machine(cluster, number) == machine ? number : 0;
}

Result<std::vector<std::string>> dev_machines(Session& session, const std::string& cluster) {
  std::vector<std::pair<uint64_t, std::string>> found;
  if (TRY(inspect_container(session, cluster)).exists) found.emplace_back(1, cluster);
  const Command list{{"docker", "ps", "--all", "--no-trunc", "--filter",
                      "label=ployz.cluster=" + cluster, "--format", "{{.Names}}"}};
  const auto done = TRY(session.host().run(list, {}));
  std::string_view out = done.out;
  while (!out.empty()) {
    const size_t end = std::min(out.find('\n'), out.size());
    const auto container = out.substr(0, end);
    out.remove_prefix(std::min(end + 1, out.size()));
    const auto prefix = container_of("");
    if (!container.starts_with(prefix)) continue;
    const std::string name(container.substr(prefix.size()));
    if (const auto number = dev_number(cluster, name); number > 1) found.emplace_back(number, name);
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [number, name] : found) names.push_back(std::move(name));
  return names;
}

Result<DevUp> dev_up(Session& session, const MachineOptions& first, uint64_t count) {
  const auto present = TRY(dev_machines(session, first.name));
  const uint64_t highest = present.empty() ? 0 : dev_number(first.name, present.back());
  if (count == 0) count = std::max<uint64_t>(1, highest);
  if (count < highest)
    return fail(
        Code::precondition,
        std::format("the cluster has {} machines, up to {}", present.size(), present.back()),
        "machines leave by ployzctl machine rm; ployzctl dev down removes all");
  DevUp up;
  up.machines = TRY(start_all(session, first, count));
  up.changed = std::ranges::any_of(up.machines, &MachineUp::created);
  ContextEntry context = up.machines[0].context;
  for (uint64_t i = 1; i < count; ++i)
    context.machines[dev_machine(first.name, i + 1)] = up.machines[i].context;
  TRY(remember_context(session, first.name, context));
  up.network = TRY(found(session, first.name, up.machines[0], up.changed));
  if (count > 1) TRY(join_all(session, first, up));
  return up;
}

}  // namespace ployz::cli
