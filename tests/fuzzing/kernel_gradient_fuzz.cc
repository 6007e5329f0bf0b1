// The gradient by the kernel of random shapes by every variant that this processor has, against sums
// in float64, and what one thread gives against three: kernels_fuzz.sh builds and runs it.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "kernel_gradient.h"

namespace {

using brainfcn::Images;
using brainfcn::Variant;
using Floats = std::vector<float>;

constexpr double kTolerance = 3e-5;  // of the largest value

struct Case {
  int64_t count, height, width, channels_in, channels_out;
  bool gated;
  Floats images, gradient, gate;
};

struct Gradients {
  Floats kernel, bias;
};

Case RandomCase(std::mt19937& random) {
  auto upto = [&](int64_t most) { return std::uniform_int_distribution<int64_t>(1, most)(random); };
  const int64_t channels[] = {upto(9), upto(40), upto(150), 64};
  Case made{upto(3), upto(40), upto(40), channels[upto(4) - 1], channels[upto(4) - 1],
            upto(2) == 1, {}, {}, {}};
  std::normal_distribution<float> normal;
  const int64_t pixels = made.count * made.height * made.width;
  made.images.resize(pixels * made.channels_in);
  made.gradient.resize(pixels * made.channels_out);
  made.gate.resize(made.gated ? made.gradient.size() : 0);
  for (Floats* values : {&made.images, &made.gradient, &made.gate})
    for (float& value : *values) value = normal(random);
  return made;
}

brainfcn::Threads ThreadsOf(int64_t count) {
  return {count, [count](int64_t tasks, const std::function<void(int64_t)>& body) {
            std::atomic<int64_t> next{0};
            auto work = [&] {
              for (int64_t task; (task = next++) < tasks;) body(task);
            };
            std::vector<std::thread> helpers;
            for (int64_t i = 1; i < count; ++i) helpers.emplace_back(work);
            work();
            for (std::thread& helper : helpers) helper.join();
          }};
}

Gradients Found(const Variant& variant, const Case& given, int64_t threads) {
  Gradients found{Floats(9 * given.channels_in * given.channels_out), Floats(given.channels_out)};
  const Images images{given.images.data(), nullptr, given.height, given.width, given.channels_in};
  const Images gradient{given.gradient.data(), given.gated ? given.gate.data() : nullptr,
                        given.height, given.width, given.channels_out};
  brainfcn::KernelGradient(ThreadsOf(threads), variant, given.count, images, gradient,
                           found.kernel.data(), found.bias.data());
  return found;
}

// Adds what one pixel's gradient gives to every tap of the kernel.
void AddPixel(const Case& given, int64_t image, int64_t y, int64_t x, const float* gradient,
              const float* gate, std::vector<double>& kernel) {
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t from_y = y + tap / 3 - 1, from_x = x + tap % 3 - 1;
    if (from_y < 0 || from_y >= given.height || from_x < 0 || from_x >= given.width) continue;
    const int64_t pixel = (image * given.height + from_y) * given.width + from_x;
    for (int64_t i = 0; i < given.channels_in; ++i) {
      const double value = given.images[pixel * given.channels_in + i];
      double* row = kernel.data() + (tap * given.channels_in + i) * given.channels_out;
      for (int64_t o = 0; o < given.channels_out; ++o)
        if (gate == nullptr || gate[o] > 0) row[o] += value * gradient[o];
    }
  }
}

void Expect(const Case& given, std::vector<double>& kernel, std::vector<double>& bias) {
  kernel.assign(9 * given.channels_in * given.channels_out, 0);
  bias.assign(given.channels_out, 0);
  for (int64_t pixel = 0; pixel < given.count * given.height * given.width; ++pixel) {
    const float* gradient = given.gradient.data() + pixel * given.channels_out;
    const float* gate = given.gated ? given.gate.data() + pixel * given.channels_out : nullptr;
    AddPixel(given, pixel / given.width / given.height, pixel / given.width % given.height,
             pixel % given.width, gradient, gate, kernel);
    for (int64_t o = 0; o < given.channels_out; ++o)
      if (gate == nullptr || gate[o] > 0) bias[o] += gradient[o];
  }
}

double Error(const Floats& found, const std::vector<double>& expected) {
  double largest = 1, error = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!std::isfinite(found[i])) return INFINITY;
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(found[i] - expected[i]));
  }
  return error / largest;
}

bool Same(const Floats& a, const Floats& b) {
  return std::memcmp(a.data(), b.data(), sizeof(float) * a.size()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rounds = argc > 1 ? std::atoll(argv[1]) : 100;
  const int64_t first = argc > 2 ? std::atoll(argv[2]) : 0;
  std::set<const Variant*> variants = {brainfcn::FindVariant(nullptr),
                                       brainfcn::FindVariant("avx2")};
  variants.erase(nullptr);
  int wrong = 0;
  double worst = 0;
  for (int64_t round = first; round < first + rounds; ++round) {
    std::mt19937 random(round);
    const Case given = RandomCase(random);
    std::vector<double> kernel, bias;
    Expect(given, kernel, bias);
    for (const Variant* variant : variants) {
      const Gradients found = Found(*variant, given, 1), again = Found(*variant, given, 3);
      const double error = std::max(Error(found.kernel, kernel), Error(found.bias, bias));
      const bool same = Same(found.kernel, again.kernel) && Same(found.bias, again.bias);
      worst = std::max(worst, error);
      if (error <= kTolerance && same) continue;
      ++wrong;
      std::printf("%s, round %ld: %ldx%ldx%ldx%ld to %ld, gated %d: error %.1e, threads agree %d\n",
                  variant->name, long(round), long(given.count), long(given.height),
                  long(given.width), long(given.channels_in), long(given.channels_out),
                  given.gated, error, same);
    }
  }
  for (const Variant* variant : variants) std::printf("%s ", variant->name);
  std::printf("%ld rounds, %d wrong, largest error %.1e\n", long(rounds), wrong, worst);
  return wrong || variants.empty();
}
