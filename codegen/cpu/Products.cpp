// The Contract family: matmul, convolution and its two gradients, described to the
// engines in Contract.h and Convolution.h, with pointwise ops on their results.
#include "codegen/cpu/Contract.h"
#include "codegen/cpu/Convolution.h"
#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/Families.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Products.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

Operation *anchorOf(KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (isa<MatmulOp, ConvOp, ConvInputGradOp, ConvWeightGradOp>(op))
      return &op;
  llvm_unreachable("a Contract kernel has a product");
}

// Sizes as extents; without symbols at hand (before anything is emitted) a
// symbolic one is dynamic.
Extent extentOf(KernelContext *c, AffineExpr dim) {
  dim = simplify(dim);
  if (auto constant = constantSize(dim))
    return Extent::of(*constant);
  return c ? Extent::of(c->size(dim)) : Extent::of(Value());
}

//===-- matmul -------------------------------------------------------------------------===//

// Element (batch, outer, k) lies at ((batch * rows + r) * columns + column); without `rows` at
// r * columns + column for every batch.
ProductOperand matrixOperand(KernelContext *c, Value tensor, bool outerIsRow, Value rows, Value columns) {
  ProductOperand operand;
  operand.contiguous = outerIsRow ? ProductOperand::Contiguous::Reduction : ProductOperand::Contiguous::Outer;
  if (!c)
    return operand;
  Value memref = c->bufferOf(tensor);
  auto position = [=](OpBuilder &b, Location loc, Value batch, Value outer, Value k) {
    Value row = outerIsRow ? outer : k, column = outerIsRow ? k : outer;
    Value line = rows ? b.createOrFold<arith::AddIOp>(loc, b.createOrFold<arith::MulIOp>(loc, batch, rows), row) : row;
    return b.createOrFold<arith::AddIOp>(loc, b.createOrFold<arith::MulIOp>(loc, line, columns), column);
  };
  operand.element = [=](OpBuilder &b, Location loc, Value batch, Value outer, Value k) -> Value {
    return memref::LoadOp::create(b, loc, memref, position(b, loc, batch, outer, k));
  };
  operand.vector = [=](OpBuilder &b, Location loc, VectorType type, Value batch, Value outer, Value k, Value active) {
    return loadVector(b, loc, type, memref, position(b, loc, batch, outer, k), active);
  };
  operand.prefetch = [=](OpBuilder &b, Location loc, Value batch, Value outer, Value k) {
    LoopEmitter(b, loc).prefetch(memref, position(b, loc, batch, outer, k));
  };
  return operand;
}

ProductOperand matrixOperand(KernelContext *c, Value tensor, bool outerIsRow) {
  Dims dims = dimsOf(tensor);
  return matrixOperand(c, tensor, outerIsRow, c ? c->size(dims[dims.size() - 2]) : Value(), c ? c->size(dims.back()) : Value());
}

// B packed ahead, [n / L][k][L]: a vector of n at (k, n), n a multiple of L.
ProductOperand packedOperand(KernelContext *c, Value packed) {
  ProductOperand operand;
  operand.contiguous = ProductOperand::Contiguous::Outer;
  operand.packed = true;
  if (!c)
    return operand;
  Dims dims = dimsOf(packed);
  Value reduced = c->size(dims[1]), memref = c->bufferOf(packed);
  int64_t lanes = *constantSize(dims[3]);
  auto position = [=](OpBuilder &b, Location loc, Value outer, Value k) {
    Value panel = b.createOrFold<arith::MulIOp>(loc, outer, reduced);
    Value line = b.createOrFold<arith::MulIOp>(loc, k, b.createOrFold<arith::ConstantIndexOp>(loc, lanes));
    return b.createOrFold<arith::AddIOp>(loc, panel, line);
  };
  operand.vector = [=](OpBuilder &b, Location loc, VectorType type, Value, Value outer, Value k, Value active) {
    return loadVector(b, loc, type, memref, position(b, loc, outer, k), active);
  };
  operand.prefetch = [=](OpBuilder &b, Location loc, Value, Value outer, Value k) {
    LoopEmitter(b, loc).prefetch(memref, position(b, loc, outer, k));
  };
  return operand;
}

