// Memory for intermediate results, kept from call to call.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace brainfcn {

// Aligned memory, taken from a free list and given back to it. Blocks that are not small lie in huge
// pages where the system has them. The list is never destroyed: threads may still run when the
// program ends.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    const size_t page = bytes < kHugePage / 8 ? kPage : kHugePage;
    const size_t rounded = (bytes + page - 1) / page * page;
    {
      std::lock_guard<std::mutex> lock(Mutex());
      auto& free = Free();
      for (size_t i = 0; i < free.size(); ++i) {
        if (free[i].bytes >= rounded && free[i].bytes <= 4 * rounded) {
          block_ = free[i];
          free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
          return;
        }
      }
    }
    block_.bytes = rounded;
    if (posix_memalign(&block_.data, page, rounded) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    if (page == kHugePage) madvise(block_.data, rounded, MADV_HUGEPAGE);
#endif
  }
  ~Scratch() {
    std::lock_guard<std::mutex> lock(Mutex());
    auto& free = Free();
    if (free.size() == Kept()) {
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
  static constexpr size_t kPage = 4096, kHugePage = 2 << 20;
  // Two for every thread, and a few that all share.
  static size_t Kept() {
    static const size_t kept = 2 * std::thread::hardware_concurrency() + 16;
    return kept;
  }
  static std::mutex& Mutex() {
    static auto& mutex = *new std::mutex;
    return mutex;
  }
  static std::vector<Block>& Free() {
    static auto& free = *[] {
      auto* blocks = new std::vector<Block>;
      blocks->reserve(Kept());  // so that giving a block back cannot fail
      return blocks;
    }();
    return free;
  }
  Block block_;
};

}  // namespace brainfcn
