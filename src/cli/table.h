// Tables for people: columns as wide as their content, narrowed to the terminal by shortening the
// widest ones. In plain mode: values separated by tabs, no header, nothing shortened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ployz::cli {

struct Style {
  size_t width = 0;  // columns; 0: unlimited
  bool plain = false;
  bool color = false;
};

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  // As many cells as the header.
  void row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(const Style& style) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// "name:  value" lines, names aligned.
[[nodiscard]] std::string render_fields(
    const std::vector<std::pair<std::string, std::string>>& fields, const Style& style);

// Terminal columns of UTF-8 text (one per code point: names and messages have no wide characters).
[[nodiscard]] size_t columns_of(std::string_view text);
// At most `columns`, the last one "…" when something was cut.
[[nodiscard]] std::string shorten(std::string_view text, size_t columns);
// Control characters, which could move the cursor or recolour the terminal, become '?'.
[[nodiscard]] std::string printable(std::string_view text);

// The last line of a program's output that says something: where tools put their reason.
[[nodiscard]] std::string last_line(std::string_view text);

enum class Color { none, red, green, yellow, dim };
[[nodiscard]] std::string colored(std::string_view text, Color color, const Style& style);

// "12 ms", "1.24 s", "3 min 5 s".
[[nodiscard]] std::string format_duration(uint64_t ms);
// "just now", "42 s ago", "3 min ago", "5 h ago", "2 d ago"; "-" for 0.
[[nodiscard]] std::string format_age(uint64_t then_ms, uint64_t now_ms);
// "512 B", "1.5 MiB".
[[nodiscard]] std::string format_bytes(uint64_t bytes);
// "2026-02-03 04:05:06 UTC".
[[nodiscard]] std::string format_time(uint64_t ms);

}  // namespace ployz::cli
