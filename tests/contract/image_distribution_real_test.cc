// Images from machine to machine on a real container engine and real sockets. Source and destination
// are one engine: what the source sends is kept, the image removed, and then played back.
#include "agent/stream_commands.h"
#include "base/digest.h"
#include "base/subprocess.h"
#include "contract/docker_machine.h"
#include "contract/stream_bytes.h"
#include "drivers/os/system_clock.h"
#include "drivers/transfer/tcp_transfers.h"

namespace ployz::contract {
namespace {

using std::chrono_literals::operator""s;

constexpr size_t kLayerBytes = 33 << 20;  // a part each
const std::string kReference = "contract/distributed:1";

std::string tar_file(std::string_view name, std::string_view bytes) {
  return tar_header(name, bytes.size()) + std::string(bytes) +
         std::string(tar_padding(bytes.size()), '\0');
}

// An image of two large layers on top of the test image's.
struct LargeImage {
  std::vector<std::string> layers;  // diff ids
  std::vector<std::string> own;     // bytes of the upper two
  std::string config;
  std::string id;

  explicit LargeImage(std::vector<std::string> lower) : layers(std::move(lower)) {
    for (const char* name : {"one", "two"}) {
      std::string bytes(kLayerBytes, '\0');
      fill_pattern(bytes, name[0]);
      own.push_back(tar_file(name, bytes) + tar_end());
      layers.push_back(sha256_digest(own.back()));
    }
    config = to_text({{"architecture", "amd64"},
                      {"os", "linux"},
                      {"config", {{"Cmd", {"/usr/bin/wc", "-c", "/one", "/two"}}}},
                      {"rootfs", {{"type", "layers"}, {"diff_ids", layers}}}});
    id = sha256_digest(config);
  }
  std::string archive() const {
    Json paths = Json::array();
    for (const std::string& layer : layers) paths.push_back(layer.substr(7) + ".tar");
    const std::string name = id.substr(7) + ".json";
    const Json entry = {
        {"Config", name}, {"RepoTags", Json::array({kReference})}, {"Layers", std::move(paths)}};
    std::string bytes;
    for (size_t i = 0; i < own.size(); ++i) {
      bytes += tar_file(layers[layers.size() - own.size() + i].substr(7) + ".tar", own[i]);
    }
    return bytes + tar_file(name, config) +
           tar_file("manifest.json", to_text(Json::array({entry}))) + tar_end();
  }
};

class ImageDistributionReal : public testing::Test {
 protected:
  void SetUp() override {
    auto listening = TcpTransfers::listen({.address = "127.0.0.1"});
    ASSERT_TRUE(listening) << listening.error().line();
    transfers_ = std::move(*listening);
    commands_ = std::make_unique<StreamCommands>(
        StreamCommands::Ports{machine_.containers, machine_.images, *transfers_, clock_}, "/tmp");
    lower_ = machine_.images.find(kTestImage).value()->layers;
    image_ = std::make_unique<LargeImage>(lower_);
  }
  void TearDown() override {
    forget();
    for (size_t layers = 0; layers < 200 && image_; ++layers) {
      (void)machine_.images.remove(partial_reference(image_->id, layers));
    }
  }
  void forget() { EXPECT_TRUE(machine_.images.remove(kReference)); }