ContractProblem describe(KernelContext *c, MatmulOp op) {
  Dims a = dimsOf(op.getA()), y = dimsOf(op.getResult());
  size_t rank = y.size();
  ContractProblem problem;
  problem.elementType = elementTypeOf(op.getResult());
  problem.batch = extentOf(c, product(op.getContext(), ArrayRef(y).drop_back(2)));
  problem.m = extentOf(c, y[rank - 2]);
  problem.n = extentOf(c, y[rank - 1]);
  problem.k = extentOf(c, a[rank - (op.getTransposeA() ? 2 : 1)]);
  problem.a = matrixOperand(c, op.getA(), !op.getTransposeA());
  problem.b = op.getPacked() ? packedOperand(c, op.getPacked()) : matrixOperand(c, op.getB(), op.getTransposeB());
  if (!c)
    return problem;
  problem.store = [c, result = Value(op.getResult()), y](OpBuilder &b, Location loc, Value batch, Value m, Value n, Value vector, Value active) {
    SmallVector<Value> lead;
    {
      OpBuilder::InsertionGuard guard(c->b);
      c->b.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
      lead = c->delinearize(batch, ArrayRef(y).drop_back(2));
      b.setInsertionPoint(c->b.getInsertionBlock(), c->b.getInsertionPoint());
    }
    lead.push_back(m);
    Epilogue(*c, result, 1).store(b, loc, lead, n, vector, active);
  };
  return problem;
}

//===-- convolution ------------------------------------------------------------------------===//

// Consecutive elements of a plane of [N, C, spatial...].
ConvolutionProblem::Read planeReader(KernelContext *c, Value tensor) {
  Dims dims = dimsOf(tensor);
  Value channels = c->size(dims[1]), plane = c->size(product(c->b.getContext(), ArrayRef(dims).drop_front(2)));
  Value memref = c->bufferOf(tensor);
  return [=](OpBuilder &b, Location loc, VectorType type, Value image, Value channel, Value position, Value active) {
    Value line = b.createOrFold<arith::AddIOp>(loc, b.createOrFold<arith::MulIOp>(loc, image, channels), channel);
    Value at = b.createOrFold<arith::AddIOp>(loc, b.createOrFold<arith::MulIOp>(loc, line, plane), position);
    return loadVector(b, loc, type, memref, at, active);
  };
}

template <typename ConvLike>
void describeGeometry(KernelContext *c, ConvLike op, Value x, Value w, Value y, ConvolutionProblem &problem) {
  ConvolutionGeometry &g = problem.geometry;
  Dims dx = dimsOf(x), dw = dimsOf(w), dy = dimsOf(y);
  problem.elementType = elementTypeOf(x);
  g.batch = extentOf(c, dx[0]);
  g.groups = op.getGroups();
  g.inChannels = *constantSize(dx[1]);
  g.outChannels = *constantSize(dw[0]);
  for (size_t d = 2; d < dx.size(); ++d) {
    g.input.push_back(extentOf(c, dx[d]));
    g.output.push_back(extentOf(c, dy[d]));
    g.kernel.push_back(*constantSize(dw[d]));
  }
  g.stride.assign(op.getStride().begin(), op.getStride().end());
  g.padding.assign(op.getPadding().begin(), op.getPadding().end());
  g.dilation.assign(op.getDilation().begin(), op.getDilation().end());
}

ConvolutionProblem describeConvolution(KernelContext *c, Operation *anchor) {
  ConvolutionProblem problem;
  Value data, filter, packed, outputGradient;
  int64_t laneAxes = rankOf(anchor->getResult(0)) - 2;
  if (auto op = dyn_cast<ConvOp>(anchor)) {
    problem.direction = ConvolutionDirection::Forward;
    describeGeometry(c, op, op.getInput(), op.getWeight(), op.getResult(), problem);
    data = op.getInput();
    filter = op.getWeight();
    packed = op.getPacked();
  } else if (auto op = dyn_cast<ConvInputGradOp>(anchor)) {
    problem.direction = ConvolutionDirection::InputGradient;
    describeGeometry(c, op, op.getResult(), op.getWeight(), op.getOutputGrad(), problem);
    data = op.getOutputGrad();
    filter = op.getWeight();
    packed = op.getPacked();
  } else if (auto op = cast<ConvWeightGradOp>(anchor)) {
    problem.direction = ConvolutionDirection::WeightGradient;
    describeGeometry(c, op, op.getInput(), op.getResult(), op.getOutputGrad(), problem);
    data = op.getInput();
    outputGradient = op.getOutputGrad();
    laneAxes = rankOf(op.getResult());
  }
  if (packed) {
    problem.packed = true;
    problem.winograd = anchor->getAttrOfType<IntegerAttr>("winograd").getInt();
    filter = packed;
  }
  if (!c)
    return problem;
  problem.data = planeReader(c, data);
  if (filter)
    problem.filter = [memref = c->bufferOf(filter)](OpBuilder &b, Location loc, VectorType type, Value index, Value active) {
      return loadVector(b, loc, type, memref, index, active);
    };
  problem.prefetchFilter = [memref = filter ? c->bufferOf(filter) : Value()](OpBuilder &b, Location loc, Value index) {
    LoopEmitter(b, loc).prefetch(memref, index);
  };
  if (outputGradient)
    problem.outputGradient = planeReader(c, outputGradient);
  Value result = anchor->getResult(0);
  problem.store = [c, result, laneAxes](OpBuilder &b, Location loc, Value image, Value channel, Value position,
                                        Value vector, Value active) {
    SmallVector<Value> lead;
    if (laneAxes < rankOf(result))
      lead = {image, channel};
    Epilogue(*c, result, laneAxes).store(b, loc, lead, position, vector, active);
  };
  return problem;
}

