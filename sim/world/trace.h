// What happened, in order: printed with --verbose, and always folded into one number, by which two
// runs of a seed are compared.
#pragma once

#include <cstdio>
#include <format>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scheduler/scheduler.h"
#include "sim/world/counts.h"

namespace ployz::sim {

class Trace {
 public:
  Trace(Scheduler& scheduler, bool verbose) : scheduler_(scheduler), verbose_(verbose) {}

  template <class... Args>
  void say(std::format_string<Args...> format, Args&&... args) {
    if (verbose_) print(std::format(format, std::forward<Args>(args)...));
  }
  // Cheap: for every call.
  void note(std::string_view what, std::string_view detail) {
    fold(what);
    fold(detail);
    if (verbose_) print(std::format("{} {}", what, detail));
  }

  // A checker found the world wrong.
  void violation(std::string text) {
    if (verbose_) print("VIOLATION " + text);
    if (violations_.size() < kMaxViolations) violations_.push_back(std::move(text));
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] uint64_t hash() const { return hash_; }
  [[nodiscard]] bool verbose() const { return verbose_; }

  Counts counts;

 private:
  static constexpr size_t kMaxViolations = 8;

  void print(const std::string& text) {
    std::printf("%10.3f %-12s %3llu  %s\n", static_cast<double>(scheduler_.now_ns()) / 1e9,
                scheduler_.name_of(scheduler_.process()).c_str(),
                static_cast<unsigned long long>(scheduler_.thread()), text.c_str());
  }
  // FNV-1a, with the time.
  void fold(std::string_view text) {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash_ = (hash_ ^ scheduler_.now_ns()) * 0x100000001b3;
  }

  Scheduler& scheduler_;
  bool verbose_;
  uint64_t hash_ = 0xcbf29ce484222325;
  std::vector<std::string> violations_;
};

}  // namespace ployz::sim
