// The Images contract on a real container engine; archives, whole, broken and reduced; pulls
// without a registry.
#include <fcntl.h>

#include "base/digest.h"
#include "base/image_archive.h"
#include "base/subprocess.h"
#include "contract/docker_machine.h"
#include "contract/images_contract.h"

namespace ployz::contract {
namespace {

using std::chrono_literals::operator""s;

ImagesUnderTest make() {
  auto machine = std::make_shared<DockerMachine>();
  return {machine, &machine->images, std::string(kTestImage)};
}

std::string tar_file(std::string_view name, std::string_view bytes) {
  return tar_header(name, bytes.size()) + std::string(bytes) +
         std::string(tar_padding(bytes.size()), '\0');
}

// An image whose lowest layers are another's and whose top layer is one small file.
struct MadeImage {
  std::string layer = tar_file("contract.txt", "hello from the top layer\n") + tar_end();
  std::vector<std::string> layers;  // diff ids
  std::string config;
  std::string id;

  MadeImage(std::vector<std::string> lower, std::string_view text) : layers(std::move(lower)) {
    layer = tar_file("contract.txt", text) + tar_end();
    layers.push_back(sha256_digest(layer));
    config = to_text({{"architecture", "amd64"},
                      {"os", "linux"},
                      {"config", {{"Cmd", {"/bin/cat", "/contract.txt"}}}},
                      {"rootfs", {{"type", "layers"}, {"diff_ids", layers}}}});
    id = sha256_digest(config);
  }
  // As `docker save` writes it, but only with the top layer.
  std::string archive(std::string_view reference) const {
    Json paths = Json::array();
    for (const std::string& layer_id : layers) paths.push_back(layer_id.substr(7) + ".tar");
    const std::string name = id.substr(7) + ".json";
    const Json entry = {
        {"Config", name}, {"RepoTags", Json::array({reference})}, {"Layers", std::move(paths)}};
    return tar_file(layers.back().substr(7) + ".tar", layer) + tar_file(name, config) +
           tar_file("manifest.json", to_text(Json::array({entry}))) + tar_end();
  }
};

class DockerImagesTest : public ImagesContract {
 protected:
  DockerMachine& machine() { return *std::static_pointer_cast<DockerMachine>(under_test_.owner); }
  Status load(std::string_view archive) {
    return images().load([archive](std::span<char> into) mutable -> Result<size_t> {
      const size_t size = archive.copy(into.data(), into.size());
      archive.remove_prefix(size);
      return size;
    });
  }
  std::vector<std::string> base() { return images().find(kTestImage).value()->layers; }
  void forget(std::string_view reference) {
    (void)machine().api.remove("/images/" + std::string(reference) + "?force=1");
  }
};

TEST_P(DockerImagesTest, LoadsAnArchiveThatLacksTheLayersThatAreHere) {
  const MadeImage made(base(), "reduced\n");
  const Status loaded = load(made.archive("contract/reduced:1"));
  ASSERT_TRUE(loaded) << loaded.error().line();
  const auto found = images().find("contract/reduced:1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, made.id);
  EXPECT_EQ((*found)->layers, made.layers);
  ContainerSpec spec;
  EXPECT_EQ(run_ok({.argv = {"docker", "run", "--rm", "--network=none", made.id}}), "reduced\n");
  EXPECT_TRUE(load(made.archive("contract/reduced:1")));  // again
  forget("contract/reduced:1");
}

TEST_P(DockerImagesTest, AnArchiveThatLacksALayerThatIsNotHereIsCorrupt) {
  const MadeImage made({"sha256:" + std::string(64, 'd')}, "incomplete\n");
  const Status loaded = load(made.archive("contract/incomplete:1"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::corrupt) << loaded.error().line();
  EXPECT_EQ(images().find("contract/incomplete:1").value(), std::nullopt);
}

TEST_P(DockerImagesTest, GarbageAndCutArchivesAreCorrupt) {
  const MadeImage made(base(), "cut\n");
  std::string whole = made.archive("contract/cut:1");
  EXPECT_EQ(load("this is no archive").error().code, Code::corrupt);
  EXPECT_EQ(load(std::string(1 << 20, 'x')).error().code, Code::corrupt);
  EXPECT_EQ(load(std::string_view(whole).substr(0, 1500)).error().code, Code::corrupt);
  EXPECT_EQ(load(std::string_view(whole).substr(0, 600)).error().code, Code::corrupt);
  // A layer that is not what the config says.
  whole.replace(whole.find("cut\n"), 4, "CUT\n");
  EXPECT_EQ(load(whole).error().code, Code::corrupt);
  EXPECT_EQ(images().find("contract/cut:1").value(), std::nullopt);
}

// What `image push` does: save, reduce by what the receiver has, load.
TEST_P(DockerImagesTest, AReducedSaveLoads) {
  const MadeImage made(base(), "saved and reduced\n");
  ASSERT_TRUE(load(made.archive("contract/saved:1")));
  std::string path = "/tmp/ployz-save-XXXXXX";
  Fd file(::mkostemp(path.data(), O_CLOEXEC));
  ::unlink(path.c_str());
  auto saved = Child::start({.argv = {"docker", "save", "contract/saved:1"}},
                            {.err = ChildStream::inherit, .out_fd = file.get()});
  ASSERT_TRUE(saved && saved->wait(deadline_in(60s))->ok());
  forget("contract/saved:1");
  ASSERT_EQ(images().find(made.id).value(), std::nullopt);

  const auto archive = ImageArchive::open(std::move(file));
  ASSERT_TRUE(archive) << archive.error().line();
  const ArchivedImage* image = archive->find("contract/saved:1");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, made.id);
  auto whole = archive->reduce(*image, {});
  auto reader = archive->reduce(*image, {base()});
  ASSERT_TRUE(whole && reader);
  EXPECT_EQ((*reader)->size().layers_skipped, base().size());
  EXPECT_LT((*reader)->size().bytes, 20'000u);
  EXPECT_GT((*whole)->size().bytes, 50u << 20);
  const auto read = [&](std::span<char> into) { return (*reader)->read(into); };
  const Status loaded = images().load(read);
  ASSERT_TRUE(loaded) << loaded.error().line();
  EXPECT_EQ(images().find("contract/saved:1").value()->id, made.id);
  EXPECT_EQ(run_ok({.argv = {"docker", "run", "--rm", "--network=none", "contract/saved:1"}}),
            "saved and reduced\n");
  const Status again = images().load([&](std::span<char> into) { return (*whole)->read(into); });
  EXPECT_TRUE(again) << again.error().line();
  forget("contract/saved:1");
}

TEST_P(DockerImagesTest, SaysQuicklyWhyAnImageCannotBePulled) {
  const auto before = std::chrono::steady_clock::now();
  const Status refused = images().check_pullable("localhost:1/shop/web:1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable) << refused.error().line();
  EXPECT_TRUE(refused.error().message.contains("localhost:1/shop/web:1"));
  const Status nowhere = images().check_pullable("registry.invalid/shop/web:1");
  EXPECT_EQ(nowhere.error().code, Code::unavailable) << nowhere.error().line();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 12s);
  EXPECT_EQ(images().pull("localhost:1/shop/web:1").error().code, Code::unavailable);
  EXPECT_EQ(images().check_pullable("not a reference").error().code, Code::invalid);
  EXPECT_EQ(images().find("../containers/json?all=1").error().code, Code::invalid);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Docker, ImagesContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Docker, DockerImagesTest, testing::Values(&make));

}  // namespace ployz::contract
