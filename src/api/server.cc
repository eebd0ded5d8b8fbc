#include "api/server.h"

#include <list>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/connection.h"
#include "api/listener.h"
#include "base/unix_stream.h"

namespace ployz {
namespace {

constexpr std::chrono::milliseconds kAcceptBackoff{100};  // when the process is out of descriptors

class Server final : public ApiServer {
 public:
  Server(ApiServerConfig config, ApiService& service, Fd listening)
      : config_(std::move(config)), service_(service), listening_(std::move(listening)) {
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  ~Server() override {
    accepting_.request_stop();
    accepting_.join();
    ::unlink(config_.socket_path.c_str());
    for (Client& client : clients_) client.thread.request_stop();
    clients_.clear();
  }
  LiveOperations& live() override { return live_; }

 private:
  struct Client {
    std::atomic<bool> done = false;
    std::jthread thread;
  };

  void accept_all(const std::stop_token& stop) {
    const StopFd stopped(stop);
    const StopFd never{std::stop_token{}};
    while (wait_for(listening_.get(), POLLIN, kNoDeadline, stopped)) {
      Fd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client)
        admit(std::move(client));
      else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        (void)wait_for(-1, 0, deadline_in(kAcceptBackoff), stopped);
    }
  }

  void admit(Fd fd) {
    clients_.remove_if([](const Client& client) { return client.done.load(); });
    if (clients_.size() >= config_.max_connections) {
      refuse_connection(std::move(fd), config_.max_connections);
      return;
    }
    Client& client = clients_.emplace_back();
    client.thread = std::jthread(
        [this, &client](const std::stop_token& stop, Fd connection) {
          serve_connection(std::move(connection), service_, live_, stop);
          client.done = true;
        },
        std::move(fd));
  }

  ApiServerConfig config_;
  ApiService& service_;
  Fd listening_;
  LiveOperations live_;        // outlives the connections that watch
  std::list<Client> clients_;  // of the accepting thread, then of the destructor
  std::jthread accepting_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(ApiServerConfig config, ApiService& service) {
  Fd listening = TRY(listen_unix(config.socket_path, config.group));
  return std::make_unique<Server>(std::move(config), service, std::move(listening));
}

}  // namespace ployz