  Status load(std::string_view archive) {
    return machine_.images.load([archive](std::span<char> into) mutable -> Result<size_t> {
      const size_t size = archive.copy(into.data(), into.size());
      archive.remove_prefix(size);
      return size;
    });
  }
  Result<Json> ask(const std::string& command, const Json& request) {
    return *commands_->handle(command, request);
  }
  // What the source sends to a receiver that has so many layers.
  std::string sent(size_t shared) {
    const auto offer = ask("image_offer", to_json(ImageOfferRequest{"sent", image_->id, shared}));
    EXPECT_TRUE(offer) << offer.error().line();
    const auto stream =
        transfers_->dial((*offer)["address"], std::string((*offer)["key"]), {"image", "sent"}, {});
    EXPECT_TRUE(stream);
    const auto all = read_all(**stream);
    EXPECT_TRUE(all) << all.error().line();
    return all.value_or("");
  }
  // The destination's side of it, with only the first `limit` bytes arriving.
  Result<ImageFetchReply> fetch(const std::string& transfer, std::string_view bytes, size_t limit) {
    const auto key = transfers_->offer(
        {"image", transfer}, [&, limit](MachineStream& stream, std::stop_token) -> Status {
          TRY(stream.write(bytes.substr(0, limit)));
          if (limit < bytes.size()) return fail(Code::unavailable, "the source went away");
          return {};
        });
    const ImageFetchRequest request{transfer, image_->id, kReference, *key, transfers_->address()};
    while (true) {
      const auto reply =
          TRY(image_fetch_reply_from_json(TRY(ask("image_fetch", to_json(request)))));
      if (reply.done) return reply;
    }
  }
  size_t shared() {
    const auto reply =
        ask("image_layers", to_json(ImageLayersRequest{kReference, image_->layers}));
    return image_layers_reply_from_json(*reply)->shared;
  }

  DockerMachine machine_;
  SystemClock clock_;
  std::unique_ptr<TcpTransfers> transfers_;
  std::unique_ptr<StreamCommands> commands_;
  std::vector<std::string> lower_;
  std::unique_ptr<LargeImage> image_;
};

// Why images travel in parts.
TEST_F(ImageDistributionReal, AnEngineKeepsNothingOfAnArchiveThatWasCut) {
  const std::string archive = image_->archive();
  const Status loaded = load(std::string_view(archive).substr(0, archive.size() * 3 / 4));
  EXPECT_FALSE(loaded);
  EXPECT_EQ(shared(), lower_.size());
}

TEST_F(ImageDistributionReal, ArrivesAndAfterACutTheSecondRunGoesOn) {
  const Status loaded = load(image_->archive());
  ASSERT_TRUE(loaded) << loaded.error().line();
  const std::string whole = sent(lower_.size());
  const std::string rest = sent(lower_.size() + 1);
  EXPECT_GT(whole.size(), 2 * kLayerBytes);
  EXPECT_LT(rest.size(), kLayerBytes + (1 << 20));
  forget();
  ASSERT_EQ(shared(), lower_.size());

  const auto broken = fetch("first", whole, kLayerBytes + kLayerBytes / 2);
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.contains("the source went away")) << broken.error().line();
  EXPECT_EQ(shared(), lower_.size() + 1);
  EXPECT_FALSE(*machine_.images.find(kReference));

  const auto reply = fetch("second", rest, rest.size());
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_EQ(reply->layers, 1u);
  EXPECT_EQ(machine_.images.find(kReference).value()->id, image_->id);
  EXPECT_FALSE(*machine_.images.find(partial_reference(image_->id, lower_.size() + 1)));
  const auto said = run_ok({.argv = {"docker", "run", "--rm", "--network=none", kReference}});
  ASSERT_TRUE(said) << said.error().line();
  EXPECT_TRUE(said->contains(std::to_string(2 * kLayerBytes))) << *said;

  // All at once, and again although it is here.
  forget();
  ASSERT_EQ(shared(), lower_.size());
  ASSERT_TRUE(fetch("third", whole, whole.size()));
  EXPECT_EQ(machine_.images.find(kReference).value()->id, image_->id);
  EXPECT_TRUE(fetch("fourth", whole, whole.size()));
}

TEST_F(ImageDistributionReal, AnotherImageThanPromisedIsCorrupt) {
  ASSERT_TRUE(load(image_->archive()));
  const std::string whole = sent(lower_.size());
  forget();
  std::string changed = whole;
  changed[changed.find("two") + 4000] ^= 1;  // a byte of a layer
  const auto broken = fetch("changed", changed, changed.size());
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::corrupt) << broken.error().line();
}

}  // namespace
}  // namespace ployz::contract