//===-- convolution by a filter of one element, as a product ---------------------------------===//

/// Data [image, k, pixel] and filter of the result [image, channel, pixel] = sum over k.
struct PointwiseOperands {
  Value data, filter, packed, result;
  bool transposed; ///< the filter lies [k, channel]: an input gradient
};
PointwiseOperands pointwiseOperands(Operation *anchor) {
  if (auto op = dyn_cast<ConvOp>(anchor))
    return {op.getInput(), op.getWeight(), op.getPacked(), op.getResult(), false};
  auto op = cast<ConvInputGradOp>(anchor);
  return {op.getOutputGrad(), op.getWeight(), op.getPacked(), op.getResult(), true};
}

/// With a packed filter rows are pixels and lanes channels, otherwise the other way round.
void setPointwiseSizes(KernelContext *c, Operation *anchor, ContractProblem &problem) {
  PointwiseOperands operands = pointwiseOperands(anchor);
  Dims x = dimsOf(operands.data), y = dimsOf(operands.result);
  problem.batch = extentOf(c, y[0]);
  problem.m = extentOf(c, y[1]);
  problem.n = extentOf(c, product(anchor->getContext(), ArrayRef(y).drop_front(2)));
  problem.k = extentOf(c, x[1]);
  if (operands.packed)
    std::swap(problem.m, problem.n);
}

/// Row `pixel` of a product over the channels k of x, read at the strides of the convolution.
ProductOperand pixelsOperand(KernelContext *c, ConvOp op) {
  Dims dims = dimsOf(op.getInput());
  if (llvm::all_of(op.getStride(), [](int64_t stride) { return stride == 1; }))
    return matrixOperand(c, op.getInput(), false, c ? c->size(dims[1]) : Value(),
                         c ? c->size(product(op.getContext(), ArrayRef(dims).drop_front(2))) : Value());
  ProductOperand operand; // neighbours are apart
  if (c)
    operand.element = [c, op](OpBuilder &b, Location loc, Value image, Value pixel, Value k) mutable -> Value {
      OpBuilder::InsertionGuard guard(c->b);
      c->b.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
      SmallVector<Value> index{image, k};
      for (auto [place, stride] : llvm::zip(c->delinearize(pixel, ArrayRef(dimsOf(op.getResult())).drop_front(2)), op.getStride()))
        index.push_back(c->mul(place, c->index(stride)));
      Value element = c->loadElement(op.getInput(), c->linearize(op.getInput(), index));
      b.setInsertionPoint(c->b.getInsertionBlock(), c->b.getInsertionPoint());
      return element;
    };
  return operand;
}

ContractProblem describePointwise(KernelContext *c, Operation *anchor) {
  PointwiseOperands operands = pointwiseOperands(anchor);
  ContractProblem problem;
  problem.elementType = elementTypeOf(operands.result);
  setPointwiseSizes(c, anchor, problem);
  problem.storesTransposed = bool(operands.packed);
  if (c)
    problem.store = [c, result = operands.result, rowsArePixels = bool(operands.packed)](
                        OpBuilder &b, Location loc, Value image, Value m, Value n, Value vector, Value active) {
      Value channel = rowsArePixels ? n : m, pixel = rowsArePixels ? m : n;
      Epilogue(*c, result, rankOf(result) - 2).store(b, loc, {image, channel}, pixel, vector, active);
    };
  if (operands.packed) {
    problem.a = pixelsOperand(c, cast<ConvOp>(anchor));
    problem.b = packedOperand(c, operands.packed);
    return problem;
  }
  int64_t rowLength = *constantSize(dimsOf(operands.filter)[1]);
  problem.a = matrixOperand(c, operands.filter, !operands.transposed, {}, c ? c->index(rowLength) : Value());
  problem.b = matrixOperand(c, operands.data, false, c ? problem.k.isStatic() ? c->index(problem.k.fixed) : problem.k.value : Value(),
                            c ? problem.n.isStatic() ? c->index(problem.n.fixed) : problem.n.value : Value());
  return problem;
}

