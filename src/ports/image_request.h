// The wire form of the agent's image commands. Kept beside the ports because the distribution of
// images (src/images) writes it and the agent reads it.
//
// "image_layers": what the machine has of an image. "image_offer", on the source: an image for one
// stream. "image_fetch", on the destination: takes it; repeated with the same `transfer` it only
// tells how far that is, so a lost reply costs nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ployz {

struct ImageLayersRequest {
  std::string reference;
  std::vector<std::string> layers;  // diff ids, bottom first: how many of these are here, too
};
struct ImageLayersReply {
  std::string image_id;  // empty: no such image
  std::vector<std::string> layers;
  uint64_t size_bytes = 0;
  size_t shared = 0;  // of the request's layers, from the bottom
};

struct ImageOfferRequest {
  std::string transfer;  // the stream's purpose, unique for each attempt
  std::string image_id;
  size_t shared = 0;  // layers from the bottom that the receiver has
};
struct ImageOfferReply {
  std::string key;      // a secret
  std::string address;  // where to dial
};

struct ImageFetchRequest {
  std::string transfer;
  std::string image_id;
  std::string reference;
  std::string key;
  std::string address;
  uint64_t wait_ms = 1000;  // answers earlier when it has ended
  bool cancel = false;
};
struct ImageFetchReply {
  bool done = false;  // the image is here, verified and tagged
  uint64_t bytes = 0;
  uint64_t total_bytes = 0;  // 0: not known yet
  uint64_t layers = 0;       // that are sent
};
inline constexpr uint64_t kMaxFetchWaitMs = 2000;

[[nodiscard]] Json to_json(const ImageLayersRequest& request);
[[nodiscard]] Json to_json(const ImageLayersReply& reply);
[[nodiscard]] Json to_json(const ImageOfferRequest& request);
[[nodiscard]] Json to_json(const ImageOfferReply& reply);
[[nodiscard]] Json to_json(const ImageFetchRequest& request);
[[nodiscard]] Json to_json(const ImageFetchReply& reply);
[[nodiscard]] Result<ImageLayersRequest> image_layers_request_from_json(const Json& json);
[[nodiscard]] Result<ImageLayersReply> image_layers_reply_from_json(const Json& json);
[[nodiscard]] Result<ImageOfferRequest> image_offer_request_from_json(const Json& json);
[[nodiscard]] Result<ImageOfferReply> image_offer_reply_from_json(const Json& json);
[[nodiscard]] Result<ImageFetchRequest> image_fetch_request_from_json(const Json& json);
[[nodiscard]] Result<ImageFetchReply> image_fetch_reply_from_json(const Json& json);

}  // namespace ployz
