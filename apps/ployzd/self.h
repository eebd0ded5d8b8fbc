// This machine before it belongs to any network: its id, name and keys. Made once, when they are
// first needed, and kept until it leaves a network; the private halves never leave these files.
#pragma once

#include "base/nkey.h"
#include "identity.h"
#include "member.h"
#include "model/admission.h"
#include "model/config.h"
#include "paths.h"

namespace ployz {

// The identity on disk; a new one, of no network, when there is none. Endpoints and version are
// this moment's.
[[nodiscard]] Result<Identity> ensure_self(const Config& config, const Paths& paths,
                                           const LocalDrivers& drivers);
[[nodiscard]] SelfRecord self_record_of(const Identity& identity, uint64_t now_ms);

// The key in this file, made when there is none.
[[nodiscard]] Result<Nkey> nkey_at(const std::filesystem::path& path);
[[nodiscard]] Result<std::string> wireguard_key_at(const std::filesystem::path& path);

// What ensure_self() made is gone; for a machine that belongs to no network and was refused by one.
void forget_self(const Paths& paths);

}  // namespace ployz
