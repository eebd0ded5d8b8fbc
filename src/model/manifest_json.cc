// JSON with positions. nlohmann's parser reports no positions, but it reports every token in the
// order of the text: a cursor that steps over the same tokens always knows where they stand.
#include <format>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "model/manifest_node.h"
#include "model/quote.h"

namespace ployz {
namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // Where the next token stands; moves past it. The text up to there is known to be well-formed.
  Position next() {
    while (!done() && std::string_view(" \t\r\n,:").contains(text_[at_])) step();
    const Position here = position_;
    if (done()) return here;
    if (text_[at_] == '"') {
      skip_string();
    } else if (std::string_view("{}[]").contains(text_[at_])) {
      step();
    } else {
      while (!done() && !std::string_view(" \t\r\n,:{}[]").contains(text_[at_])) step();
    }
    return here;
  }

  // For parse errors: `offset` bytes from the start.
  Position at_offset(size_t offset) {
    while (!done() && at_ < offset) step();
    return position_;
  }

 private:
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }

  void step() {
    if (text_[at_] == '\n') {
      position_ = {position_.line + 1, 1};
    } else if (at_ + 1 >= text_.size() || (text_[at_ + 1] & 0xc0) != 0x80) {
      ++position_.column;  // the byte after it begins another code point
    }
    ++at_;
  }

  void skip_string() {
    step();
    while (!done() && text_[at_] != '"') {
      if (text_[at_] == '\\') step();
      if (!done()) step();
    }
    if (!done()) step();
  }

  std::string_view text_;
  size_t at_ = 0;
  Position position_;
};

// Builds the tree from the parser's events. A handler that returns false ends the parse.
class TreeBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text), cursor_(text) {}

  [[nodiscard]] Result<Node> take() {
    if (error_) return fail(std::move(*error_));
    return std::move(root_);
  }

  bool null() override { return add(Unusable{}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    // Beyond int64 no key accepts it; as a double it is still a number to the reader of the error.
    if (value > INT64_MAX) return add(static_cast<double>(value));
    return add(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return open(Table{}); }
  bool start_array(size_t) override { return open(Array{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    const Position at = cursor_.next();
    if (!levels_.back().keys.insert(key).second) {
      return stop(fail_at(at, std::format("duplicate key {}", quote(key))));
    }
    std::get<Table>(levels_.back().node.value).push_back({std::move(key), at, {}});
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    return stop(fail_at(Cursor(text_).at_offset(position > 0 ? position - 1 : 0),
                        std::format("not valid JSON: {}", reason_of(error.what()))));
  }

 private:
  struct Level {
    Node node;
    std::set<std::string> keys;
  };

  // "…syntax error while parsing value - invalid literal; last read: '…'": what was read may be a
  // secret and stays out.
  static std::string reason_of(std::string_view what) {
    constexpr std::string_view kBefore = "syntax error ";
    const size_t begin = what.find(kBefore);
    if (begin == std::string_view::npos) return "a number is out of range";
    what.remove_prefix(begin + kBefore.size());
    return std::string(what.substr(0, what.find("; last read")));
  }

  bool stop(std::unexpected<Error> error) {
    error_ = std::move(error).error();
    return false;
  }

  template <class Value>
  bool add(Value value) {
    return place({cursor_.next(), std::move(value)});
  }

  template <class Value>
  bool open(Value value) {
    const Position at = cursor_.next();
    if (levels_.size() > kMaxManifestDepth) {
      return stop(fail_at(at, std::format("nested deeper than {} levels", kMaxManifestDepth)));
    }
    levels_.push_back({{at, std::move(value)}, {}});
    return true;
  }

  bool close() {
    (void)cursor_.next();
    Node node = std::move(levels_.back().node);
    levels_.pop_back();
    return place(std::move(node));
  }

  bool place(Node node) {
    if (levels_.empty()) {
      root_ = std::move(node);
    } else if (auto* array = std::get_if<Array>(&levels_.back().node.value)) {
      array->push_back(std::move(node));
    } else {
      std::get<Table>(levels_.back().node.value).back().value = std::move(node);
    }
    return true;
  }

  std::string_view text_;
  Cursor cursor_;
  std::vector<Level> levels_;
  Node root_;
  std::optional<Error> error_;
};

}  // namespace

Result<Node> parse_json_tree(std::string_view text) {
  constexpr std::string_view kBom = "\xef\xbb\xbf";
  if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  TreeBuilder builder(text);
  Json::sax_parse(text, &builder);
  Node root = TRY(builder.take());
  if (!std::holds_alternative<Table>(root.value)) {
    return fail_at(root.at, "a manifest must be a JSON object");
  }
  return root;
}

}  // namespace ployz
