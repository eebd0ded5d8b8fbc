// Bytes for tests of machine streams.
#pragma once

#include <span>
#include <string>

#include "ports/transfer.h"

namespace ployz::contract {

// Bytes that differ everywhere, so that a piece that is lost or moved is noticed.
inline void fill_pattern(std::span<char> into, uint64_t offset) {
  for (size_t i = 0; i < into.size(); ++i) {
    into[i] = static_cast<char>((offset + i) * 2654435761u >> 13);
  }
}

inline Result<std::string> read_all(MachineStream& stream) {
  std::string all, piece(1000, '\0');
  while (const size_t got = TRY(stream.read(piece))) all.append(piece, 0, got);
  return all;
}

}  // namespace ployz::contract
