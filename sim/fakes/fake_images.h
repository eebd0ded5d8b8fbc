// Images of one machine and the registry behind it.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "ports/containers.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

// How a container of an image behaves.
struct Behaviour {
  uint64_t ready_after_ms = 20;
  bool never_ready = false;
  std::optional<uint64_t> exits_after_ms = std::nullopt; // by itself, each time it is started
  int exit_code = 1;
  bool ignores_sigterm = false;
};

class FakeImages final : public Images {
 public:
  explicit FakeImages(Hook& hook) : hook_(hook) {}

  // Present from now on, or only in the registry; or, when no registry has it, in neither.
  void add(const std::string& reference, const std::string& id, Behaviour behaviour,
           bool present = true, bool in_registry = true);
  // `docker rmi` behind Ployz's back.
  void forget(const std::string& id);
  // Without a call: nullopt when absent.
  [[nodiscard]] std::optional<Behaviour> behaviour(std::string_view id);

  Result<std::optional<ImageInfo>> find(std::string_view reference) override;
  Result<std::vector<ImageInfo>> list() override;
  Status check_pullable(std::string_view reference) override;
  Result<ImageInfo> pull(std::string_view reference) override;
  Status load(const std::function<Result<size_t>(std::span<char>)>& read) override;
  Status tag(std::string_view image_id, std::string_view reference) override;

 private:
  struct Image {
    ImageInfo info;
    Behaviour behaviour;
    bool present = true;
    bool in_registry = true;
  };
  Image* find_locked(std::string_view reference);

  Hook& hook_;
  std::mutex mutex_;
  std::map<std::string, Image> images_;  // by id
};

}  // namespace ployz::sim
