#include "drivers/nats/handle.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <format>

#include "base/join.h"

namespace ployz {
namespace {

constexpr int64_t kConnectTimeoutMs = 2000;
// A server that stopped answering is noticed after three pings. Only matters on a quiet connection:
// every request has its own timeout.
constexpr int64_t kPingIntervalMs = 5000;
constexpr int kMaxPingsOut = 2;

natsStatus sign_nonce(char** error, unsigned char** signature, int* length, const char* nonce,
                      void* closure) {
  const auto bytes = static_cast<const Nkey*>(closure)->sign(nonce);
  *signature = static_cast<unsigned char*>(std::malloc(bytes.size()));  // freed by the library
  if (*signature == nullptr) {
    *error = nullptr;
    return NATS_NO_MEMORY;
  }
  std::memcpy(*signature, bytes.data(), bytes.size());
  *length = static_cast<int>(bytes.size());
  return NATS_OK;
}

natsStatus configure(natsOptions* options, const NatsConfig& config, const Nkey* key,
                     const NatsEvents& events) {
  std::vector<const char*> urls;
  urls.reserve(config.urls.size());
  for (const std::string& url : config.urls) urls.push_back(url.c_str());
  natsStatus s = natsOptions_SetServers(options, urls.data(), static_cast<int>(urls.size()));
  if (s == NATS_OK) s = natsOptions_SetIgnoreDiscoveredServers(options, true);
  if (s == NATS_OK) s = natsOptions_SetAllowReconnect(options, false);
  if (s == NATS_OK) s = natsOptions_SetTimeout(options, kConnectTimeoutMs);
  if (s == NATS_OK) s = natsOptions_SetSendAsap(options, true);
  if (s == NATS_OK) s = natsOptions_SetPingInterval(options, kPingIntervalMs);
  if (s == NATS_OK) s = natsOptions_SetMaxPingsOut(options, kMaxPingsOut);
  if (s == NATS_OK) s = natsOptions_SetWriteDeadline(options, config.request_timeout.count());
  if (s == NATS_OK && !config.name.empty()) s = natsOptions_SetName(options, config.name.c_str());
  if (s == NATS_OK && key != nullptr) {
    s = natsOptions_SetNKey(options, key->public_key().c_str(), sign_nonce, const_cast<Nkey*>(key));
  }
  if (s == NATS_OK) s = natsOptions_SetClosedCB(options, events.closed, events.closure);
  if (s == NATS_OK) s = natsOptions_SetErrorHandler(options, events.error, events.closure);
  return s;
}

// Statuses that say nothing was handed to the socket.
bool before_writing(natsStatus status) {
  return status == NATS_CONNECTION_CLOSED || status == NATS_CONNECTION_DISCONNECTED ||
         status == NATS_DRAINING;
}

}  // namespace

Status check_urls(const NatsConfig& config) {
  if (config.urls.empty()) return fail(Code::invalid, "no NATS URL is configured");
  for (const std::string& url : config.urls) {
    natsOptions* raw = nullptr;
    natsStatus s = natsOptions_Create(&raw);
    const NatsOptionsHandle options(raw);
    if (s == NATS_OK) s = natsOptions_SetURL(options.get(), url.c_str());
    if (s != NATS_OK || !url.starts_with("nats://")) {
      return fail(Code::invalid, std::format("'{}' is not a NATS URL", url),
                  "write nats://address:port");
    }
  }
  return {};
}

Result<NatsSession> connect_session(const NatsConfig& config, const Nkey* key,
                                    const NatsEvents& events) {
  natsOptions* raw = nullptr;
  natsStatus s = natsOptions_Create(&raw);
  const NatsOptionsHandle options(raw);
  if (s == NATS_OK) s = configure(options.get(), config, key, events);
  natsConnection* session = nullptr;
  if (s == NATS_OK) s = natsConnection_Connect(&session, options.get());
  if (s == NATS_OK) return NatsSession(session, natsConnection_Destroy);
  const std::string where = join(config.urls, ",");
  if (s == NATS_CONNECTION_AUTH_FAILED || s == NATS_NOT_PERMITTED) {
    return fail(Code::denied,
                std::format("the NATS server at {} refused this machine's key", where),
                "check that the key is in the server's configuration");
  }
  return fail(Code::unavailable,
              std::format("cannot reach the NATS server at {}: {}", where, natsStatus_GetText(s)),
              "systemctl status ployz-nats.service");
}

NatsMessage to_message(natsMsg* msg) {
  NatsMessage message;
  message.subject = natsMsg_GetSubject(msg);
  if (const char* reply = natsMsg_GetReply(msg)) message.reply = reply;
  const int length = natsMsg_GetDataLength(msg);
  if (length > 0) message.data.assign(natsMsg_GetData(msg), static_cast<size_t>(length));
  const char** keys = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(msg, &keys, &count) != NATS_OK) return message;
  for (int i = 0; i < count; ++i) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(msg, keys[i], &value) == NATS_OK && value != nullptr) {
      message.headers.emplace_back(keys[i], value);
    }
  }
  std::free(keys);
  return message;
}

Status publish_on(const NatsSession& session, const NatsRequest& message,
                  const std::string& reply) {
  natsMsg* raw = nullptr;
  natsStatus s =
      natsMsg_Create(&raw, message.subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                     message.data.data(), static_cast<int>(message.data.size()));
  const NatsMsgHandle msg(raw);
  for (const auto& [key, value] : message.headers) {
    if (s == NATS_OK) s = natsMsgHeader_Set(msg.get(), key.c_str(), value.c_str());
  }
  if (s == NATS_OK) s = natsConnection_PublishMsg(session.get(), msg.get());
  if (s == NATS_OK) return {};
  if (s == NATS_MAX_PAYLOAD || s == NATS_INVALID_SUBJECT || s == NATS_INVALID_ARG) {
    return fail(Code::invalid, std::format("a message of {} bytes to {}: {}", message.data.size(),
                                           message.subject, natsStatus_GetText(s)));
  }
  if (before_writing(s)) {
    return fail(Code::unavailable, "the connection to the NATS server is gone");
  }
  // Part of it, or all of it, may be on its way.
  return fail(Code::timeout,
              std::format("sending to {}: {}", message.subject, natsStatus_GetText(s)), {},
              Effect::unknown);
}

std::string last_error_text(natsConnection* session) {
  std::array<char, 512> text{};
  (void)natsConnection_ReadLastError(session, text.data(), text.size());
  return text.data();
}

}  // namespace ployz
