// Streams between simulated machines: two bounded queues each, and a network that can cut or
// silence them.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "ports/clock.h"
#include "ports/stream_offers.h"
#include "ports/transfer.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeTransfers;
struct FakeLink;

// Who listens where, and every stream between them.
class FakeStreamNetwork {
 public:
  // Every present stream is cut, or falls silent for good: nothing arrives any more.
  void cut();
  void silence();
  // The same for the streams of a process that has died: its machine lives and says so, or not.
  void end(uint32_t process, bool machine_lives);

 private:
  friend class FakeTransfers;
  std::mutex mutex_;
  std::map<std::string, FakeTransfers*> machines_;
  std::vector<std::weak_ptr<FakeLink>> links_;
};

class FakeTransfers final : public Transfers {
 public:
  FakeTransfers(Hook& hook, FakeStreamNetwork& network, Clock& clock, std::string address,
                std::chrono::milliseconds silence = kStreamSilence,
                std::chrono::milliseconds key_lifetime = kStreamKeyLifetime);
  // As the driver: ends every stream and waits for the handlers.
  ~FakeTransfers() override;

  Result<std::string> offer(const StreamPurpose& purpose, StreamHandler handler) override;
  void withdraw(std::string_view key) override;
  std::string address() const override { return address_; }
  Result<std::unique_ptr<MachineStream>> dial(const std::string& address, std::string_view key,
                                              const StreamPurpose& purpose,
                                              std::stop_token stop) override;

 private:
  // A stream is of this process, and its handlers run there; false: it has died.
  [[nodiscard]] bool lives() { return hook_.alive(process_); }
  // The other side of dial(): nullptr when the key is not good.
  std::shared_ptr<FakeLink> accept(std::string_view key, const std::string& digest,
                                   uint32_t dialing);

  Hook& hook_;
  const uint32_t process_;
  FakeStreamNetwork& network_;
  Clock& clock_;
  const std::string address_;
  const std::chrono::milliseconds silence_;
  StreamOffers offers_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::list<std::jthread> handlers_;
};

}  // namespace ployz::sim
