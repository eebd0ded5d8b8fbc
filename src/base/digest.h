// SHA-256 of bytes, written "sha256:<64 lower-case hex digits>" as Docker and OCI write it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace ployz {

[[nodiscard]] std::string sha256_digest(std::string_view bytes);
[[nodiscard]] bool is_sha256_digest(std::string_view text);
// "sha256:0123456789ab…" → "0123456789ab", what a person reads in a table.
[[nodiscard]] std::string short_digest(std::string_view digest);

// For streams that do not fit memory.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  // Ends the computation; call once.
  [[nodiscard]] std::string digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ployz
