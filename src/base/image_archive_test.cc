#include "base/image_archive.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/json.h"

namespace ployz {
namespace {

Fd file_of(std::string_view bytes) {
  std::string name = "/tmp/ployz-archive-XXXXXX";
  Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  ::unlink(name.c_str());
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

std::string entry(std::string_view name, std::string_view bytes) {
  return tar_header(name, bytes.size()) + std::string(bytes) +
         std::string(tar_padding(bytes.size()), '\0');
}

const std::string kBottom(700, 'b');
const std::string kTop(1300, 't');

std::string config() {
  return to_text(
      {{"os", "linux"},
       {"rootfs",
        {{"type", "layers"}, {"diff_ids", {sha256_digest(kBottom), sha256_digest(kTop)}}}}});
}

// The layout of Docker up to 24 (old) or from 25 on.
std::string archive(bool old, std::string_view top = kTop) {
  const std::string id = sha256_digest(config()).substr(7);
  const auto blob = [](std::string_view bytes) {
    return "blobs/sha256/" + sha256_digest(bytes).substr(7);
  };
  const std::string config_path = old ? id + ".json" : "blobs/sha256/" + id;
  const std::string bottom_path = old ? "aaa/layer.tar" : blob(kBottom);
  const std::string top_path = old ? "bbb/layer.tar" : blob(kTop);
  const Json image = {
      {"Config", config_path}, {"RepoTags", {"shop/web:1"}}, {"Layers", {bottom_path, top_path}}};
  return entry(bottom_path, kBottom) + entry(config_path, config()) + entry(top_path, top) +
         entry("manifest.json", to_text(Json::array({image}))) + tar_end();
}

Result<std::string> read_all(ArchiveReader& reader, size_t piece = 333) {
  std::string all;
  std::string buffer(piece, '\0');
  while (true) {
    const size_t size = TRY(reader.read(buffer));
    if (size == 0) return all;
    all.append(buffer, 0, size);
  }
}

class Layouts : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(ImageArchive, Layouts, testing::Bool());

TEST_P(Layouts, KnowsItsImages) {
  const auto opened = ImageArchive::open(file_of(archive(GetParam())));
  ASSERT_TRUE(opened) << opened.error().line();
  ASSERT_EQ(opened->images().size(), 1U);
  const ArchivedImage& image = opened->images()[0];
  EXPECT_EQ(image.id, sha256_digest(config()));
  EXPECT_EQ(image.layers, (std::vector{sha256_digest(kBottom), sha256_digest(kTop)}));
  EXPECT_EQ(opened->find("shop/web:1"), &image);
  EXPECT_EQ(opened->find(image.id), &image);
  EXPECT_EQ(opened->find("shop/web"), nullptr);
}

TEST_P(Layouts, LeavesOutWhatTheReceiverHas) {
  const auto opened = ImageArchive::open(file_of(archive(GetParam())));
  auto reader = opened->reduce(opened->images()[0], {{sha256_digest(kBottom), "sha256:other"}});
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->size().layers_sent, 1U);
  EXPECT_EQ((*reader)->size().layers_skipped, 1U);
  const auto bytes = read_all(**reader);
  ASSERT_TRUE(bytes) << bytes.error().line();
  EXPECT_EQ(bytes->size(), (*reader)->size().bytes);
  EXPECT_FALSE(bytes->contains(kBottom));
  // It is an image archive itself, whose missing layer only matters when it is asked for.
  const auto again = ImageArchive::open(file_of(*bytes));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->images(), opened->images());
  EXPECT_TRUE(again->reduce(again->images()[0], {{sha256_digest(kBottom)}}));
  EXPECT_EQ(again->reduce(again->images()[0], {}).error().code, Code::corrupt);
}

TEST_P(Layouts, SendsAllToAnEmptyReceiver) {
  const auto opened = ImageArchive::open(file_of(archive(GetParam())));
  auto reader = opened->reduce(opened->images()[0], {});
  const auto bytes = read_all(**reader, 1 << 20);
  EXPECT_TRUE(bytes->contains(kBottom) && bytes->contains(kTop));
}

TEST_P(Layouts, ALayerThatDoesNotMatchItsDiffIdIsCorrupt) {
  const auto opened = ImageArchive::open(file_of(archive(GetParam(), std::string(1300, 'x'))));
  ASSERT_TRUE(opened);
  auto reader = opened->reduce(opened->images()[0], {});
  EXPECT_EQ(read_all(**reader).error().code, Code::corrupt);
}

TEST_P(Layouts, ACutArchiveIsCorrupt) {
  const std::string whole = archive(GetParam());
  // The end marker and the padding before it may be missing.
  for (size_t size = 0; size + 1536 <= whole.size(); size += 256) {
    EXPECT_EQ(ImageArchive::open(file_of(whole.substr(0, size))).error().code, Code::corrupt)
        << size;
  }
}

TEST(ImageArchive, OnlyAWholeChainFromTheBottomIsShared) {
  const std::vector<std::string> layers{"a", "b", "c"};
  EXPECT_EQ(shared_layers(layers, {}), 0U);
  EXPECT_EQ(shared_layers(layers, {{"b", "a"}, {"c"}}), 0U);
  EXPECT_EQ(shared_layers(layers, {{"a", "c"}, {"a", "b", "x"}, {}}), 2U);
  EXPECT_EQ(shared_layers(layers, {{"a", "b", "c", "d"}}), 3U);
}

TEST(ImageArchive, FollowsLinkedLayersAndNoCircles) {
  std::string link = tar_header("bbb/layer.tar", 0);
  link.replace(156, 1, "2");
  const std::string target = "../aaa/layer.tar";
  link.replace(157, target.size(), target);
  unsigned sum = 0;
  link.replace(148, 8, "        ");
  for (const char c : link) sum += static_cast<unsigned char>(c);
  link.replace(148, 8, std::format("{:06o}", sum) + std::string("\0 ", 2));
  const std::string text =
      to_text({{"rootfs", {{"diff_ids", {sha256_digest(kBottom), sha256_digest(kBottom)}}}}});
  const std::string path = sha256_digest(text).substr(7) + ".json";
  const Json image = {{"Config", path}, {"Layers", {"aaa/layer.tar", "bbb/layer.tar"}}};
  const std::string rest =
      entry(path, text) + entry("manifest.json", to_text(Json::array({image}))) + tar_end();
  const auto opened = ImageArchive::open(file_of(entry("aaa/layer.tar", kBottom) + link + rest));
  ASSERT_TRUE(opened) << opened.error().line();
  auto reader = opened->reduce(opened->images()[0], {});
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->size().layers_sent, 1U);  // the same bytes once
  EXPECT_TRUE(read_all(**reader));
  // Without its target.
  const auto dangling = ImageArchive::open(file_of(link + rest));
  EXPECT_EQ(dangling->reduce(dangling->images()[0], {}).error().code, Code::corrupt);
}

TEST(ImageArchive, RefusesOtherFiles) {
  const auto code = [](std::string_view bytes) {
    return ImageArchive::open(file_of(bytes)).error().code;
  };
  EXPECT_EQ(code("not a tar"), Code::corrupt);
  EXPECT_EQ(code(entry("a", "b") + tar_end()), Code::corrupt);
  EXPECT_EQ(code(entry("manifest.json", "{") + tar_end()), Code::corrupt);
  EXPECT_EQ(code(entry("manifest.json", "[{}]") + tar_end()), Code::corrupt);
  const std::string lying = R"([{"Config":"0000.json","Layers":[]}])";
  EXPECT_EQ(code(entry("0000.json", "{}") + entry("manifest.json", lying) + tar_end()),
            Code::corrupt);
  EXPECT_EQ(ImageArchive::open(Fd(::open("/tmp", O_RDONLY))).error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz
