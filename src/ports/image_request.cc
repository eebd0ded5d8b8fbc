#include "ports/image_request.h"

namespace ployz {

Json to_json(const ImageLayersRequest& request) {
  return {{"reference", request.reference}, {"layers", request.layers}};
}

Json to_json(const ImageLayersReply& reply) {
  return {{"image_id", reply.image_id},
          {"layers", reply.layers},
          {"size_bytes", reply.size_bytes},
          {"shared", reply.shared}};
}

Json to_json(const ImageOfferRequest& request) {
  return {{"transfer", request.transfer},
          {"image_id", request.image_id},
          {"shared", request.shared}};
}

Json to_json(const ImageOfferReply& reply) {
  return {{"key", reply.key}, {"address", reply.address}};
}

Json to_json(const ImageFetchRequest& request) {
  return {{"transfer", request.transfer}, {"image_id", request.image_id},
          {"reference", request.reference}, {"key", request.key},
          {"address", request.address}, {"wait_ms", request.wait_ms},
          {"cancel", request.cancel}};
}

Json to_json(const ImageFetchReply& reply) {
  return {{"done", reply.done},
          {"bytes", reply.bytes},
          {"total_bytes", reply.total_bytes},
          {"layers", reply.layers}};
}

Result<ImageLayersRequest> image_layers_request_from_json(const Json& json) {
  ImageLayersRequest request;
  request.reference = TRY(get_string(json, "reference"));
  request.layers = TRY(get_strings(json, "layers"));
  return request;
}

Result<ImageLayersReply> image_layers_reply_from_json(const Json& json) {
  ImageLayersReply reply;
  reply.image_id = TRY(get_string(json, "image_id"));
  reply.layers = TRY(get_strings(json, "layers"));
  reply.size_bytes = TRY(get_uint(json, "size_bytes"));
  reply.shared = TRY(get_uint(json, "shared"));
  return reply;
}

Result<ImageOfferRequest> image_offer_request_from_json(const Json& json) {
  ImageOfferRequest request;
  request.transfer = TRY(get_string(json, "transfer"));
  request.image_id = TRY(get_string(json, "image_id"));
  request.shared = TRY(get_uint(json, "shared"));
  return request;
}

Result<ImageOfferReply> image_offer_reply_from_json(const Json& json) {
  ImageOfferReply reply;
  reply.key = TRY(get_string(json, "key"));
  reply.address = TRY(get_string(json, "address"));
  return reply;
}

Result<ImageFetchRequest> image_fetch_request_from_json(const Json& json) {
  ImageFetchRequest request;
  request.transfer = TRY(get_string(json, "transfer"));
  request.image_id = TRY(get_string(json, "image_id"));
  request.reference = TRY(get_string(json, "reference"));
  request.key = TRY(get_string(json, "key"));
  request.address = TRY(get_string(json, "address"));
  request.wait_ms = TRY(get_uint(json, "wait_ms"));
  request.cancel = TRY(get_bool_or(json, "cancel", false));
  return request;
}

Result<ImageFetchReply> image_fetch_reply_from_json(const Json& json) {
  ImageFetchReply reply;
  reply.done = TRY(get_bool(json, "done"));
  reply.bytes = TRY(get_uint(json, "bytes"));
  reply.total_bytes = TRY(get_uint(json, "total_bytes"));
  reply.layers = TRY(get_uint(json, "layers"));
  return reply;
}

}  // namespace ployz