/// Whether a filter of one element has a place at the high side outside of the image, as padding or
/// a transposed convolution's output_padding make it.
bool readsOutside(Operation *anchor, const ConvolutionProblem &problem) {
  bool forward = problem.direction == ConvolutionDirection::Forward;
  Dims wide = dimsOf(anchor->getResult(0)), narrow = dimsOf(anchor->getOperand(0));
  if (forward)
    std::swap(wide, narrow);
  for (size_t d = 2; d < wide.size(); ++d)
    if (!sameSize(narrow[d], windowOutputSize(wide[d], 1, problem.geometry.stride[d - 2], 0, 0, 1)))
      return true;
  return false;
}

/// Which products of a convolution by filters of one element the product engine computes: with
/// sixteen registers its packed panels are read faster than planes in place, with more where a
/// stride leaves gaps between the pixels.
struct PointwiseForms {
  bool ofPixels = false;   ///< lanes along pixels, of which there must be several vectors
  bool ofChannels = false; ///< lanes along channels, by a packed filter
};
PointwiseForms pointwiseForms(Operation *anchor, const ConvolutionProblem &problem, const Target &target) {
  const ConvolutionGeometry &g = problem.geometry;
  constexpr int64_t enoughPixels = 64;
  int64_t pixels = 1;
  for (const Extent &size : g.output)
    pixels *= size.orElse(enoughPixels);
  auto all = [](ArrayRef<int64_t> values, int64_t value) { return llvm::all_of(values, [&](int64_t v) { return v == value; }); };
  if (problem.direction == ConvolutionDirection::WeightGradient || g.groups != 1 || !all(g.kernel, 1) || !all(g.padding, 0) ||
      (target.registers > 16 && all(g.stride, 1)) || readsOutside(anchor, problem))
    return {};
  // Short sums do not repay the packing of pixels, and very short ones still less to bring
  // results from channels to pixels.
  constexpr int64_t longEnough = 96, veryShort = 32;
  int64_t reduced = problem.direction == ConvolutionDirection::Forward ? g.inChannels : g.outChannels;
  return {all(g.stride, 1) && pixels >= enoughPixels && (reduced >= longEnough || reduced <= veryShort),
          problem.direction == ConvolutionDirection::Forward && g.outChannels % target.lanes(problem.elementType) == 0};
}

bool isProduct(Operation *anchor, const ConvolutionProblem &problem, const Target &target) {
  PointwiseForms forms = pointwiseForms(anchor, problem, target);
  return problem.packed ? forms.ofChannels && !problem.winograd : forms.ofPixels;
}

/// Bringing results from channels to pixels costs little beside long sums alone.
bool prefersChannels(const ConvolutionProblem &problem, PointwiseForms forms) {
  constexpr int64_t longSum = 192;
  return forms.ofChannels && (!forms.ofPixels || problem.geometry.inChannels >= longSum);
}

//===-- the family ---------------------------------------------------------------------------===//

// The entry function counts tasks without buffers: only the sizes are emitted there.
void fillExtents(KernelContext &c, Operation *anchor, ContractProblem &problem) {
  auto matmul = dyn_cast<MatmulOp>(anchor);
  if (!matmul)
    return setPointwiseSizes(&c, anchor, problem);
  Dims y = dimsOf(matmul.getResult()), a = dimsOf(matmul.getA());
  problem.batch = extentOf(&c, product(matmul.getContext(), ArrayRef(y).drop_back(2)));
  problem.m = extentOf(&c, y[y.size() - 2]);
  problem.n = extentOf(&c, y.back());
  problem.k = extentOf(&c, a[a.size() - (matmul.getTransposeA() ? 2 : 1)]);
}

void fillExtents(KernelContext &c, Operation *anchor, ConvolutionProblem &problem) {
  ConvolutionGeometry &geometry = problem.geometry;
  auto fill = [&](Value x, Value y) {
    Dims dx = dimsOf(x), dy = dimsOf(y);
    geometry.batch = extentOf(&c, dx[0]);
    for (size_t d = 0; d + 2 < dx.size(); ++d) {
      geometry.input[d] = extentOf(&c, dx[d + 2]);
      geometry.output[d] = extentOf(&c, dy[d + 2]);
    }
  };
  if (auto op = dyn_cast<ConvOp>(anchor))
    fill(op.getInput(), op.getResult());
  else if (auto op = dyn_cast<ConvInputGradOp>(anchor))
    fill(op.getResult(), op.getOutputGrad());
  else
    fill(cast<ConvWeightGradOp>(anchor).getInput(), cast<ConvWeightGradOp>(anchor).getOutputGrad());
}

