// Convolutions of random shapes by every variant that this processor has, against their definition
// in float64: kernels_fuzz.sh builds this with AddressSanitizer and UndefinedBehaviourSanitizer, and
// for AArch64.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "convolve.h"

namespace {

using brainfcn::Threads;
using brainfcn::Variant;
using Floats = std::vector<float>;

struct Case {
  int64_t count, height, width, cin, cout;
  bool transposed, gated, relu, pooled, biased;
  int64_t inputs() const { return transposed ? cout : cin; }
  int64_t outputs() const { return transposed ? cin : cout; }
};

// Buffers are no longer than they must be, so that the sanitizer sees what lies past them.
std::unique_ptr<float[]> Exactly(const Floats& values) {
  std::unique_ptr<float[]> copy(new float[values.size()]);
  for (size_t i = 0; i < values.size(); ++i) copy[i] = values[i];
  return copy;
}

Threads StartedAnew(int64_t count) {
  return {count, [count](int64_t tasks, const std::function<void(int64_t)>& body) {
            std::vector<std::thread> threads;
            for (int64_t t = 0; t < count; ++t)
              threads.emplace_back([=, &body] {
                for (int64_t task = t; task < tasks; task += count) body(task);
              });
            for (auto& thread : threads) thread.join();
          }};
}

class Fuzzed {
 public:
  explicit Fuzzed(uint64_t seed) : random_(seed) {
    c_ = {1 + Below(3), 1 + Below(20), 1 + Below(20), Channels(), Channels(),
          Below(2) == 1, Below(3) == 0, Below(2) == 1, Below(2) == 1, Below(3) > 0};
    images_ = Normal(c_.count * c_.height * c_.width * c_.inputs());
    gate_ = Normal(c_.gated ? images_.size() : 0);
    weights_ = Normal(9 * c_.cin * c_.cout);
    bias_ = Normal(c_.biased ? c_.outputs() : 0);
  }

  // The results, then what is pooled.
  std::pair<Floats, Floats> Found(const Variant& variant, int64_t thread_count) const {
    const Threads threads = StartedAnew(thread_count);
    const auto images = Exactly(images_), gate = Exactly(gate_), weights = Exactly(weights_),
               bias = Exactly(bias_);
    std::unique_ptr<float[]> packed(new float[variant.packed_size(c_.inputs(), c_.outputs())]);
    const brainfcn::Kernel kernel{weights.get(), c_.cin, c_.cout, c_.transposed};
    brainfcn::Pack(threads, variant, kernel, packed.get());
    const auto results = Exactly(Floats(Pixels() * c_.outputs(), NAN));
    const auto pooled = Exactly(Floats(PooledPixels() * c_.outputs(), NAN));
    const brainfcn::Images from{images.get(), c_.gated ? gate.get() : nullptr, c_.height, c_.width,
                                c_.inputs()};
    const brainfcn::Results to{results.get(), c_.pooled ? pooled.get() : nullptr,
                               c_.biased ? bias.get() : nullptr, c_.relu, c_.height, c_.width,
                               c_.outputs()};
    brainfcn::Convolve(threads, variant, c_.count, from, packed.get(), to);
    return {Floats(results.get(), results.get() + Pixels() * c_.outputs()),
            Floats(pooled.get(), pooled.get() + PooledPixels() * c_.outputs())};
  }

  // The largest difference from the definition, as a share of the largest result.
  double Error(const std::pair<Floats, Floats>& found) const {
    const std::vector<double> exact = Exact();
    double largest = 1e-30, error = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      largest = std::fmax(largest, std::fabs(exact[i]));
      error = Worse(error, std::fabs(found.first[i] - exact[i]));
    }
    if (c_.pooled) error = Worse(error, PoolingError(found));
    return error / largest;
  }

  void Print(const char* variant, double error) const {
    std::printf("%s: %d images of %dx%d, %d to %d channels, transposed %d gated %d relu %d pooled "
                "%d bias %d: error %.1e\n",
                variant, (int)c_.count, (int)c_.height, (int)c_.width, (int)c_.cin, (int)c_.cout,
                c_.transposed, c_.gated, c_.relu, c_.pooled, c_.biased, error);
  }

