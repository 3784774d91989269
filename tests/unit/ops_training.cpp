// Random numbers and optimizers.
#include "tests/unit/ops_case.h"
#include <cmath>

using namespace mlir;

namespace nnc::test {

//===-- random numbers ------------------------------------------------------------------===//

/// Philox 4x32-10 (Salmon et al., SC 2011, section 3): two of the four words.
static std::pair<uint32_t, uint32_t> philox(uint64_t index, uint64_t stream, uint64_t seed) {
  uint32_t c[4] = {uint32_t(index), uint32_t(index >> 32), uint32_t(stream), uint32_t(stream >> 32)};
  uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xD2511F53) * c[0], b = uint64_t(0xCD9E8D57) * c[2];
    uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ key[0], uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ key[1], uint32_t(a)};
    std::copy(next, next + 4, c);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return {c[0], c[1]};
}

/// The number for element `index`, in f64; an f32 is its upper 24 bits.
static double uniformAt(uint64_t index, uint64_t seed, uint64_t step, uint64_t site) {
  auto [high, low] = philox(index, step ^ (site << 32), seed);
  return double(((uint64_t(high) << 32) | low) >> 11) * 0x1p-53;
}

static Case uniform(int64_t seed, int64_t step, int64_t site) {
  std::string name = "seed " + std::to_string(seed) + ", step " + std::to_string(step) + ", site " + std::to_string(site);
  return {"uniform", name, [=](CaseBuilder &b) {
            Value s = b.integer(seed);
            Value t = b.integer(step);
            b.output(nn::UniformOp::create(b.builder(), b.loc, b.type(b.dims({b.batch(), 7, 3}), b.element), s, t, site));
          }, [=](const Arrays &, Arrays &out) {
            for (size_t i = 0; i < out[0].data.size(); ++i)
              out[0].data[i] = uniformAt(i, seed, step, site);
          }};
}

static Case dropout(double p) {
  return {"dropout", "p " + std::to_string(p).substr(0, 4), [=](CaseBuilder &b) {
            Value x = b.input({b.batch(), 17});
            Value s = b.integer(42);
            Value t = b.integer(3);
            b.output(nn::DropoutOp::create(b.builder(), b.loc, x.getType(), x, s, t, APFloat(p), 5));
          }, [=](const Arrays &in, Arrays &out) {
            for (size_t i = 0; i < out[0].data.size(); ++i)
              out[0].data[i] = p < 1 && uniformAt(i, 42, 3, 5) >= p ? in[0].data[i] / (1 - p) : 0;
          }};
}

//===-- optimizers -------------------------------------------------------------------------===//

namespace {
struct SgdOptions {
  double momentum = 0, dampening = 0, weightDecay = 0;
  bool nesterov = false, maximize = false;
  double step = 3;
};
struct AdamOptions {
  double weightDecay = 0;
  bool decoupled = false, maximize = false, amsgrad = false;
  double step = 3, beta1 = 0.9, beta2 = 0.99, eps = 1e-8;
};
} // namespace

/// torch.optim.SGD's loop over one parameter's elements.
static Case sgd(std::string name, SgdOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value p = b.input({3, 7});
    Value g = b.input({3, 7});
    Value lr = b.input({}, fixed(0.125));
    Value step = b.input({}, fixed(o.step));
    Value buffer = o.momentum != 0 ? b.input({3, 7}) : Value();
    auto op = nn::SgdOp::create(b.builder(), b.loc, p.getType(), buffer ? p.getType() : Type(), p, g, lr, buffer, step,
                                APFloat(o.momentum), APFloat(o.dampening), APFloat(o.weightDecay), o.nesterov, o.maximize);
    b.output(op.getNewParameter());
    if (buffer)
      b.output(op.getNewMomentumBuffer());
  };
  auto reference = [=](const Arrays &in, Arrays &out) {
    for (size_t i = 0; i < out[0].data.size(); ++i) {
      double p = in[0].data[i], g = in[1].data[i], lr = in[2].data[0];
      g = (o.maximize ? -g : g) + o.weightDecay * p;
      if (o.momentum != 0) {
        double buffer = o.step == 1 ? g : o.momentum * in[4].data[i] + (1 - o.dampening) * g;
        out[1].data[i] = buffer;
        g = o.nesterov ? g + o.momentum * buffer : buffer;
      }
      out[0].data[i] = p - lr * g;
    }
  };
  // An update is not differentiated; and at step 1 it jumps.
  return {"sgd", name, build, reference, /*checkGradient=*/false};
}

