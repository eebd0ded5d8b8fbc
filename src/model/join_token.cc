#include "model/join_token.h"

#include <algorithm>
#include <format>

#include "base/base64url.h"
#include "base/digest.h"
#include "base/nkey.h"
#include "base/ulid.h"
#include "model/codec.h"
#include "model/invite.h"

namespace ployz {

template <class Codec, Like<TokenMachine> T>
void fields(Codec& codec, T& machine) {
  codec.field("id", machine.id);
  codec.field("address", machine.overlay_address);
  codec.field("wireguard", machine.wireguard_public_key);
  codec.field("nats", machine.nats_public_key);
  codec.field("endpoints", machine.endpoints);
}

template <class Codec, Like<JoinToken> T>
void fields(Codec& codec, T& token) {
  codec.field("network", token.network);
  codec.field("cidr", token.cluster_cidr);
  codec.field("invite", token.invite);
  codec.field("name", token.name);
  codec.field("guest", token.guest);
  codec.field("expires_at_ms", token.expires_at_ms);
  codec.field("wireguard", token.wireguard_private_key);
  codec.field("nats", token.nats_seed);
  codec.field("machines", token.machines);
}

namespace {

constexpr std::string_view kFamily = "ployz";
constexpr size_t kSumDigits = 16;

// In hex digits.
std::string sum_of(std::string_view document) {
  return sha256_digest(document).substr(std::string_view("sha256:").size(), kSumDigits);
}

std::unexpected<Error> no_token(std::string_view why) {
  return fail(Code::invalid, std::format("this is no join token: {}", why),
              "copy all of what ployzctl machine invite create printed, or create another one");
}

bool is_key_text(std::string_view text) {
  return text.size() == 44 && text.ends_with('=');  // what it is of, WireGuard's driver says
}

Status check_machine(const TokenMachine& machine) {
  if (!is_ulid(machine.id.str()) || !is_key_text(machine.wireguard_public_key) ||
      !is_user_public_key(machine.nats_public_key) || machine.overlay_address.empty() ||
      machine.endpoints.empty() || machine.endpoints.size() > kMaxTokenEndpoints) {
    return no_token("it says nothing usable of a machine");
  }
  return {};
}

Status check_token(const JoinToken& token) {
  if (!check_dns_label(token.network, "network name") || !is_ulid(token.invite.str()) ||
      (!token.name.empty() && !check_dns_label(token.name, "machine name")) ||
      token.guest >= kGuests || !is_key_text(token.wireguard_private_key) ||
      !Nkey::from_seed(token.nats_seed) || token.cluster_cidr.empty()) {
    return no_token("what it says is not what a token says");
  }
  if (token.machines.empty() || token.machines.size() > kMaxTokenMachines) {
    return no_token("it names no machine to ask");
  }
  for (const TokenMachine& machine : token.machines) TRY(check_machine(machine));
  return {};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// Of another version of the format: "ployz2_…".
bool is_newer(std::string_view text) {
  const size_t end = text.find('_');
  if (!text.starts_with(kFamily) || end == std::string_view::npos || end == kFamily.size())
    return false;
  return std::ranges::all_of(text.substr(kFamily.size(), end - kFamily.size()),
                             [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string encode_join_token(const JoinToken& token) {
  const std::string document = to_text(write_fields(token));
  return std::string(kTokenPrefix) + encode_base64url(document + sum_of(document));
}

Result<JoinToken> decode_join_token(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return no_token("it is empty");
  if (text.size() > kMaxTokenBytes) return no_token("it is too long");
  if (!text.starts_with(kTokenPrefix)) {
    if (!is_newer(text)) return no_token(std::format("one begins with {}", kTokenPrefix));
    return fail(Code::unsupported, "this join token is of a newer Ployz", "upgrade Ployz here");
  }
  const auto bytes = decode_base64url(text.substr(kTokenPrefix.size()));
  if (!bytes || bytes->size() <= kSumDigits) return no_token("it is not whole");
  const auto document = std::string_view(*bytes).substr(0, bytes->size() - kSumDigits);
  if (!bytes->ends_with(sum_of(document))) return no_token("it is not whole");
  const auto json = parse_json(document);
  if (!json) return no_token("it does not parse");
  auto token = read_fields<JoinToken>(*json);
  if (!token) return no_token("it does not parse");
  TRY(check_token(*token));
  return token;
}

}  // namespace ployz
