// What every part of the engine needs: who we are, the ports, and what runs in this process.
#pragma once

#include "engine/engine.h"
#include "engine/lease_sightings.h"
#include "engine/running.h"
#include "engine/unfinished.h"

namespace ployz {

struct EngineContext {
  const EngineConfig& config;
  const Engine::Ports& ports;
  RunningOperations& running;
  LeaseSightings& sightings;
  UnfinishedOperations& unfinished;
};

}  // namespace ployz
