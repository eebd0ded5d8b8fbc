#include "drivers/systemd/systemd_units.h"

#include <sdbus-c++/sdbus-c++.h>

#include <condition_variable>
#include <format>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

namespace ployz {
namespace {

constexpr auto kService = "org.freedesktop.systemd1";
constexpr auto kManagerPath = "/org/freedesktop/systemd1";
constexpr auto kManager = "org.freedesktop.systemd1.Manager";
constexpr auto kUnit = "org.freedesktop.systemd1.Unit";
constexpr auto kServiceInterface = "org.freedesktop.systemd1.Service";

// Results of jobs nobody waits for (other units' jobs) are kept only this many deep.
constexpr size_t kMaxUnclaimedJobs = 256;

using UnitFileChanges = std::vector<sdbus::Struct<std::string, std::string, std::string>>;

Error bus_error(const sdbus::Error& error, std::string_view unit) {
  const std::string name = error.getName();
  Code code = Code::unavailable;
  Effect effect = Effect::none;
  if (name.ends_with("NoSuchUnit") || name.ends_with("FileNotFound")) code = Code::not_found;
  if (name.ends_with("AccessDenied") || name.ends_with("InteractiveAuthorizationRequired")) {
    code = Code::denied;
  }
  if (name.ends_with("NoReply") || name.ends_with("Timeout")) {
    code = Code::timeout;
    effect = Effect::unknown;
  }
  return {code, effect, std::format("systemd, unit {}: {}", unit, error.getMessage()), {}, {}};
}

}  // namespace

struct SystemdUnits::Impl {
  std::chrono::milliseconds job_timeout;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::string> finished;  // job path → result
  std::unique_ptr<sdbus::IConnection> connection;
  std::unique_ptr<sdbus::IProxy> manager;  // declared last: its callbacks end first

  void on_job_removed(const std::string& job, const std::string& result) {
    const std::scoped_lock lock(mutex);
    if (finished.size() >= kMaxUnclaimedJobs) finished.clear();
    finished[job] = result;
    changed.notify_all();
  }

  Status run_job(const char* method, std::string_view unit) {
    sdbus::ObjectPath job;
    try {
      manager->callMethod(method).onInterface(kManager).withArguments(std::string(unit),
                                                                      "replace").storeResultsTo(job);
    } catch (const sdbus::Error& error) {
      return fail(bus_error(error, unit));
    }
    std::unique_lock lock(mutex);
    const std::string path = job;
    if (!changed.wait_for(lock, job_timeout, [&] { return finished.contains(path); })) {
      return fail(Code::timeout,
                  std::format("systemd did not finish {} of {} within {}", method, unit, job_timeout),
                  std::format("look at: systemctl status {}", unit), Effect::unknown);
    }
    const std::string result = finished.extract(path).mapped();
    if (result == "done" || result == "skipped") return {};
    return fail(Code::precondition, std::format("{} of {}: {}", method, unit, result),
                std::format("look at: journalctl -u {}", unit));
  }

  Status set_enabled(std::string_view unit, bool enabled) {
    const std::vector<std::string> files{std::string(unit)};
    UnitFileChanges changes;
    try {
      if (enabled) {
        bool carries_install_info = false;
        manager->callMethod("EnableUnitFiles").onInterface(kManager)
            .withArguments(files, false, true).storeResultsTo(carries_install_info, changes);
      } else {
        manager->callMethod("DisableUnitFiles").onInterface(kManager).withArguments(files, false)
            .storeResultsTo(changes);
      }
      // No daemon-reload, as `systemctl enable` would do: it takes seconds on a busy machine, and the
      // symlinks matter at the next boot only.
    } catch (const sdbus::Error& error) {
      return fail(bus_error(error, unit));
    }
    return {};
  }

