// Splits work over XLA's own thread pool, and keeps scratch memory from call to call.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace brainfcn {

inline int64_t Threads(const xla::ffi::ThreadPool& pool) {
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
  int64_t helpers = std::min(Threads(pool), tasks) - 1;
  for (int64_t i = 0; i < helpers; ++i) pool.Schedule(decltype(work)(work));
  work();
  std::unique_lock<std::mutex> lock(state->mutex);
  state->finished.wait(lock, [&] { return state->done.load() == tasks; });
  if (state->out_of_memory) throw std::bad_alloc();
}

// 64-byte aligned memory, taken from a free list and given back to it. The list is never destroyed:
// threads may still run when the program ends.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    {
      std::lock_guard<std::mutex> lock(Mutex());
      auto& free = Free();
      for (size_t i = 0; i < free.size(); ++i) {
        if (free[i].bytes >= bytes && free[i].bytes <= 4 * bytes) {
          block_ = free[i];
          free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
          return;
        }
      }
    }
    size_t rounded = (bytes + 4095) / 4096 * 4096;
    block_ = {std::aligned_alloc(4096, rounded), rounded};
    if (block_.data == nullptr) throw std::bad_alloc();
  }
  ~Scratch() {
    std::lock_guard<std::mutex> lock(Mutex());
    auto& free = Free();
    if (free.size() == kKept) {
      std::free(free.front().data);
      free.erase(free.begin());
    }
    free.push_back(block_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <typename T>
  T* as() const {
    return static_cast<T*>(block_.data);
  }

 private:
  struct Block {
    void* data = nullptr;
    size_t bytes = 0;
  };
  static constexpr size_t kKept = 16;
  static std::mutex& Mutex() {
    static auto& mutex = *new std::mutex;
    return mutex;
  }
  static std::vector<Block>& Free() {
    static auto& free = *[] {
      auto* blocks = new std::vector<Block>;
      blocks->reserve(kKept);  // so that giving a block back cannot fail
      return blocks;
    }();
    return free;
  }
  Block block_;
};

}  // namespace brainfcn
