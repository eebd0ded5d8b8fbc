#include "drivers/transfer/frames.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <format>

#include "base/check.h"
#include "base/json.h"

namespace ployz {
namespace {

constexpr size_t kTag = 16;
constexpr size_t kEndPayload = 8 + kTag;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Code::corrupt, std::format("stream: {}", what));
}

}  // namespace

std::string encode_greeting(std::string_view key, const StreamPurpose& purpose) {
  std::string bytes(kGreetingMagic);
  bytes += kStreamVersion;
  bytes += key;
  bytes += purpose_digest(purpose);
  return bytes;
}

Result<Greeting> parse_greeting(std::string_view bytes) {
  if (bytes.size() != kGreetingSize || !bytes.starts_with(kGreetingMagic)) {
    return corrupt("no greeting");
  }
  if (bytes[kGreetingMagic.size()] != kStreamVersion) {
    return fail(Code::unsupported, "stream: another version");
  }
  bytes.remove_prefix(kGreetingMagic.size() + 1);
  if (!is_hex(bytes)) return corrupt("no greeting");
  return Greeting{std::string(bytes.substr(0, kStreamKeyLength)),
                  std::string(bytes.substr(kStreamKeyLength))};
}

struct StreamSum::State {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  uint64_t count = 0;
};

StreamSum::StreamSum(std::string_view stream_key, StreamEnd writer)
    : state_(std::make_unique<State>()) {
  const std::string text = std::format(
      "ployz stream {} {}", writer == StreamEnd::dialing ? "dialing" : "offering", stream_key);
  std::array<unsigned char, 32> key{};
  check(EVP_Digest(text.data(), text.size(), key.data(), nullptr, EVP_sha256(), nullptr) == 1,
        "SHA-256 is there");
  constexpr std::array<unsigned char, 12> kNonce{};
  check(state_->context && EVP_EncryptInit_ex(state_->context, EVP_aes_256_gcm(), nullptr,
                                              key.data(), kNonce.data()) == 1,
        "AES-256-GCM is there");
}

StreamSum::~StreamSum() { EVP_CIPHER_CTX_free(state_->context); }

void StreamSum::add(std::string_view bytes) {
  if (bytes.empty()) return;
  check(bytes.size() <= kMaxFrameData, "no piece is larger than a frame");
  state_->count += bytes.size();
  int added = 0;
  // Without an output: additional data, which is only authenticated.
  check(EVP_EncryptUpdate(state_->context, nullptr, &added,
                          reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<int>(bytes.size())) == 1,
        "the tag goes on");
}

std::string StreamSum::finish() {
  std::string payload;
  for (int shift = 56; shift >= 0; shift -= 8) {
    payload += static_cast<char>(state_->count >> shift & 0xff);
  }
  std::array<unsigned char, kTag> tag{};
  int added = 0;
  check(EVP_EncryptFinal_ex(state_->context, tag.data(), &added) == 1 && added == 0 &&
            EVP_CIPHER_CTX_ctrl(state_->context, EVP_CTRL_AEAD_GET_TAG, kTag, tag.data()) == 1,
        "the tag ends once");
  payload.append(tag.begin(), tag.end());
  return payload;
}

std::string frame_header(char type, size_t length) {
  std::string header(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) header += static_cast<char>(length >> shift & 0xff);
  return header;
}

std::string end_frame(StreamSum& sum) { return frame_header('E', kEndPayload) + sum.finish(); }

std::string error_frame(const Error& error) {
  std::string text = to_text(error_to_json(error));
  if (text.size() > kMaxFrameError) {  // without its context, and of its message the beginning
    Error small{error.code, error.effect, error.message.substr(0, 1024),
                error.hint.substr(0, 1024), {}};
    text = to_text(error_to_json(small));
  }
  return frame_header('X', text.size()) + text;
}

std::string alive_frame() { return frame_header('K', 0); }

Result<FrameParser::Step> FrameParser::next(std::string_view input) {
  Step step;
  while (step.used < input.size()) {
    const std::string_view rest = input.substr(step.used);
    if (type_ == 'D') {
      step.data = rest.substr(0, std::min(rest.size(), missing_));
      sum_.add(step.data);
      missing_ -= step.data.size();
      if (missing_ == 0) type_ = 0;
      step.used += step.data.size();
      return step;
    }
    const size_t wanted = type_ == 0 ? kFrameHeader - partial_.size() : missing_;
    const std::string_view piece = rest.substr(0, std::min(rest.size(), wanted));
    partial_ += piece;
    step.used += piece.size();
    if (type_ != 0) missing_ -= piece.size();
    if (piece.size() < wanted) break;
    const bool ended = ended_;
    if (type_ == 0) {
      TRY(begin(std::exchange(partial_, {})));
    } else {
      TRY(complete());
    }
    if (ended_ != ended) {
      step.ended = true;
      return step;
    }
  }
  return step;
}

Status FrameParser::begin(std::string_view header) {
  size_t length = 0;
  for (const char byte : header.substr(1)) length = length << 8 | static_cast<unsigned char>(byte);
  const char type = header[0];
  if (type == 'K' && length == 0) return {};
  if (ended_) return corrupt("something follows its end");
  const bool fits = (type == 'D' && length >= 1 && length <= kMaxFrameData) ||
                    (type == 'E' && length == kEndPayload) ||
                    (type == 'X' && length >= 1 && length <= kMaxFrameError);
  if (!fits) return corrupt("garbage in place of a frame");
  type_ = type;
  missing_ = length;
  return {};
}

Status FrameParser::complete() {
  const std::string payload = std::exchange(partial_, {});
  const char type = std::exchange(type_, 0);
  if (type == 'X') {
    const auto json = parse_json(payload);
    if (!json || !json->is_object()) return corrupt("an error that does not parse");
    return fail(error_from_json(*json));
  }
  const std::string expected = sum_.finish();
  if (payload.size() != expected.size() ||
      CRYPTO_memcmp(payload.data(), expected.data(), expected.size()) != 0) {
    return corrupt("its bytes do not match their length and tag");
  }
  ended_ = true;
  return {};
}

}  // namespace ployz
