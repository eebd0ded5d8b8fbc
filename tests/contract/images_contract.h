// What every implementation of Images promises. The factory yields the port with one image present.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "ports/containers.h"

namespace ployz::contract {

struct ImagesUnderTest {
  std::shared_ptr<void> owner;  // what `images` lives in
  Images* images = nullptr;
  std::string reference;  // of the image that is here
};

class ImagesContract : public testing::TestWithParam<ImagesUnderTest (*)()> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    ASSERT_TRUE(under_test_.images);
  }
  Images& images() { return *under_test_.images; }
  ImagesUnderTest under_test_;
};

TEST_P(ImagesContract, FindsByReferenceAndById) {
  const auto found = images().find(under_test_.reference);
  ASSERT_TRUE(found && *found) << under_test_.reference;
  EXPECT_TRUE(std::ranges::contains((*found)->references, under_test_.reference));
  const auto again = images().find((*found)->id);
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->layers, (*found)->layers);
  EXPECT_EQ((*again)->id, (*found)->id);
}

TEST_P(ImagesContract, TheAbsentIsNoError) {
  for (const std::string& name :
       {std::string("contract/absent:1"), "sha256:" + std::string(64, 'e')}) {
    const auto found = images().find(name);
    ASSERT_TRUE(found) << found.error().line();
    EXPECT_EQ(*found, std::nullopt);
  }
}

TEST_P(ImagesContract, ListsWhatItFinds) {
  const auto all = images().list();
  ASSERT_TRUE(all) << all.error().line();
  const std::string id = images().find(under_test_.reference).value()->id;
  EXPECT_TRUE(std::ranges::contains(*all, id, &ImageInfo::id));
}

TEST_P(ImagesContract, TagsUnderAnotherName) {
  const std::string id = images().find(under_test_.reference).value()->id;
  ASSERT_TRUE(images().tag(id, "contract/tagged:1"));
  ASSERT_TRUE(images().tag(id, "contract/tagged:1"));
  EXPECT_EQ(images().find("contract/tagged:1").value()->id, id);
  EXPECT_EQ(images().tag("sha256:" + std::string(64, 'e'), "contract/x:1").error().code,
            Code::not_found);
}

TEST_P(ImagesContract, AnEmptyArchiveIsCorrupt) {
  EXPECT_EQ(images().load([](std::span<char>) -> Result<size_t> { return 0; }).error().code,
            Code::corrupt);
}

TEST_P(ImagesContract, AFailingSourceIsTheResult) {
  const Status loaded = images().load([](std::span<char>) -> Result<size_t> {
    return fail(Code::canceled, "the sender went away");
  });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::canceled);
  EXPECT_EQ(loaded.error().effect, Effect::none);
}

TEST_P(ImagesContract, WhatNoRegistryHasCannotBePulled) {
  EXPECT_FALSE(images().check_pullable("localhost:1/contract/absent:1"));
  EXPECT_FALSE(images().pull("localhost:1/contract/absent:1"));
}

}  // namespace ployz::contract
