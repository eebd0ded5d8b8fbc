#include "model/manifest_checks.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <map>
#include <set>

#include "model/quote.h"

namespace ployz {
namespace {

constexpr uint64_t kLeastQuota = 1 << 20;  // less holds no file system

Checked named(Status status, std::string path) {
  if (status) return {};
  return blame(std::move(path), std::move(status.error().message), std::move(status.error().hint));
}

bool is_mode(std::string_view mode) {
  return mode.size() == 4 && mode.find_first_not_of("01234567") == std::string_view::npos;
}

// "uid:gid" in digits; the name service of the image is not the machine's.
bool is_owner(std::string_view owner) {
  const auto is_id = [](std::string_view text) {
    uint32_t id = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, id);
    return error == std::errc() && stop == end && id != UINT32_MAX;  // -1 means "no change"
  };
  const size_t colon = owner.find(':');
  return colon != std::string_view::npos && is_id(owner.substr(0, colon)) &&
         is_id(owner.substr(colon + 1));
}

Checked check_volumes(const Manifest& manifest) {
  std::set<VolumeName> names;
  for (size_t i = 0; i < manifest.volumes.size(); ++i) {
    const VolumeSpec& volume = manifest.volumes[i];
    const std::string path = std::format("volume[{}]", i);
    TRY(named(check_volume_name(volume.name.value, "volume name"), path + ".name"));
    if (!names.insert(volume.name).second) {
      return blame(path + ".name", std::format("volume '{}' is declared twice", volume.name.value));
    }
    if (volume.quota_bytes && *volume.quota_bytes < kLeastQuota) {
      return blame(path + ".quota", "'quota' must be at least 1M");
    }
    if (!is_mode(volume.mode)) {
      return blame(path + ".mode", "'mode' must be octal, as in \"0750\"");
    }
    if (!is_owner(volume.owner)) {
      return blame(path + ".owner", "'owner' must be uid:gid in numbers, as in \"999:999\"");
    }
  }
  return {};
}

class VolumeUse {
 public:
  explicit VolumeUse(const Manifest& manifest) {
    for (const VolumeSpec& volume : manifest.volumes) scopes_[volume.name] = volume.scope;
  }

  Checked check(const Service& service, const std::string& path) {
    for (size_t i = 0; i < service.container.mounts.size(); ++i) {
      const VolumeName& volume = service.container.mounts[i].volume;
      const std::string at = std::format("{}.mount[{}].volume", path, i);
      const auto scope = scopes_.find(volume);
      if (scope == scopes_.end()) {
        return blame(at, std::format("volume {} is not declared", quote(volume.value)),
                     "declare it in [[volume]]");
      }
      if (service.placement.global) {
        return blame(at, "a service with placement \"global\" cannot mount volumes",
                     "its instances come and go with the machines; give it replicas");
      }
      if (scope->second == VolumeScope::single) TRY(check_single(service, volume, path, at));
    }
    return {};
  }

 private:
  Checked check_single(const Service& service, const VolumeName& volume, const std::string& path,
                       const std::string& at) {
    const std::string name = std::format("volume '{}'", volume.value);
    if (service.placement.replicas > 1) {
      return blame(path + ".replicas",
                   std::format("{} has scope \"single\" and service '{}' has {} replicas", name,
                               service.name.value, service.placement.replicas),
                   "use one replica, or scope = \"shared\"");
    }
    if (service.rollout == Rollout::blue_green) {
      return blame(
          path + ".rollout",
          std::format("{} has scope \"single\", so two instances cannot run at once", name),
          "use rollout = \"recreate\"");
    }
    const auto [user, first] = users_.try_emplace(volume, service.name);
    if (!first && user->second != service.name) {
      return blame(at,
                   std::format("{} has scope \"single\" and is mounted by service '{}' too", name,
                               user->second.value),
                   "use scope = \"shared\"");
    }
    return {};
  }

  std::map<VolumeName, VolumeScope> scopes_;
  std::map<VolumeName, ServiceName> users_;  // of the single-writer ones
};

// What services of one namespace compete for: published ports and routes.
class Exclusive {
 public:
  Checked check(const Service& service, const std::string& path) {
    const std::string& name = service.name.value;
    for (size_t i = 0; i < service.publish.size(); ++i) {
      const uint16_t port = service.publish[i].host;
      const auto [owner, first] = ports_.try_emplace(port, name);
      if (!first) {
        return blame(
            std::format("{}.publish[{}].host", path, i),
            std::format("port {} is published by service '{}' already", port, owner->second));
      }
    }
    for (size_t i = 0; i < service.routes.size(); ++i) {
      for (const std::string& hostname : service.routes[i].hostnames) {
        const auto [owner, first] =
            routes_.try_emplace({hostname, service.routes[i].path_prefix}, name);
        if (!first) {
          return blame(std::format("{}.route[{}].hostnames", path, i),
                       std::format("{}{} is routed to service '{}' already", hostname,
                                   service.routes[i].path_prefix, owner->second));
        }
      }
    }
    return {};
  }

 private:
  std::map<uint16_t, std::string> ports_;
  std::map<std::pair<std::string, std::string>, std::string> routes_;
};

Checked check_services(const Manifest& manifest) {
  std::set<ServiceName> names;
  VolumeUse volumes(manifest);
  Exclusive exclusive;
  for (size_t i = 0; i < manifest.services.size(); ++i) {
    const Service& service = manifest.services[i];
    const std::string path = std::format("service[{}]", i);
    TRY(check_service(service, path));
    if (!names.insert(service.name).second) {
      return blame(path + ".name",
                   std::format("service '{}' is declared twice", service.name.value));
    }
    TRY(volumes.check(service, path));
    TRY(exclusive.check(service, path));
  }
  return {};
}

Checked check_sections(const Manifest& manifest) {
  if (manifest.promote && manifest.rollback) {
    return blame("rollback", "[promote] and [rollback] are both given: give one");
  }
  if (manifest.promote) {
    const NamespaceName& from = manifest.promote->from;
    TRY(named(check_dns_label(from.value, "namespace"), "promote.from"));
    if (from == manifest.name_space) {
      return blame("promote.from", "a namespace cannot be promoted into itself");
    }
    for (const auto& [volume, data] : manifest.promote->volumes) {
      TRY(named(check_volume_name(volume.value, "volume name"), "promote.volumes"));
    }
  }
  if (manifest.rollback) {
    constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
    constexpr size_t kIdLength = 26;
    const std::string& to = manifest.rollback->to;
    if (to.size() > kIdLength || to.find_first_not_of(kAlphabet) != to.npos) {
      return blame("rollback.to", "'to' must be a commit id or the beginning of one",
                   "list them with: ployzctl log " + manifest.name_space.value);
    }
  }
  return {};
}

}  // namespace

Checked check_manifest(const Manifest& manifest) {
  TRY(named(check_dns_label(manifest.name_space.value, "namespace"), "namespace"));
  TRY(check_volumes(manifest));
  TRY(check_services(manifest));
  return check_sections(manifest);
}

}  // namespace ployz
