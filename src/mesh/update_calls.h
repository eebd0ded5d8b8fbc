// The wire form of what machines are asked while one of them, or all, get another version: RPC
// commands of the agent target. Each may be repeated, and each is part of what a machine of the minor
// version before and of the one after understands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

// A .deb of ours, as its control file has it.
struct Package {
  std::string version;
  std::string architecture;  // "amd64", "all"
  std::string sha256;        // base/digest.h
  uint64_t size_bytes = 0;
  bool operator==(const Package&) const = default;
};

// What becomes of an update on one machine, as its updater notes it (packaging/update).
enum class UpdateStage {
  installing,
  checking,
  going_back,  // the new version is not healthy; the former one is being installed
  done,
  back,   // of the former version, and healthy
  stuck,  // neither is
};
[[nodiscard]] std::string_view to_string(UpdateStage stage);
[[nodiscard]] inline bool has_ended(UpdateStage stage) {
  return stage == UpdateStage::done || stage == UpdateStage::back || stage == UpdateStage::stuck;
}

struct UpdateNote {
  OperationId operation;
  std::string from;
  std::string to;
  UpdateStage stage = UpdateStage::installing;
  std::string error;  // why it goes or went back
  bool operator==(const UpdateNote&) const = default;
};

// "update_state" {"examine":bool}: the versions of a machine and its last update. With `examine` also
// what of it does not serve. Also asked over the peer port, without `examine`.
inline constexpr std::string_view kUpdateState = "update_state";
struct UpdateState {
  std::string version;       // of the daemon that answers
  std::string installed;     // of the package; empty: none, or it is half installed
  std::string architecture;  // "amd64"
  bool updating = false;     // its updater runs
  std::optional<UpdateNote> last;
  std::vector<std::string> problems;  // one line for each part that does not serve
  bool operator==(const UpdateState&) const = default;
};

// "package_list": the packages it keeps: {"packages":[…]}.
inline constexpr std::string_view kPackageList = "package_list";
// "package_offer" {"transfer","version"}: offers one as a stream (ports/transfer.h): {"key","address"}.
inline constexpr std::string_view kPackageOffer = "package_offer";
// "package_fetch": takes it from there, keeps it, and answers when it has. It has it already: done.
// `corrupt`: it is not what was announced.
inline constexpr std::string_view kPackageFetch = "package_fetch";
struct PackageFetch {
  std::string transfer;
  Package package;
  std::string key;
  std::string address;
};
// "update_install": the machine installs a version that it keeps, and goes back by itself when that
// is not healthy; both outlive its daemon. Answers as soon as it is begun; "update_state" tells the
// rest. `conflict`: another update runs there; `not_found`: it keeps no such package.
inline constexpr std::string_view kUpdateInstall = "update_install";
struct UpdateInstall {
  OperationId operation;
  std::string version;
};

[[nodiscard]] bool is_update_call(std::string_view command);
[[nodiscard]] Json to_json(const Package& package);
[[nodiscard]] Result<Package> package_from_json(const Json& json);
[[nodiscard]] Json to_json(const UpdateState& state);
[[nodiscard]] Result<UpdateState> update_state_from_json(const Json& json);
[[nodiscard]] Json to_json(const PackageFetch& fetch);
[[nodiscard]] Result<PackageFetch> package_fetch_from_json(const Json& json);
[[nodiscard]] Json to_json(const UpdateInstall& install);
[[nodiscard]] Result<UpdateInstall> update_install_from_json(const Json& json);

// The file by which the updater tells (packaging/update): lines of NAME=VALUE. `corrupt`.
[[nodiscard]] Result<UpdateNote> parse_update_note(std::string_view text);

}  // namespace ployz
