// What anybody on the overlay may send to the peer port, and what a peer may answer: the first byte
// says which reader gets the rest. An envelope that is accepted is the same after being written
// again.
#include "base/check.h"
#include "drivers/peer/peer_wire.h"
#include "ports/peer_calls.h"
#include "ports/rpc_wire.h"

using namespace ployz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  static const Nkey key = Nkey::generate();
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0]) {
    case 'a':
      if (const auto sealed = peer_wire::decode_envelope(input)) {
        check(!peer_wire::is_signed_by(*sealed, key.public_key()), "nobody guesses a signature");
        const std::string frame = peer_wire::encode_envelope(sealed->envelope, key);
        const auto again = peer_wire::decode_envelope(frame.substr(peer_wire::kLengthBytes));
        check(again && again->envelope == sealed->envelope, "nothing is lost on the way");
        check(peer_wire::is_signed_by(*again, key.public_key()), "what we sign can be proved");
      }
      break;
    case 'b':
      (void)peer_wire::decode_hello(input);
      break;
    case 'c':
      (void)peer_wire::decode_reply_head(input);
      break;
    case 'd':
      (void)peer_wire::frame_length(input);
      break;
    case 'e':
      if (const auto hello = rpc_wire::decode_reply(input).and_then(peer_hello_from_json)) {
        check(peer_hello_from_json(to_json(*hello)) == *hello, "nothing is lost on the way");
      }
      break;
    default:
      (void)rpc_wire::decode_request(input);
      break;
  }
  return 0;
}
