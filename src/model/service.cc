#include "model/service.h"

#include <algorithm>

#include "base/digest.h"
#include "model/service_fields.h"

namespace ployz {

const Port* Service::port(std::string_view name) const {
  const auto found = std::ranges::find(container.ports, name, &Port::name);
  return found == container.ports.end() ? nullptr : &*found;
}

RevisionId revision_of(const ContainerSpec& spec) {
  Json json = to_json(spec);
  json.erase("image");
  return RevisionId(sha256_digest(to_text(json)));
}

Json to_json(const ContainerSpec& spec) {
  return write_fields(spec);
}
Json to_json(const Service& service) {
  return write_fields(service);
}

Result<ContainerSpec> container_spec_from_json(const Json& json) {
  return read_fields<ContainerSpec>(json);
}

Result<Service> service_from_json(const Json& json) {
  return read_fields<Service>(json);
}

}  // namespace ployz
