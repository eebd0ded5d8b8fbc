// Echoes of the simulated overlay: answered by the addresses that are served, at once.
#pragma once

#include <format>
#include <functional>

#include "ports/echo.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeEcho final : public Echo {
 public:
  // The microseconds the address takes to answer; nullopt: it does not.
  using Answers = std::function<std::optional<uint64_t>(std::string_view address)>;
  FakeEcho(Hook& hook, Answers answers) : hook_(hook), answers_(std::move(answers)) {}

  Result<uint64_t> echo(std::string_view address, std::chrono::milliseconds) override {
    if (!address.contains('.')) {
      return fail(Code::invalid, std::format("not an IPv4 address: '{}'", address));
    }
    const Fate fate = hook_.enter("echo", address, Kind::local);
    const auto answered = answers_(address);
    if (fate != Fate::normal || !answered) {
      return fail(Code::unavailable, std::format("{}: no answer in time", address));
    }
    hook_.leave("echo", std::to_string(*answered));
    return *answered;
  }

 private:
  Hook& hook_;
  Answers answers_;
};

}  // namespace ployz::sim
