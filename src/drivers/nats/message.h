// What travels over NATS, free of the client library's types.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ployz {

using NatsHeaders = std::vector<std::pair<std::string, std::string>>;

struct NatsMessage {
  std::string subject;
  std::string reply;  // empty: no answer is expected
  std::string data;
  NatsHeaders headers;  // a protocol message has "Status" ("503", "100") and "Description"
  bool repeated = false;  // an answer to what had to be asked more than once

  // Empty when absent.
  [[nodiscard]] std::string_view header(std::string_view key) const {
    for (const auto& [name, value] : headers) {
      if (name == key) return value;
    }
    return {};
  }
};

struct NatsRequest {
  std::string subject;
  std::string data;
  NatsHeaders headers;
};

}  // namespace ployz
