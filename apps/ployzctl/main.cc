#include <string>
#include <vector>

#include "cli/run.h"
#include "cli/system_host.h"
#include "cli/token_arg.h"

int main(int argc, char** argv) {
  const auto host = ployz::cli::make_system_host();
  const std::vector<std::string> words(argv + 1, argv + argc);
  ployz::cli::hide_token(argc, argv);  // from everybody who may run ps
  return ployz::cli::run_cli(*host, words);
}
