// Whatever a peer sends: the parser returns, keeps little, and calls nothing an end that is none.
#include "base/check.h"
#include "drivers/transfer/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  (void)ployz::parse_greeting(input.substr(0, ployz::kGreetingSize));
  if (input.empty()) return 0;
  const size_t piece = 1 + static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  const std::string key(ployz::kStreamKeyLength, 'a');
  ployz::FrameParser parser(key, ployz::StreamEnd::dialing);
  ployz::StreamSum sum(key, ployz::StreamEnd::dialing);
  std::string end;  // what a correct end frame is, once there is one
  while (!input.empty()) {
    const auto step = parser.next(input.substr(0, std::min(piece, input.size())));
    if (!step) return 0;
    ployz::check(step->used > 0, "every step consumes");
    sum.add(step->data);
    if (step->ended) {
      end = ployz::end_frame(sum);
      ployz::check(end.size() > ployz::kFrameHeader, "an end frame has a payload");
    }
    input.remove_prefix(step->used);
  }
  return 0;
}
