#include "cli/table.h"

#include <chrono>
#include <format>
#include <numeric>

#include "base/check.h"

namespace ployz::cli {
namespace {

constexpr size_t kGap = 2;        // between columns
constexpr size_t kNarrowest = 8;  // a column is not shortened below this

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

std::string padded(std::string_view text, size_t columns) {
  std::string out(text);
  out.append(columns - std::min(columns, columns_of(text)), ' ');
  return out;
}

// Takes from the widest until all fit, or all are at their narrowest.
void fit(std::vector<size_t>& widths, size_t room) {
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  };
  while (total() > room) {
    auto widest = std::ranges::max_element(widths);
    if (*widest <= kNarrowest) return;
    --*widest;
  }
}

}  // namespace

void Table::row(std::vector<std::string> cells) {
  check(cells.size() == header_.size(), "a table's row has as many cells as its header");
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(const Style& style) const {
  std::string out;
  if (style.plain) {
    for (const auto& row : rows_)
      for (size_t i = 0; i < row.size(); ++i) out += row[i] + (i + 1 < row.size() ? "\t" : "\n");
    return out;
  }
  std::vector<size_t> widths;
  for (const auto& title : header_) widths.push_back(columns_of(title));
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  if (style.width > 0) fit(widths, style.width);
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      const auto cell = shorten(cells[i], widths[i]);
      text += i + 1 < cells.size() ? padded(cell, widths[i] + kGap) : cell;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  out += colored(line(header_), Color::dim, style) + "\n";
  for (const auto& row : rows_) out += line(row) + "\n";
  return out;
}

std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields,
                          const Style& style) {
  size_t widest = 0;
  for (const auto& [name, value] : fields) widest = std::max(widest, columns_of(name));
  std::string out;
  for (const auto& [name, value] : fields) {
    if (style.plain)
      out += std::format("{}\t{}\n", name, printable(value));
    else
      out += std::format("{}{}\n", padded(name + ":", widest + 1 + kGap), printable(value));
  }
  return out;
}

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, starts_code_point));
}

std::string shorten(std::string_view text, size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  size_t seen = 0;
  size_t at = 0;
  while (at < text.size()) {
    if (starts_code_point(text[at]) && seen++ == columns - 1) break;
    ++at;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\t' || c == '\n' ? ' ' : '?';
  return out;
}

std::string last_line(std::string_view text) {
  const size_t end = text.find_last_not_of("\r\n ");
  if (end == std::string_view::npos) return {};
  const size_t begin = text.find_last_of("\r\n", end);
  return std::string(text.substr(begin + 1, end - begin));  // npos + 1: no line before it
}

std::string colored(std::string_view text, Color color, const Style& style) {
  if (!style.color || color == Color::none) return std::string(text);
  const char* code = "";
  switch (color) {
    case Color::none:
      break;
    case Color::red:
      code = "31";
      break;
    case Color::green:
      code = "32";
      break;
    case Color::yellow:
      code = "33";
      break;
    case Color::dim:
      code = "2";
      break;
  }
  return std::format("\033[{}m{}\033[0m", code, text);
}

std::string format_duration(uint64_t ms) {
  if (ms < 1000) return std::format("{} ms", ms);
  if (ms < 60'000) return std::format("{:.2f} s", static_cast<double>(ms) / 1000);
  return std::format("{} min {} s", ms / 60'000, ms / 1000 % 60);
}

std::string format_age(uint64_t then_ms, uint64_t now_ms) {
  if (then_ms == 0) return "-";
  const uint64_t seconds = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
  if (seconds < 2) return "just now";
  if (seconds < 120) return std::format("{} s ago", seconds);
  if (seconds < 7200) return std::format("{} min ago", seconds / 60);
  if (seconds < 172'800) return std::format("{} h ago", seconds / 3600);
  return std::format("{} d ago", seconds / 86'400);
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return std::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return std::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_time(uint64_t ms) {
  const std::chrono::sys_seconds time{std::chrono::seconds(ms / 1000)};
  return std::format("{:%F %T} UTC", time);
}

}  // namespace ployz::cli
