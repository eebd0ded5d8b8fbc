// base64url without padding (RFC 4648, section 5): bytes in what a shell, a URL and a chat leave
// alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ployz {

[[nodiscard]] std::string encode_base64url(std::string_view bytes);
// Nullopt for anything that encode_base64url() does not write.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace ployz