 private:
  static double Worse(double a, double b) { return a >= b ? a : b; }  // NaN is the worst
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % n); }
  int64_t Channels() {
    const int64_t usual[] = {1, 3, 7, 8, 16, 64, 65, 128, 256};
    return Below(2) ? usual[Below(9)] : 1 + Below(150);
  }
  Floats Normal(size_t size) {
    std::normal_distribution<float> normal;
    Floats values(size);
    for (float& value : values) value = normal(random_);
    return values;
  }
  int64_t Pixels() const { return c_.count * c_.height * c_.width; }
  int64_t PooledPixels() const {
    return c_.pooled ? c_.count * (c_.height / 2) * (c_.width / 2) : 0;
  }

  double Weight(int64_t tap, int64_t in, int64_t out) const {
    if (c_.transposed) return weights_[((8 - tap) * c_.cin + out) * c_.cout + in];
    return weights_[(tap * c_.cin + in) * c_.cout + out];
  }
  std::vector<double> Exact() const {
    const int64_t inputs = c_.inputs(), outputs = c_.outputs();
    std::vector<double> sums(Pixels() * outputs);
    for (int64_t at = 0; at < Pixels(); ++at) {
      double* sum = &sums[at * outputs];
      for (int64_t o = 0; o < outputs; ++o) sum[o] = c_.biased ? bias_[o] : 0;
      const int64_t x = at % c_.width, y = at / c_.width % c_.height;
      for (int64_t tap = 0; tap < 9; ++tap) {
        const int64_t dy = tap / 3 - 1, dx = tap % 3 - 1;
        if (y + dy < 0 || y + dy >= c_.height || x + dx < 0 || x + dx >= c_.width) continue;
        for (int64_t i = 0; i < inputs; ++i) {
          const int64_t from = (at + dy * c_.width + dx) * inputs + i;
          const double value = c_.gated && !(gate_[from] > 0) ? 0 : images_[from];
          for (int64_t o = 0; o < outputs; ++o) sum[o] += value * Weight(tap, i, o);
        }
      }
      for (int64_t o = 0; o < outputs; ++o) sum[o] = c_.relu ? std::fmax(sum[o], 0) : sum[o];
    }
    return sums;
  }
  double PoolingError(const std::pair<Floats, Floats>& found) const {
    const int64_t height = c_.height / 2, width = c_.width / 2, outputs = c_.outputs();
    double error = 0;
    for (int64_t i = 0; i < PooledPixels() * outputs; ++i) {
      const int64_t o = i % outputs, x = i / outputs % width, y = i / outputs / width % height;
      const int64_t image = i / outputs / width / height;
      auto at = [&](int64_t dy, int64_t dx) {
        return found.first[((image * c_.height + 2 * y + dy) * c_.width + 2 * x + dx) * outputs +
                           o];
      };
      const double largest = std::fmax(std::fmax(at(0, 0), at(0, 1)), std::fmax(at(1, 0), at(1, 1)));
      error = Worse(error, std::fabs(found.second[i] - largest));
    }
    return error;
  }

  std::mt19937_64 random_;
  Case c_;
  Floats images_, gate_, weights_, bias_;
};

}  // namespace

int main(int argc, char** argv) {
  constexpr double kAllowed = 1e-4;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  const int first = argc > 2 ? std::atoi(argv[2]) : 0;
  std::set<const Variant*> variants = {brainfcn::FindVariant(nullptr),
                                       brainfcn::FindVariant("avx2")};
  variants.erase(nullptr);
  int wrong = 0;
  double worst = 0;
  for (int round = first; round < first + rounds; ++round) {
    const Fuzzed fuzzed(round);
    for (const Variant* variant : variants) {
      const auto found = fuzzed.Found(*variant, 1);
      const double error = fuzzed.Error(found);
      worst = worst >= error ? worst : error;
      if (!(error <= kAllowed) || fuzzed.Found(*variant, 3) != found) {
        fuzzed.Print(variant->name, error);
        ++wrong;
      }
    }
  }
  for (const Variant* variant : variants) std::printf("%s ", variant->name);
  std::printf("%d rounds, %d wrong, largest error %.1e\n", rounds, wrong, worst);
  return wrong || variants.empty();
}
