// One kept-alive HTTP/1.1 connection of the load generator: requests its hosts in turn, forever,
// and tells what came back. Non-blocking; driven by an epoll loop.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ployz::load {

struct Answer {
  size_t host = 0;         // index of the host asked
  bool ok = false;         // a complete 200
  std::string error;       // why not
  std::string body;
  uint64_t latency_us = 0;
};

uint64_t now_us();

class Connection {
 public:
  using OnAnswer = std::function<void(Connection&, Answer)>;

  Connection(int epoll, sockaddr_in server, const std::vector<std::string>& hosts,
             OnAnswer on_answer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Asks the next host, on the open connection or a new one.
  void ask();
  void on_event(uint32_t events);
  // A request that is older than the limit fails.
  void check_deadline(uint64_t limit_us);
  [[nodiscard]] bool busy() const { return busy_; }
  // What pair checking remembers of the previous answer.
  std::string previous_version;

 private:
  void open();
  void close();
  void send_more();
  void receive();
  // True when the response is whole.
  bool parse();
  void finish(bool ok, std::string error);
  void watch(uint32_t events);

  int epoll_;
  sockaddr_in server_;
  const std::vector<std::string>& hosts_;
  OnAnswer on_answer_;
  int fd_ = -1;
  bool busy_ = false;
  bool keep_ = true;  // the server did not say Connection: close
  int status_ = 0;
  size_t host_ = 0;
  size_t body_start_ = 0;
  size_t body_length_ = 0;
  uint64_t asked_us_ = 0;
  std::string out_;
  std::string in_;
};

}  // namespace ployz::load
