// The members of this machine's network as it saw them last, in a file: who they are, where, and by
// which public keys they prove it, for when the store does not answer. Nothing in it is secret, and
// nothing in it is decided by: the store's records are the truth wherever they can be read.
//
// The file is {"version":1,"network":…,"machines":[records as in the store]}. One that is damaged,
// of another network or of a newer Ployz is said once and counts as an empty list.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/machine.h"

namespace ployz {

class RosterFile {
 public:
  using Members = std::shared_ptr<const std::vector<Machine>>;

  // Reads the file, if there is one. `log`: called for one that cannot be used.
  RosterFile(std::filesystem::path path, std::string network,
             const std::function<void(const std::string&)>& log);
  RosterFile(const RosterFile&) = delete;
  RosterFile& operator=(const RosterFile&) = delete;

  // On any thread, never null; what was returned stays as it is.
  [[nodiscard]] Members members() const;
  // The store says so now. They are the members from here on, even when the file cannot be written,
  // which is then tried again by the next call. What does not differ is not written. One caller at
  // a time.
  [[nodiscard]] Status update(const std::vector<Machine>& machines);

 private:
  const std::filesystem::path path_;
  const std::string network_;
  bool written_ = false;      // the file says the same
  mutable std::mutex mutex_;  // guards members_; not held while the disk is waited for
  Members members_;
};

}  // namespace ployz
