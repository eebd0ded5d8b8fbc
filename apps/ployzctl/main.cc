#include <string>
#include <vector>

#include "cli/run.h"
#include "cli/system_host.h"

int main(int argc, char** argv) {
  const auto host = ployz::cli::make_system_host();
  return ployz::cli::run_cli(*host, std::vector<std::string>(argv + 1, argv + argc));
}
