// Operators that read their argument in another order or at other positions, and
// what sorts it.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

//===-- order ---------------------------------------------------------------------------===//

static Results flip(Call &call) { return {call.builder.flip(call.self(), call.axes("dims"))}; }

static Results roll(Call &call) {
  return {call.builder.roll(call.self(), call.integers("shifts"), call.axes("dims"))};
}

/// Quarter turns from the first axis of `dims` to the second.
static Results rot90(Call &call) {
  SmallVector<int64_t> axes = call.given("dims") ? call.axes("dims") : SmallVector<int64_t>{0, 1};
  Value x = call.self();
  int64_t turns = ((call.integer("k", 1) % 4) + 4) % 4;
  if (!x || axes.size() != 2 || axes[0] == axes[1]) {
    call.reject("dims", "must name two axes");
    return {Value()};
  }
  if (turns == 2)
    return {call.builder.flip(x, axes)};
  if (turns == 1)
    x = call.builder.flip(x, axes[1]);
  if (turns != 0)
    x = call.builder.swapAxes(x, axes[0], axes[1]);
  return {turns == 3 ? call.builder.flip(x, axes[1]) : x};
}

template <bool lower> static Results triangle(Call &call) {
  return {call.builder.triangle(call.self(), call.integer("diagonal", 0), lower)};
}

static Results repeatInterleave(Call &call) {
  Value x = call.self();
  if (!x)
    return {Value()};
  if (!call.given("dim"))
    x = call.builder.flatten(x, 0, -1);
  return {call.builder.repeatInterleave(x, call.integer("repeats"), call.given("dim") ? call.axis("dim") : 0)};
}

//===-- channels and pixels ---------------------------------------------------------------===//

/// [..., C * r * r, H, W] -> [..., C, r, r, H, W] -> [..., C, H, r, W, r] -> [..., C, H * r, W * r].
static Results pixelShuffle(Call &call) {
  Value x = call.self();
  int64_t r = call.integer("upscale_factor");
  if (!x || nn::rankOf(x) < 3 || r < 1) {
    call.reject(call.selfName(), "must be [..., C, H, W], and the factor positive");
    return {Value()};
  }
  nn::Dims in = nn::dimsOf(x), split(in.begin(), in.end() - 3);
  int64_t lead = split.size();
  AffineExpr factor = call.builder.size(r);
  split.append({nn::simplify(in[lead].floorDiv(r * r)), factor, factor, in[lead + 1], in[lead + 2]});
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, lead + 1));
  order.append({lead + 3, lead + 1, lead + 4, lead + 2});
  Value turned = call.builder.view(x, split);
  return {turned ? call.builder.view(call.builder.permute(turned, order), call.outputDims()) : Value()};
}

static Results pixelUnshuffle(Call &call) {
  Value x = call.self();
  int64_t r = call.integer("downscale_factor");
  if (!x || nn::rankOf(x) < 3 || r < 1) {
    call.reject(call.selfName(), "must be [..., C, H, W], and the factor positive");
    return {Value()};
  }
  nn::Dims in = nn::dimsOf(x), split(in.begin(), in.end() - 2);
  int64_t lead = split.size();
  AffineExpr factor = call.builder.size(r);
  split.append({nn::simplify(in[lead].floorDiv(r)), factor, nn::simplify(in[lead + 1].floorDiv(r)), factor});
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, lead));
  order.append({lead + 1, lead + 3, lead, lead + 2});
  Value turned = call.builder.view(x, split);
  return {turned ? call.builder.view(call.builder.permute(turned, order), call.outputDims()) : Value()};
}

static Results channelShuffle(Call &call) {
  Value x = call.self();
  int64_t groups = call.integer("groups");
  if (!x || nn::rankOf(x) < 2 || groups < 1) {
    call.reject("groups", "must be positive, and the input [N, C, ...]");
    return {Value()};
  }
  nn::Dims in = nn::dimsOf(x), split = in;
  split[1] = nn::simplify(in[1].floorDiv(groups));
  split.insert(split.begin() + 1, call.builder.size(groups));
  Value grouped = call.builder.view(x, split);
  return {grouped ? call.builder.view(call.builder.swapAxes(grouped, 1, 2), in) : Value()};
}

static Results im2col(Call &call) {
  return {call.builder.im2col(call.self(), call.spatial("kernel_size", 2), call.spatial("dilation", 2, 1),
                              call.spatial("padding", 2, 0, 0), call.spatial("stride", 2, 1))};
}

static Results col2im(Call &call) {
  return {call.builder.col2im(call.self(), call.spatial("output_size", 2), call.spatial("kernel_size", 2),
                              call.spatial("dilation", 2, 1), call.spatial("padding", 2, 0, 0), call.spatial("stride", 2, 1))};
}

