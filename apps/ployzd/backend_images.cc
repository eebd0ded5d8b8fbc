// The part of the API that is about images of several machines.
#include "backend.h"
#include "images/distribution.h"

namespace ployz {

Result<std::vector<DistributeReport>> Backend::image_distribute(const DistributeRequest& request,
                                                                const EventSink& events,
                                                                std::stop_token cancel) {
  const auto member = TRY(node_.member());
  const LocalDrivers& drivers = node_.drivers();
  const Snapshot snapshot = TRY(member->engine().snapshot({}));
  return distribute_image(request, snapshot.machines,
                          {member->rpc(), drivers.clock, drivers.entropy, drivers.executor}, events,
                          std::move(cancel));
}

Result<std::vector<ImageStatus>> Backend::image_status(std::string_view reference) {
  const auto member = TRY(node_.member());
  const Snapshot snapshot = TRY(member->engine().snapshot({}));
  return ployz::image_status(reference, snapshot.machines, member->rpc());
}

}  // namespace ployz