void emitTask(KernelContext &c, const ContractProblem &problem, const ContractSchedule &schedule, Value task, unsigned phase) {
  emitContractTask(c.b, c.loc, problem, schedule, task, c.workerScratch, c.sharedScratch, phase);
}
void emitTask(KernelContext &c, const ConvolutionProblem &problem, const ConvolutionSchedule &schedule, Value task, unsigned phase) {
  emitConvolutionTask(c.b, c.loc, problem, schedule, task, c.workerScratch, c.sharedScratch, phase);
}
void emitTask(KernelContext &c, const ConvolutionProblem &problem, const DepthwiseSchedule &schedule, Value task, unsigned) {
  emitDepthwiseTask(c.b, c.loc, problem, schedule, task);
}

/// Calls visit(problem, schedule) with the description for the engine that computes `anchor`: with
/// its buffers and sizes where `c` is given. Schedules depend on what is known without it.
template <typename Visit> auto withEngine(KernelContext *c, Operation *anchor, const Target &target, Visit visit) {
  if (auto matmul = dyn_cast<MatmulOp>(anchor))
    return visit(describe(c, matmul), scheduleContract(describe(nullptr, matmul), target));
  ConvolutionProblem known = describeConvolution(nullptr, anchor);
  if (isDepthwise(known))
    return visit(describeConvolution(c, anchor), scheduleDepthwise(known, target));
  if (isProduct(anchor, known, target))
    return visit(describePointwise(c, anchor), scheduleContract(describePointwise(nullptr, anchor), target));
  return visit(describeConvolution(c, anchor), scheduleConvolution(known, target));
}

class ContractFamily : public ScheduleFamily {
  std::string scheduleText(KernelOp kernel, const Target &target) const override {
    return withEngine(nullptr, anchorOf(kernel), target,
                      [](const auto &, const auto &schedule) { return describe(schedule); });
  }

  double savings(KernelOp kernel, const Target &) const override {
    Operation *anchor = anchorOf(kernel);
    if (isa<MatmulOp>(anchor))
      return 1;
    // F(m x m, 3x3) takes (m + 2)^2 products for m^2 results of nine.
    int64_t m = describeConvolution(nullptr, anchor).winograd;
    return m ? 9.0 * m * m / double((m + 2) * (m + 2)) : 1;
  }

  KernelMemory memory(KernelOp kernel, const Target &target) const override {
    return withEngine(nullptr, anchorOf(kernel), target, [](const auto &problem, const auto &schedule) {
      ContractFootprint bytes = footprint(problem, schedule);
      return KernelMemory{bytes.sharedBytes, bytes.perWorkerBytes};
    });
  }

  unsigned phases(KernelOp kernel, const Target &target) const override {
    return withEngine(nullptr, anchorOf(kernel), target,
                      [](const auto &, const auto &schedule) { return schedule.phases(); });
  }

  Value emitTaskCount(KernelContext &c, unsigned phase) const override {
    Operation *anchor = anchorOf(c.kernel);
    return withEngine(nullptr, anchor, c.target, [&](auto problem, const auto &schedule) {
      fillExtents(c, anchor, problem);
      return nnc::cpu::emitTaskCount(c.b, c.loc, problem, schedule, phase);
    });
  }

  void emitTask(KernelContext &c, Value task, unsigned phase) const override {
    withEngine(&c, anchorOf(c.kernel), c.target, [&](const auto &problem, const auto &schedule) {
      nnc::cpu::emitTask(c, problem, schedule, task, phase);
    });
  }
};

} // namespace

FilterPacking chooseFilterPacking(Operation *op, const Target &target, bool admitWinograd, bool isKept) {
  ConvolutionProblem problem = describeConvolution(nullptr, op);
  PointwiseForms forms = pointwiseForms(op, problem, target);
  if (isKept && prefersChannels(problem, forms))
    return {.packed = true, .winograd = 0};
  return isDepthwise(problem) || forms.ofPixels ? FilterPacking() : chooseFilterPacking(problem, target, admitWinograd, isKept);
}

const ScheduleFamily &contractFamily() {
  static const ContractFamily family;
  return family;
}

} // namespace nnc::cpu
