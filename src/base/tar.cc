#include "base/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <map>
#include <optional>
#include <span>

#include "base/check.h"

namespace ployz {
namespace {

// Offsets and lengths of ustar's fields (POSIX.1-2017, pax).
struct Field {
  size_t at;
  size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUser{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 6};
constexpr Field kVersion{263, 2};
constexpr Field kPrefix{345, 155};
// Of a pax record or GNU long name: far above any path.
constexpr uint64_t kMaxExtra = 1 << 20;

using Block = std::array<char, kTarBlock>;

std::string_view raw(const Block& block, Field field) {
  return {block.data() + field.at, field.length};
}

std::string text(const Block& block, Field field) {
  const std::string_view bytes = raw(block, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

std::optional<uint64_t> number(const Block& block, Field field) {
  std::string_view digits = raw(block, field);
  if ((static_cast<unsigned char>(digits[0]) & 0x80) != 0) {  // GNU base-256
    uint64_t value = 0;
    for (const char c : digits.substr(digits.size() - 8)) {
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  uint64_t value = 0;
  for (const char c : digits) {
    if (c == '\0' || c == ' ') break;
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// The sum of all bytes, the checksum's own taken as spaces.
uint64_t checksum(const Block& block) {
  uint64_t sum = 8 * ' ';
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.length;
    if (!own) sum += static_cast<unsigned char>(block[i]);
  }
  return sum;
}

TarEntry::Kind kind_of(char type) {
  switch (type) {
    case '\0':
    case '0':
    case '7':
      return TarEntry::Kind::file;
    case '1':
    case '2':
      return TarEntry::Kind::link;
    case '5':
      return TarEntry::Kind::directory;
    default:
      return TarEntry::Kind::other;
  }
}

// "<length> <key>=<value>\n"… of a pax extended header.
std::map<std::string, std::string> pax_records(std::string_view bytes) {
  std::map<std::string, std::string> records;
  while (!bytes.empty()) {
    size_t length = 0;
    const auto [end, error] = std::from_chars(bytes.begin(), bytes.end(), length);
    const auto digits = static_cast<size_t>(end - bytes.begin());
    if (error != std::errc{} || length <= digits + 1 || length > bytes.size()) break;
    const std::string_view record = bytes.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) break;
    records[std::string(record.substr(0, equals))] = record.substr(equals + 1);
    bytes.remove_prefix(length);
  }
  return records;
}

std::unexpected<Error> corrupt(std::string_view why) {
  return fail(Code::corrupt, std::format("not a whole tar archive: {}", why));
}

// Walks the headers; names and sizes given by extension headers apply to the next entry.
class Indexer {
 public:
  explicit Indexer(RandomReader& archive) : archive_(archive) {}

  Result<std::vector<TarEntry>> run() {
    while (TRY(step())) {
      if (entries_.size() > kMaxTarEntries) return corrupt("too many entries");
    }
    return std::move(entries_);
  }

 private:
  Result<bool> step() {
    Block block{};
    const size_t got = TRY(archive_.read_at(offset_, block));
    const bool zero = std::ranges::all_of(block, [](char c) { return c == '\0'; });
    if (got == block.size() && zero) return false;
    // Some writers leave the end marker out; an archive cut inside it is whole as well.
    if (got == 0 && !entries_.empty()) return false;
    if (got < block.size()) return corrupt("cut short");
    const auto size = number(block, kSize);
    if (number(block, kChecksum) != checksum(block) || !size) return corrupt("bad header");
    offset_ += kTarBlock;
    return take(block, *size);
  }

  Result<bool> take(const Block& block, uint64_t size) {
    const char type = block[kType];
    if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
      const std::string extra = TRY(read_extra(size));
      const std::string plain = extra.substr(0, extra.find('\0'));
      if (type == 'L') next_["path"] = plain;
      if (type == 'K') next_["linkpath"] = plain;
      if (type == 'x') next_.merge(pax_records(extra));
      return advance(size);
    }
    TarEntry entry{text(block, kName), kind_of(type), offset_, size, text(block, kLink)};
    const bool ustar = raw(block, kMagic) == std::string_view("ustar\0", 6);
    if (const std::string prefix = text(block, kPrefix); ustar && !prefix.empty()) {
      entry.name = prefix + "/" + entry.name;
    }
    if (next_.contains("path")) entry.name = next_["path"];
    if (next_.contains("linkpath")) entry.target = next_["linkpath"];
    if (next_.contains("size")) {
      const std::string& digits = next_["size"];
      std::from_chars(digits.data(), digits.data() + digits.size(), entry.size);
    }
    next_.clear();
    if (entry.kind != TarEntry::Kind::file && entry.kind != TarEntry::Kind::other) entry.size = 0;
    const uint64_t stored = entry.size;
    entries_.push_back(std::move(entry));
    return advance(stored);
  }

  Result<std::string> read_extra(uint64_t size) {
    if (size > kMaxExtra) return corrupt("an extension header is too large");
    std::string bytes(size, '\0');
    if (TRY(archive_.read_at(offset_, bytes)) < size) return corrupt("cut short");
    return bytes;
  }

  Result<bool> advance(uint64_t size) {
    const uint64_t next = offset_ + size + tar_padding(size);
    if (next < offset_) return corrupt("bad size");
    // The last byte must be there: a seek alone would not notice that the file ends before.
    char last = 0;
    if (size > 0 && TRY(archive_.read_at(offset_ + size - 1, {&last, 1})) != 1) {
      return corrupt("cut short");
    }
    offset_ = next;
    return true;
  }

  RandomReader& archive_;
  uint64_t offset_ = 0;
  std::map<std::string, std::string> next_;
  std::vector<TarEntry> entries_;
};

void put(std::string& block, Field field, std::string_view bytes) {
  bytes.copy(block.data() + field.at, field.length);
}

}  // namespace

size_t tar_padding(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

Result<std::vector<TarEntry>> read_tar_index(RandomReader& archive) {
  return Indexer(archive).run();
}

std::string tar_header(std::string_view name, uint64_t size) {
  check(name.size() <= kName.length, "a tar name of at most 100 bytes");
  std::string header(kTarBlock, '\0');
  put(header, kName, name);
  put(header, kMode, "0000644");
  put(header, kUser, "0000000");
  put(header, kGroup, "0000000");
  constexpr uint64_t kMaxOctal = (uint64_t{1} << 33) - 1;
  if (size <= kMaxOctal) {
    put(header, kSize, std::format("{:011o}", size));
  } else {
    header[kSize.at] = static_cast<char>(0x80);
    for (size_t i = 0; i < 8; ++i) {
      header[kSize.at + kSize.length - 1 - i] = static_cast<char>(size >> (8 * i) & 0xff);
    }
  }
  put(header, kTime, "00000000000");
  header[kType] = '0';
  put(header, kMagic, "ustar");
  put(header, kVersion, "00");
  Block block{};
  std::ranges::copy(header, block.begin());
  put(header, kChecksum, std::format("{:06o}", checksum(block)));
  header[kChecksum.at + 7] = ' ';
  return header;
}

}  // namespace ployz
