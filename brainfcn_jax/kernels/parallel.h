// Splits work over XLA's own thread pool, and keeps scratch memory from call to call.
#pragma once

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

// Runs body(0) ... body(tasks - 1). The caller works too, and waits for tasks, not for threads:
// a pool whose threads are all busy cannot block it.
inline void ParallelFor(xla::ffi::ThreadPool& pool, int64_t tasks,
                        const std::function<void(int64_t)>& body) {
  struct State {
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> done{0};
    std::mutex mutex;
    std::condition_variable finished;
  };
  auto state = std::make_shared<State>();
  const std::function<void(int64_t)>* run = &body;  // only read while a task is still open
  auto work = [state, run, tasks] {
    for (int64_t task; (task = state->next.fetch_add(1)) < tasks;) {
      (*run)(task);
      if (state->done.fetch_add(1) + 1 == tasks) {
        std::lock_guard<std::mutex> lock(state->mutex);
        state->finished.notify_all();
      }
    }
  };
  int64_t helpers = std::min<int64_t>(pool.num_threads(), tasks) - 1;
  for (int64_t i = 0; i < helpers; ++i) pool.Schedule(decltype(work)(work));
  work();
  std::unique_lock<std::mutex> lock(state->mutex);
  state->finished.wait(lock, [&] { return state->done.load() == tasks; });
}

// 64-byte aligned memory, taken from a free list and given back to it.
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
    free.push_back(block_);
    if (free.size() > kKept) {
      std::free(free.front().data);
      free.erase(free.begin());
    }
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
    static std::mutex mutex;
    return mutex;
  }
  static std::vector<Block>& Free() {
    static std::vector<Block> free;
    return free;
  }
  Block block_;
};

}  // namespace brainfcn
