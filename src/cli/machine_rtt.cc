#include "cli/machine_rtt.h"

#include <algorithm>
#include <format>
#include <map>
#include <vector>

#include "cli/render.h"

namespace ployz::cli {
namespace {

std::string cell(const Json& pair) {
  if (number_of(pair, "samples") == 0) return "lost";
  auto text = std::format("{} ±{}", format_microseconds(number_of(pair, "median_us")),
                          format_microseconds(number_of(pair, "deviation_us")));
  if (const auto lost = number_of(pair, "lost"); lost > 0) text += std::format(", {} lost", lost);
  return text;
}

std::string list(const std::vector<const Json*>& pairs,
                 const std::map<std::string, std::string>& names, const Style& style) {
  Table table({"FROM", "TO", "MEDIAN", "DEVIATION", "SAMPLES", "LOST", "ERROR"});
  for (const Json* pair : pairs)
    table.row({names.at(text_of(*pair, "from")), names.at(text_of(*pair, "to")),
               format_microseconds(number_of(*pair, "median_us")),
               format_microseconds(number_of(*pair, "deviation_us")), text_of(*pair, "samples"),
               text_of(*pair, "lost"), text_of(*pair, "error")});
  return table.render(style);
}

}  // namespace

std::string format_microseconds(uint64_t us) {
  if (us < 1000) return std::format("{} µs", us);
  return std::format("{:.2f} ms", static_cast<double>(us) / 1000);
}

std::string render_rtt(const Json& rtt, const Json& machines, const Style& style) {
  std::map<std::string, std::string> names;
  for (const Json& report : list_of(machines, "machines")) {
    const Json& machine = object_of(report, "machine");
    names[text_of(machine, "id")] = text_of(machine, "name");
  }
  std::vector<const Json*> pairs;
  std::vector<std::string> present;
  for (const Json& pair : list_of(rtt, "pairs")) {
    pairs.push_back(&pair);
    for (const auto* end : {"from", "to"}) {
      const auto id = text_of(pair, end);
      names.try_emplace(id, id);  // it came or went in between
      present.push_back(names[id]);
    }
  }
  if (pairs.empty()) return style.plain ? "" : "there are no two machines that answer\n";
  std::ranges::sort(present);
  present.erase(std::ranges::unique(present).begin(), present.end());
  if (present.size() > kMaxRttMatrix || style.plain) return list(pairs, names, style);
  std::map<std::pair<std::string, std::string>, std::string> cells;
  std::string notes;
  for (const Json* pair : pairs) {
    const auto from = names[text_of(*pair, "from")];
    const auto to = names[text_of(*pair, "to")];
    cells[{from, to}] = cell(*pair);
    if (const auto error = text_of(*pair, "error"); !error.empty())
      notes += std::format("{} → {}: {}\n", from, to, printable(error));
  }
  std::vector<std::string> header{"FROM \\ TO"};
  header.insert(header.end(), present.begin(), present.end());
  Table table(header);
  for (const auto& from : present) {
    std::vector<std::string> row{from};
    for (const auto& to : present) row.push_back(from == to ? "-" : cells[{from, to}]);
    table.row(std::move(row));
  }
  return table.render(style) + notes;
}

}  // namespace ployz::cli
