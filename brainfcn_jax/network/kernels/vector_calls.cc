// The vector kernels as XLA FFI calls, and what Python asks of them before.
#include "kernel_gradient.h"
#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace brainfcn {
namespace {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using FloatResult = ffi::Result<ffi::Buffer<ffi::F32>>;

const Variant* chosen = nullptr;  // set once, before any call

Threads ThreadsOf(ffi::ThreadPool& pool) {
  return {ThreadCount(pool), [&pool](int64_t tasks, const auto& body) {
            ParallelFor(pool, tasks, body);
          }};
}

// An exception may not leave the library: XLA is not built to pass one on.
template <typename Call>
ffi::Error Guarded(const Call& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "out of memory in a convolution");
  }
}

ffi::Error PackCall(ffi::ThreadPool pool, Floats kernel, FloatResult packed, bool transposed) {
  return Guarded([&] {
    const Kernel described{kernel.typed_data(), kernel.dimensions()[2], kernel.dimensions()[3],
                           transposed};
    const int64_t size = chosen->packed_size(described.inputs(), described.outputs());
    if (static_cast<int64_t>(packed->element_count()) != size)
      return ffi::Error::InvalidArgument("a packed kernel has another size on this processor");
    Pack(ThreadsOf(pool), *chosen, described, packed->typed_data());
    return ffi::Error::Success();
  });
}

ffi::Error ConvolveCall(ffi::ThreadPool pool, Floats images, Floats gate, Floats packed,
                        Floats bias, FloatResult results, FloatResult pooled, bool relu) {
  return Guarded([&] {
    const auto in = images.dimensions();
    const auto out = results->dimensions();
    if (static_cast<int64_t>(packed.element_count()) != chosen->packed_size(in[3], out[3]))
      return ffi::Error::InvalidArgument("a kernel was packed for another processor");
    auto given = [](auto& buffer) {
      return buffer.element_count() ? buffer.typed_data() : nullptr;
    };
    const Images from{images.typed_data(), given(gate), in[1], in[2], in[3]};
    const Results to{results->typed_data(), given(*pooled), given(bias), relu,
                     out[1],                out[2],         out[3]};
    Convolve(ThreadsOf(pool), *chosen, in[0], from, packed.typed_data(), to);
    return ffi::Error::Success();
  });
}

ffi::Error KernelGradientCall(ffi::ThreadPool pool, Floats images, Floats gradient, Floats gate,
                              FloatResult by_kernel, FloatResult by_bias) {
  return Guarded([&] {
    const auto in = images.dimensions();
    const auto out = gradient.dimensions();
    const Images from{images.typed_data(), nullptr, in[1], in[2], in[3]};
    const Images to{gradient.typed_data(), gate.element_count() ? gate.typed_data() : nullptr,
                    out[1], out[2], out[3]};
    KernelGradient(ThreadsOf(pool), *chosen, in[0], from, to, by_kernel->typed_data(),
                   by_bias->typed_data());
    return ffi::Error::Success();
  });
}

}  // namespace
}  // namespace brainfcn

// Chooses the code for this processor, no wider than `limit`; its name, or null where there is none.
extern "C" const char* brainfcn_choose_vectors(const char* limit) {
  brainfcn::chosen = brainfcn::FindVariant(limit);
  return brainfcn::chosen ? brainfcn::chosen->name : nullptr;
}

// Floats of a packed kernel; only after a successful choice.
extern "C" int64_t brainfcn_packed_size(int64_t inputs, int64_t outputs) {
  return brainfcn::chosen->packed_size(inputs, outputs);
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(brainfcn_pack_vector, brainfcn::PackCall,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<bool>("transposed"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(brainfcn_convolve_vector, brainfcn::ConvolveCall,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<bool>("relu"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(brainfcn_kernel_gradient_vector, brainfcn::KernelGradientCall,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>());
