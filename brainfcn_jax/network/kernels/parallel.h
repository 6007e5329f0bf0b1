// Splits work over XLA's own thread pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>

#include "xla/ffi/api/ffi.h"

namespace brainfcn {

inline int64_t ThreadCount(const xla::ffi::ThreadPool& pool) {
  return std::max<int64_t>(1, pool.num_threads());
}

// Runs body(0) ... body(tasks - 1). The caller works too, and waits for tasks, not for threads:
// a pool whose threads are all busy cannot block it. Throws bad_alloc when any task did, after all
// of them have ended.
inline void ParallelFor(xla::ffi::ThreadPool& pool, int64_t tasks,
                        const std::function<void(int64_t)>& body) {
  struct State {
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> done{0};
    std::atomic<bool> out_of_memory{false};
    std::mutex mutex;
    std::condition_variable finished;
  };
  auto state = std::make_shared<State>();
  const std::function<void(int64_t)>* run = &body;  // only read while a task is still open
  auto work = [state, run, tasks] {
    for (int64_t task; (task = state->next.fetch_add(1)) < tasks;) {
      try {
        (*run)(task);
      } catch (const std::bad_alloc&) {
        state->out_of_memory = true;
      }
      if (state->done.fetch_add(1) + 1 == tasks) {
        std::lock_guard<std::mutex> lock(state->mutex);
        state->finished.notify_all();
      }
    }
  };
  int64_t helpers = std::min(ThreadCount(pool), tasks) - 1;
  for (int64_t i = 0; i < helpers; ++i) pool.Schedule(decltype(work)(work));
  work();
  std::unique_lock<std::mutex> lock(state->mutex);
  state->finished.wait(lock, [&] { return state->done.load() == tasks; });
  if (state->out_of_memory) throw std::bad_alloc();
}

}  // namespace brainfcn
