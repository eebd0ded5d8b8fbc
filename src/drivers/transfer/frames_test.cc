#include "drivers/transfer/frames.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace ployz {
namespace {

const std::string kKey(kStreamKeyLength, 'a');

// What a reader gets from these bytes, fed in pieces of `size`.
struct Outcome {
  std::string data;
  bool ended = false;
  std::optional<Error> error;
};

Outcome parse(std::string_view bytes, size_t size) {
  FrameParser parser(kKey, StreamEnd::offering);
  Outcome out;
  while (!bytes.empty()) {
    const auto step = parser.next(bytes.substr(0, std::min(size, bytes.size())));
    if (!step) {
      out.error = step.error();
      return out;
    }
    out.data += step->data;
    out.ended = parser.ended();
    bytes.remove_prefix(step->used);
  }
  return out;
}

std::string data_frame(StreamSum& sum, std::string_view data) {
  sum.add(data);
  return frame_header('D', data.size()) + std::string(data);
}

TEST(Frames, RoundTripInPiecesOfAnySize) {
  StreamSum sum(kKey, StreamEnd::offering);
  const std::string big(kMaxFrameData, 'x');
  std::string wire = alive_frame() + data_frame(sum, "hello ");
  wire += alive_frame() + data_frame(sum, big);
  wire += end_frame(sum) + alive_frame();
  for (const size_t size : {size_t{1}, size_t{3}, size_t{7}, size_t{4096}, wire.size()}) {
    const Outcome out = parse(wire, size);
    EXPECT_FALSE(out.error) << size;
    EXPECT_TRUE(out.ended) << size;
    EXPECT_TRUE(out.data == "hello " + big) << size;
  }
}

TEST(Frames, AnEmptyStreamEnds) {
  StreamSum sum(kKey, StreamEnd::offering);
  const Outcome out = parse(end_frame(sum), 1);
  EXPECT_TRUE(out.ended);
  EXPECT_EQ(out.data, "");
}

TEST(Frames, WithoutItsEndNothingIsAnEnd) {
  StreamSum sum(kKey, StreamEnd::offering);
  std::string wire = data_frame(sum, "hello");
  wire += end_frame(sum);
  for (size_t size = 0; size < wire.size(); ++size) {
    const Outcome out = parse(std::string_view(wire).substr(0, size), 5);
    EXPECT_FALSE(out.ended) << size;
    EXPECT_FALSE(out.error) << size;
  }
}

TEST(Frames, AnyChangedByteIsCorrupt) {
  StreamSum sum(kKey, StreamEnd::offering);
  std::string wire = data_frame(sum, "hello");
  wire += end_frame(sum);
  for (size_t i = 0; i < wire.size(); ++i) {
    std::string changed = wire;
    changed[i] ^= 1;
    const Outcome out = parse(changed, 64);
    EXPECT_FALSE(out.ended) << i;
  }
}

TEST(Frames, AnEndOfAnotherStreamOrOfTheOtherDirectionIsNone) {
  const std::string other_key(kStreamKeyLength, 'b');
  StreamSum another(other_key, StreamEnd::offering);
  StreamSum backwards(kKey, StreamEnd::dialing);
  for (StreamSum* sum : {&another, &backwards}) {
    const std::string data = data_frame(*sum, "hello");
    const Outcome out = parse(data + end_frame(*sum), 64);
    EXPECT_FALSE(out.ended);
    ASSERT_TRUE(out.error);
    EXPECT_EQ(out.error->code, Code::corrupt);
  }
}

TEST(Frames, AnErrorOfTheWriterArrives) {
  const Error error{Code::precondition, Effect::none, "no space", "free some", {{"disk", "0"}}};
  const Outcome out = parse(error_frame(error), 3);
  ASSERT_TRUE(out.error);
  EXPECT_EQ(*out.error, error);
  const Error huge{Code::internal, Effect::none, std::string(1 << 20, '\x01'), "", {}};
  ASSERT_TRUE(parse(error_frame(huge), 4096).error);
  EXPECT_EQ(parse(error_frame(huge), 4096).error->code, Code::internal);
}

TEST(Frames, GarbageIsCorrupt) {
  StreamSum sum(kKey, StreamEnd::offering);
  const std::string ended = end_frame(sum);
  for (const std::string& wire :
       {std::string("GET / HTTP/1.1\r\n"), frame_header('D', 0), frame_header('D', kMaxFrameData + 1),
        frame_header('K', 1), frame_header('E', 1), frame_header('X', 0),
        frame_header('X', 3) + "nil", frame_header('X', kMaxFrameError + 1), ended + ended,
        ended + frame_header('D', 1)}) {
    const Outcome out = parse(wire, 2);
    ASSERT_TRUE(out.error) << wire;
    EXPECT_EQ(out.error->code, Code::corrupt);
  }
}

TEST(Frames, Greetings) {
  const StreamPurpose purpose{"image", "op-1"};
  const std::string key(kStreamKeyLength, 'a');
  const std::string wire = encode_greeting(key, purpose);
  ASSERT_EQ(wire.size(), kGreetingSize);
  const auto parsed = parse_greeting(wire);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key, key);
  EXPECT_EQ(parsed->purpose, purpose_digest(purpose));
  EXPECT_FALSE(wire.contains("op-1"));
  std::string newer = wire;
  newer[4] = kStreamVersion + 1;
  EXPECT_EQ(parse_greeting(newer).error().code, Code::unsupported);
  EXPECT_EQ(parse_greeting(wire.substr(1)).error().code, Code::corrupt);
  EXPECT_EQ(parse_greeting(std::string(kGreetingSize, 'z')).error().code, Code::corrupt);
}

}  // namespace
}  // namespace ployz
