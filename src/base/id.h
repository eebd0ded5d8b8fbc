// Strong types for names and ids: a MachineId cannot be passed where an InstanceId is meant.
#pragma once

#include <compare>
#include <functional>
#include <string>

namespace ployz {

template <class Tag>
struct Id {
  std::string value;

  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}

  [[nodiscard]] bool empty() const { return value.empty(); }
  [[nodiscard]] const std::string& str() const { return value; }
  auto operator<=>(const Id&) const = default;
};

}  // namespace ployz

template <class Tag>
struct std::hash<ployz::Id<Tag>> {
  size_t operator()(const ployz::Id<Tag>& id) const { return std::hash<std::string>{}(id.value); }
};
