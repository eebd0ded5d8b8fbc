// Whatever is pasted as a join token: refused with words that show nothing of it, or the same after
// being written again. The second half of the inputs is taken for the document inside, with its sum
// put right.
#include "base/base64url.h"
#include "base/check.h"
#include "base/digest.h"
#include "model/invite.h"
#include "model/join_token.h"

using namespace ployz;

namespace {

// A part of it that is in the refusal of another text as well is the refusal's own words.
bool shows(const Error& refusal, std::string_view text) {
  constexpr size_t kStart = 20;
  constexpr size_t kLength = 40;
  if (text.size() < kStart + kLength) return false;
  const std::string_view part = text.substr(kStart, kLength);
  if (!refusal.line().contains(part)) return false;
  const auto other = decode_join_token(std::string(text).replace(kStart, kLength, kLength, 'A'));
  return other || !other.error().line().contains(part);
}

void read(std::string_view text) {
  const auto token = decode_join_token(text);
  if (!token) {
    check(!token.error().message.empty() && !token.error().hint.empty(), "a refusal says why");
    check(!shows(token.error(), text), "it is a secret");
    return;
  }
  check(token->guest < kGuests && !token->machines.empty(), "it can be asked with");
  check(decode_join_token(encode_join_token(*token)) == *token, "nothing is lost on the way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] == 'a') {
    read(input);
  } else if (bytes[0] == 'b') {
    const std::string document(input);
    read(std::string(kTokenPrefix) +
         encode_base64url(document + sha256_digest(document).substr(7, 16)));
  } else if (const auto invite = parse_json(input).and_then(invite_from_json)) {
    check(invite_from_json(to_json(*invite)) == *invite, "nothing is lost on the way");
  }
  return 0;
}
