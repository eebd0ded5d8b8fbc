// What a Volumes contract suite runs in: two pools, and the hands of a container that writes files.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "base/subprocess.h"
#include "ports/volumes.h"

namespace ployz::contract {

class VolumesWorld {
 public:
  virtual ~VolumesWorld() = default;
  // Two pools of one driver, as on two machines. `there` is the smaller one: what fills it fits
  // into `here`.
  virtual Volumes& here() = 0;
  virtual Volumes& there() = 0;
  // As after a restart of the daemon: another object over the same pool.
  virtual void reopen() = 0;
  // Writes a file durably, as a process in a container does. An error: quota or pool are full.
  virtual Status write(Volumes& pool, const DatasetId& dataset, const std::string& file,
                       const std::string& text) = 0;
  // Nullopt: there is no such file.
  virtual std::optional<std::string> read(Volumes& pool, const DatasetId& dataset,
                                          const std::string& file) = 0;
  // "0750 7:8" of the dataset's root folder.
  virtual std::string root_of(Volumes& pool, const DatasetId& dataset) = 0;
  // The dataset is mounted by a process until the result ends.
  virtual std::shared_ptr<void> mount(Volumes& pool, const DatasetId& dataset) = 0;
  // How many things are in the pool that list() does not show: of failed calls there must be none.
  virtual size_t leftovers(Volumes& pool) = 0;
  // Waits until what was destroyed has given its space back, where that happens later.
  virtual void settle(Volumes& /*pool*/) {}
};

// The files of a real filesystem.
class MountedVolumesWorld : public VolumesWorld {
 public:
  Status write(Volumes& pool, const DatasetId& dataset, const std::string& file,
               const std::string& text) override {
    const std::filesystem::path path = TRY(pool.path(dataset)) / file;
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return failed(path);
    std::string_view left = text;
    while (!left.empty()) {
      const ssize_t put = ::write(fd.get(), left.data(), std::min<size_t>(left.size(), 1 << 20));
      if (put <= 0) return failed(path);
      left.remove_prefix(static_cast<size_t>(put));
    }
    // A copy-on-write filesystem may notice only here.
    if (::fsync(fd.get()) != 0) return failed(path);
    return {};
  }

  std::optional<std::string> read(Volumes& pool, const DatasetId& dataset,
                                  const std::string& file) override {
    const auto path = pool.path(dataset);
    if (!path || !std::filesystem::exists(*path / file)) return std::nullopt;
    std::ifstream in(*path / file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  std::string root_of(Volumes& pool, const DatasetId& dataset) override {
    struct stat facts{};
    const auto path = pool.path(dataset);
    if (!path || ::stat(path->c_str(), &facts) != 0) return "absent";
    return std::format("{:04o} {}:{}", facts.st_mode & 07777, facts.st_uid, facts.st_gid);
  }

  // As a container has it: in a mount namespace of its own.
  std::shared_ptr<void> mount(Volumes& pool, const DatasetId& dataset) override {
    const std::string live = pool.path(dataset).value().string();
    ChildStreams streams;
    streams.in = streams.out = ChildStream::pipe;
    streams.err = ChildStream::inherit;
    const std::string script = "mount --bind \"$1\" /mnt && echo mounted && exec cat";
    auto child = Child::start({.argv = {"unshare", "--mount", "--propagation", "private", "sh",
                                        "-c", script, "sh", live}},
                              streams);
    EXPECT_TRUE(child) << child.error().line();
    std::array<char, 8> said{};
    EXPECT_EQ(::read(child->out.get(), said.data(), said.size()), 8);
    auto held = std::make_shared<Child>(std::move(*child));
    return {nullptr, [held](void*) {
              held->in.reset();
              EXPECT_TRUE(held->wait(kNoDeadline));
            }};
  }

 private:
  static std::unexpected<Error> failed(const std::filesystem::path& path) {
    return fail(Code::precondition,
                std::format("{}: {}", path.string(), std::generic_category().message(errno)));
  }
};

}  // namespace ployz::contract