/// torch.optim.Adam's and AdamW's loop over one parameter's elements.
static Case adam(std::string name, AdamOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value p = b.input({3, 7});
    Value g = b.input({3, 7});
    Value lr = b.input({}, fixed(0.125));
    Value step = b.input({}, fixed(o.step));
    Value m = b.input({3, 7});
    Value v = b.input({3, 7}, range(0.1, 2));
    Value largest = o.amsgrad ? b.input({3, 7}, range(0.1, 2)) : Value();
    auto op = nn::AdamOp::create(b.builder(), b.loc, p.getType(), p.getType(), p.getType(), largest ? p.getType() : Type(),
                                 p, g, lr, m, v, largest, step, APFloat(o.beta1), APFloat(o.beta2), APFloat(o.eps),
                                 APFloat(o.weightDecay), o.decoupled, o.maximize);
    for (Value result : op->getResults())
      b.output(result);
  };
  auto reference = [=](const Arrays &in, Arrays &out) {
    for (size_t i = 0; i < out[0].data.size(); ++i) {
      double p = in[0].data[i], g = in[1].data[i], lr = in[2].data[0];
      if (o.maximize)
        g = -g;
      if (o.decoupled)
        p *= 1 - lr * o.weightDecay;
      else
        g += o.weightDecay * p;
      double m = o.beta1 * in[4].data[i] + (1 - o.beta1) * g;
      double v = o.beta2 * in[5].data[i] + (1 - o.beta2) * g * g;
      double vHat = o.amsgrad ? std::max(in[6].data[i], v) : v;
      double correction1 = 1 - std::pow(o.beta1, o.step), correction2 = 1 - std::pow(o.beta2, o.step);
      out[0].data[i] = p - lr / correction1 * m / (std::sqrt(vHat) / std::sqrt(correction2) + o.eps);
      out[1].data[i] = m;
      out[2].data[i] = v;
      if (o.amsgrad)
        out[3].data[i] = vHat;
    }
  };
  return {"adam", name, build, reference, /*checkGradient=*/false};
}

std::vector<Case> trainingCases() {
  return {
      uniform(0, 0, 0), uniform(42, 7, 3), uniform(int64_t(1) << 40, 1, 0),
      dropout(0), dropout(0.25), dropout(0.5), dropout(1),
      sgd("plain", {}),
      sgd("weight decay", {.weightDecay = 0.1}),
      sgd("maximize", {.weightDecay = 0.1, .maximize = true}),
      sgd("momentum", {.momentum = 0.9}),
      sgd("momentum, first step", {.momentum = 0.9, .dampening = 0.5, .step = 1}),
      sgd("momentum, dampening", {.momentum = 0.9, .dampening = 0.5, .weightDecay = 0.01}),
      sgd("nesterov", {.momentum = 0.9, .weightDecay = 0.01, .nesterov = true}),
      adam("plain", {}),
      adam("first step", {.step = 1}),
      adam("weight decay", {.weightDecay = 0.1}),
      adam("amsgrad", {.amsgrad = true}),
      adam("amsgrad, maximize", {.weightDecay = 0.1, .maximize = true, .amsgrad = true}),
      adam("adamw", {.weightDecay = 0.1, .decoupled = true}),
      adam("adamw, amsgrad", {.weightDecay = 0.1, .decoupled = true, .amsgrad = true, .step = 100}),
  };
}

} // namespace nnc::test
