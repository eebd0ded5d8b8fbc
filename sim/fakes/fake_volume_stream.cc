#include "sim/fakes/fake_volume_stream.h"

#include <charconv>
#include <format>

#include "base/digest.h"

namespace ployz::sim {
namespace {

constexpr std::string_view kMagic = "ployz fake volume 1\n";
constexpr size_t kDigits = 16;  // of a length, in hexadecimal

void put(std::string& into, std::string_view text) {
  into += std::format("{:016x}", text.size());
  into += text;
}

std::unexpected<Error> broken(std::string_view what) {
  return fail(Code::corrupt, std::format("the stream of a volume is {}", what));
}

// Takes length-prefixed texts off the front.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  [[nodiscard]] bool done() const { return left_.empty(); }
  Result<std::string_view> take() {
    if (left_.size() < kDigits) return broken("cut");
    size_t size = 0;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + kDigits, size, 16);
    if (error != std::errc() || end != left_.data() + kDigits) return broken("garbage");
    left_.remove_prefix(kDigits);
    if (size > left_.size()) return broken("cut");
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view left_;
};

}  // namespace

std::string write_stream(const FakeStream& stream) {
  std::string body;
  put(body, stream.guid);
  put(body, stream.base_guid);
  for (const auto& [name, text] : stream.changes) {
    put(body, (text ? "+" : "-") + name);
    if (text) put(body, *text);
  }
  std::string bytes(kMagic);
  put(bytes, body);
  put(bytes, sha256_digest(body));
  return bytes;
}

Result<FakeStream> read_stream(std::string_view bytes) {
  if (bytes.empty()) return broken("empty");
  if (!bytes.starts_with(kMagic)) return broken("garbage");
  Reader outer(bytes.substr(kMagic.size()));
  const std::string_view body = TRY(outer.take());
  const std::string_view digest = TRY(outer.take());
  if (!outer.done()) return broken("followed by other bytes");
  if (digest != sha256_digest(body)) return broken("not what was sent: its checksum is another");
  Reader reader(body);
  FakeStream stream;
  stream.guid = TRY(reader.take());
  stream.base_guid = TRY(reader.take());
  while (!reader.done()) {
    const std::string_view name = TRY(reader.take());
    if (name.empty()) return broken("garbage");
    auto& change = stream.changes[std::string(name.substr(1))];
    if (name[0] == '+') change = std::string(TRY(reader.take()));
  }
  return stream;
}

}  // namespace ployz::sim