//===-- resampling --------------------------------------------------------------------------===//

/// The spatial sizes of the result, and the factors as the caller gave them.
struct Resampling {
  SmallVector<int64_t> size;
  SmallVector<double> factors;
  explicit Resampling(Call &call) : factors(call.numbers("scale_factors")) {
    nn::Dims out = call.outputDims();
    if (out.size() < 3 || call.selfDims().size() != out.size())
      call.reject(call.selfName(), "must be [N, C, spatial...]");
    for (AffineExpr dim : ArrayRef(out).drop_front(std::min<size_t>(out.size(), 2))) {
      std::optional<int64_t> constant = nn::constantSize(dim);
      if (!constant)
        call.reject("output_size", "must be constant");
      size.push_back(constant.value_or(1));
    }
    if (!factors.empty() && factors.size() != size.size())
      call.reject("scale_factors", "must hold one number for each spatial axis");
  }
};

template <bool exact> static Results upsampleNearest(Call &call) {
  Resampling to(call);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.upsampleNearest(call.self(), to.size, to.factors, exact)};
}

template <bool cubic> static Results upsampleLinear(Call &call) {
  Resampling to(call);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.upsampleLinear(call.self(), to.size, to.factors, call.flag("align_corners", false), cubic)};
}

//===-- sorting -------------------------------------------------------------------------------===//

static Results sort(Call &call) {
  auto [values, indices] = call.builder.sort(call.self(), call.axis("dim", -1), call.flag("descending", false));
  return {values, indices};
}

static Results argsort(Call &call) {
  return {call.builder.sort(call.self(), call.axis("dim", -1), call.flag("descending", false)).second};
}

static Results topk(Call &call) {
  auto [values, indices] = call.builder.sort(call.self(), call.axis("dim", -1), call.flag("largest", true), call.integer("k"));
  return {values, indices};
}

/// The lower of the two middle elements.
static Results median(Call &call) {
  Value x = call.self();
  int64_t axis = call.axis("dim", -1);
  std::optional<int64_t> size = x && nn::rankOf(x) > 0 ? nn::constantSize(nn::dimsOf(x)[axis]) : std::nullopt;
  if (!size) {
    call.reject("dim", "must name an axis of constant size");
    return {Value()};
  }
  int64_t middle = (*size - 1) / 2;
  bool keepdim = call.flag("keepdim", false);
  auto pick = [&](Value v) {
    v = call.builder.select(v, axis, middle);
    return keepdim ? call.builder.unsqueezeAxis(v, axis) : v;
  };
  auto [values, indices] = call.builder.sort(x, axis, false);
  return {pick(values), pick(indices)};
}

static Results cumsum(Call &call) {
  Value x = call.self();
  if (x && call.given("dtype"))
    x = call.builder.toType(x, call.outputType());
  return {call.builder.cumsum(x, call.axis("dim"))};
}

static Results cumprod(Call &call) { return {call.builder.cumprod(call.self(), call.axis("dim"))}; }

static constexpr AtenOp rearrangements[] = {
    {"flip", flip},
    {"roll", roll},
    {"rot90", rot90},
    {"tril", triangle<true>},
    {"triu", triangle<false>},
    {"repeat_interleave.self_int", repeatInterleave},
    {"pixel_shuffle", pixelShuffle},
    {"pixel_unshuffle", pixelUnshuffle},
    {"channel_shuffle", channelShuffle},
    {"im2col", im2col},
    {"col2im", col2im},
    {"upsample_nearest1d.vec", upsampleNearest<false>},
    {"upsample_nearest2d.vec", upsampleNearest<false>},
    {"upsample_nearest3d.vec", upsampleNearest<false>},
    {"_upsample_nearest_exact1d.vec", upsampleNearest<true>},
    {"_upsample_nearest_exact2d.vec", upsampleNearest<true>},
    {"_upsample_nearest_exact3d.vec", upsampleNearest<true>},
    {"upsample_linear1d.vec", upsampleLinear<false>},
    {"upsample_bilinear2d.vec", upsampleLinear<false>},
    {"upsample_trilinear3d.vec", upsampleLinear<false>},
    {"upsample_bicubic2d.vec", upsampleLinear<true>},
    {"sort", sort},
    {"sort.stable", sort},
    {"argsort", argsort},
    {"argsort.stable", argsort},
    {"topk", topk},
    {"median.dim", median},
    {"cumsum", cumsum},
    {"cumprod", cumprod},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenRearrangements() { return rearrangements; }