  Result<std::unique_ptr<sdbus::IProxy>> load(std::string_view unit) {
    try {
      sdbus::ObjectPath path;
      manager->callMethod("LoadUnit").onInterface(kManager).withArguments(std::string(unit))
          .storeResultsTo(path);
      auto proxy = sdbus::createProxy(*connection, sdbus::ServiceName(kService), path);
      const std::string state = proxy->getProperty("LoadState").onInterface(kUnit)
                                    .get<std::string>();
      if (state == "loaded") return proxy;
      return fail(Code::not_found, std::format("unit {} is {}", unit, state),
                  "is the ployz package installed?");
    } catch (const sdbus::Error& error) {
      return fail(bus_error(error, unit));
    }
  }
};

SystemdUnits::SystemdUnits(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SystemdUnits::~SystemdUnits() {
  impl_->manager.reset();
  impl_->connection->leaveEventLoop();
}

Result<std::unique_ptr<SystemdUnits>> SystemdUnits::connect(std::chrono::milliseconds job_timeout) {
  auto impl = std::make_unique<Impl>();
  impl->job_timeout = job_timeout;
  try {
    impl->connection = sdbus::createSystemBusConnection();
    impl->manager = sdbus::createProxy(*impl->connection, sdbus::ServiceName(kService),
                                       sdbus::ObjectPath(kManagerPath));
    Impl* raw = impl.get();
    impl->manager->uponSignal("JobRemoved").onInterface(kManager).call(
        [raw](uint32_t, const sdbus::ObjectPath& job, const std::string&,
              const std::string& result) { raw->on_job_removed(job, result); });
    impl->connection->enterEventLoopAsync();
    // Without a subscriber systemd sends no job signals at all.
    impl->manager->callMethod("Subscribe").onInterface(kManager);
  } catch (const sdbus::Error& error) {
    return fail(Code::unavailable, "cannot talk to systemd over D-Bus: " + error.getMessage(),
                "ployzd needs systemd as init and the dbus package");
  }
  return std::unique_ptr<SystemdUnits>(new SystemdUnits(std::move(impl)));
}

Status SystemdUnits::ensure_started(std::string_view unit) {
  TRY(impl_->load(unit));
  TRY(impl_->set_enabled(unit, true));
  TRY(impl_->run_job("StartUnit", unit));
  const UnitStatus now = TRY(status(unit));
  if (now.active_state == "active") return {};
  return fail(Code::precondition,
              std::format("unit {} is {} ({}) after its start", unit, now.active_state,
                          now.sub_state),
              std::format("look at: journalctl -u {}", unit));
}

Status SystemdUnits::ensure_stopped(std::string_view unit) {
  const auto loaded = impl_->load(unit);
  if (!loaded) {
    if (loaded.error().code == Code::not_found) return {};
    return fail(loaded.error());
  }
  TRY(impl_->run_job("StopUnit", unit));
  return impl_->set_enabled(unit, false);
}

Status SystemdUnits::restart(std::string_view unit) {
  TRY(impl_->load(unit));
  return impl_->run_job("RestartUnit", unit);
}

Status SystemdUnits::reload(std::string_view unit) {
  TRY(impl_->load(unit));
  return impl_->run_job("ReloadUnit", unit);
}

Result<UnitStatus> SystemdUnits::status(std::string_view unit) {
  const auto proxy = TRY(impl_->load(unit));
  try {
    UnitStatus status;
    status.active_state = proxy->getProperty("ActiveState").onInterface(kUnit).get<std::string>();
    status.sub_state = proxy->getProperty("SubState").onInterface(kUnit).get<std::string>();
    status.since_ms = proxy->getProperty("StateChangeTimestamp").onInterface(kUnit)
                          .get<uint64_t>() / 1000;  // microseconds
    if (unit.ends_with(".service")) {
      status.main_pid = proxy->getProperty("MainPID").onInterface(kServiceInterface).get<uint32_t>();
      status.restarts =
          proxy->getProperty("NRestarts").onInterface(kServiceInterface).get<uint32_t>();
    }
    return status;
  } catch (const sdbus::Error& error) {
    return fail(bus_error(error, unit));
  }
}

}  // namespace ployz
