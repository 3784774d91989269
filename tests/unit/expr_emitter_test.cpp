// Emitted code against Expr::evaluate: every function and its gradients, as
// vectors and as scalars, compiled for this machine.
#include "codegen/cpu/ExprEmitter.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "dialects/nn/Expr/Functions.h"
#include "tests/unit/Jit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>

using namespace mlir;
using namespace nnc;

namespace {

constexpr int64_t lanes = 16;

// What the tests compile: results[j] = exprs[j](inputs) over `lanes` elements.
struct Case {
  std::string name;
  SmallVector<Expr> exprs;
  unsigned inputCount;
  // The inputs that arrive as truth values, as where's condition does.
  SmallVector<unsigned> predicates;
};

SmallVector<Case> everyFunction() {
  SmallVector<Case> cases;
  for (const ElementwiseFunction &function : elementwiseFunctions()) {
    std::map<std::string, double> parameters;
    for (const ElementwiseParameter &parameter : function.parameterList())
      if (!parameter.defaultValue)
        parameters[parameter.name.str()] = parameter.name == "max" ? 1 : -0.5;
    // Not the bare name: "fmod" would be taken for libm's.
    Case next{"run_" + function.name.str(), {}, function.operandCount(), {}};
    next.exprs.push_back(llvm::cantFail(instantiate(function, parameters)));
    for (auto [i, operand] : llvm::enumerate(function.operandNames())) {
      next.exprs.push_back(derivative(next.exprs[0], i));
      if (operand == "condition")
        next.predicates.push_back(i);
    }
    cases.push_back(next);
  }
  return cases;
}

struct EmitterTest : testing::Test {
  EmitterTest() : builder(&context) {
    DialectRegistry registry;
    cpu::registerLoweringDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToEnd(module->getBody());
  }

  // func @name(%inputs: memref<?xT>, %outputs: memref<?xT>), input i at i * lanes.
  void addFunction(const Case &what, Type element, int64_t width) {
    Location loc = builder.getUnknownLoc();
    OpBuilder::InsertionGuard guard(builder);
    auto memory = MemRefType::get({ShapedType::kDynamic}, element);
    auto function = func::FuncOp::create(builder, loc, what.name,
                                         builder.getFunctionType({memory, memory}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    auto at = [&](int64_t i) -> Value {
      return arith::ConstantIndexOp::create(builder, loc, i);
    };
    for (int64_t start = 0; start < lanes; start += width) {
      SmallVector<Value> inputs;
      for (unsigned i = 0; i < what.inputCount; ++i) {
        Value memref = function.getArgument(0), index = at(i * lanes + start);
        Value input =
            width == 1
                ? memref::LoadOp::create(builder, loc, memref, index).getResult()
                : vector::LoadOp::create(builder, loc, VectorType::get({width}, element), memref, index)
                      .getResult();
        if (llvm::is_contained(what.predicates, i)) {
          Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(input.getType()));
          input = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, input, zero);
        }
        inputs.push_back(input);
      }
      SmallVector<Type> types(what.exprs.size(), element);
      for (auto [j, result] :
           llvm::enumerate(cpu::emitExprs(builder, loc, what.exprs, inputs, types))) {
        Value memref = function.getArgument(1), index = at(j * lanes + start);
        if (width == 1)
          memref::StoreOp::create(builder, loc, result, memref, index);
        else
          vector::StoreOp::create(builder, loc, result, memref, index);
      }
    }
    func::ReturnOp::create(builder, loc);
  }

  std::unique_ptr<test::JitModule> compile() {
    if (failed(verify(*module))) {
      ADD_FAILURE() << "the emitted module does not verify";
      return nullptr;
    }
    auto compiled = test::jit(*module);
    if (!compiled) {
      ADD_FAILURE() << llvm::toString(compiled.takeError());
      return nullptr;
    }
    return std::move(*compiled);
  }

  template <typename Float> static SmallVector<Float> call(test::JitModule &compiled, const Case &what,
                                                           SmallVector<Float> inputs) {
    auto *run = compiled.lookup<void(Float *, Float *, int64_t, int64_t, int64_t, Float *, Float *,
                                     int64_t, int64_t, int64_t)>(what.name);
    SmallVector<Float> outputs(what.exprs.size() * lanes);
    if (!run) {
      ADD_FAILURE() << what.name << " is missing";
      return outputs;
    }
    run(inputs.data(), inputs.data(), 0, inputs.size(), 1, outputs.data(), outputs.data(), 0,
        outputs.size(), 1);
    return outputs;
  }

  template <typename Float> void compareEveryFunction(int64_t width, double tolerance) {
    Type element = sizeof(Float) == 4 ? Type(builder.getF32Type()) : builder.getF64Type();
    SmallVector<Case> cases = everyFunction();
    for (const Case &what : cases)
      addFunction(what, element, width);
    std::unique_ptr<test::JitModule> compiled = compile();
    ASSERT_TRUE(compiled);
    const Float inf = std::numeric_limits<Float>::infinity();
    const Float nan = std::numeric_limits<Float>::quiet_NaN();
    const Float special[] = {0, Float(-0.0), 0.5, -0.5, 1, -1, 3, -3, 6, 20, 1000, -1000, inf, -inf, nan};
    std::mt19937 random(3);
    std::uniform_real_distribution<Float> uniform(-4, 4), unit(0, 1);
    for (const Case &what : cases) {
      bool converts = StringRef(what.name).starts_with("run_to_int");
      for (int round = 0; round < 12; ++round) {
        SmallVector<Float> inputs(what.inputCount * lanes);
        for (Float &input : inputs)
          input = round < 4 ? uniform(random) : round < 8 ? unit(random) : special[random() % 15];
        if (converts) // an infinity has no integer
          for (Float &input : inputs)
            input = std::isfinite(input) ? input : 0;
        SmallVector<Float> outputs = call(*compiled, what, inputs);
        for (int64_t lane = 0; lane < lanes; ++lane) {
          SmallVector<double> x;
          for (unsigned i = 0; i < what.inputCount; ++i)
            x.push_back(inputs[i * lanes + lane]);
          for (auto [j, expr] : llvm::enumerate(what.exprs))
            compare(what.name, j, x, outputs[j * lanes + lane], expr.evaluate(x), tolerance);
        }
      }
    }
  }

  template <typename Float>
  void compare(StringRef name, unsigned j, ArrayRef<double> x, Float got, double wanted,
               double tolerance) {
    Float rounded = wanted; // may overflow to infinity
    if (std::isnan(rounded) ? std::isnan(got) : got == rounded)
      return;
    if (std::isfinite(rounded) && std::fabs(got - wanted) <= tolerance * (1 + std::fabs(wanted)))
      return;
    std::string at;
    for (double value : x)
      at += " " + std::to_string(value);
    ADD_FAILURE() << name.str() << (j ? ", gradient by operand " + std::to_string(j - 1) : "")
                  << " at" << at << ": emitted code gives " << got << ", evaluate() " << wanted;
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
};

TEST_F(EmitterTest, EveryFunctionInVectorsOfF32) { compareEveryFunction<float>(16, 4e-6); }
TEST_F(EmitterTest, EveryFunctionInVectorsOfF64) { compareEveryFunction<double>(8, 4e-15); }
TEST_F(EmitterTest, EveryFunctionInScalarsOfF32) { compareEveryFunction<float>(1, 4e-6); }

// Operand types as they come from tensors of indices, bytes and masks.
struct EmitterTypes : EmitterTest {
  // The value of `text` over constants a and b of the given types, as f64.
  double value(StringRef text, Type a, Type b, Type result, double x, double y) {
    Location loc = builder.getUnknownLoc();
    OpBuilder::InsertionGuard guard(builder);
    module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "run",
                                         builder.getFunctionType({}, {builder.getF64Type()}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    auto constant = [&](Type type, double v) -> Value {
      TypedAttr attribute = isa<FloatType>(type) ? TypedAttr(builder.getFloatAttr(type, v))
                                                 : builder.getIntegerAttr(type, int64_t(v));
      return arith::ConstantOp::create(builder, loc, attribute);
    };
    Expr e = llvm::cantFail(parseExpr(text, {"a", "b"}));
    Value out = cpu::emitExprs(builder, loc, {e}, {constant(a, x), constant(b, y)}, {result})[0];
    EXPECT_EQ(out.getType(), result) << text.str();
    if (result.isInteger(8) || result.isInteger(1))
      out = arith::UIToFPOp::create(builder, loc, builder.getF64Type(), out);
    else if (isa<IntegerType>(result))
      out = arith::SIToFPOp::create(builder, loc, builder.getF64Type(), out);
    else if (result.isF32())
      out = arith::ExtFOp::create(builder, loc, builder.getF64Type(), out);
    func::ReturnOp::create(builder, loc, out);
    std::unique_ptr<test::JitModule> compiled = compile();
    return compiled ? compiled->lookup<double()>("run")() : NAN;
  }

  Type f32 = builder.getF32Type(), f64 = builder.getF64Type(), i64 = builder.getI64Type(),
       i32 = builder.getI32Type(), u8 = builder.getI8Type(), i1 = builder.getI1Type();
};

TEST_F(EmitterTypes, IntegersStayIntegersAndDivideAsTorch) {
  EXPECT_EQ(value("a + 2 * b", i64, i64, i64, 9007199254740993.0, 1), 9007199254740994.0);
  EXPECT_EQ(value("a / b", i64, i64, f64, 7, 2), 3.5);
  EXPECT_EQ(value("floordiv(a, b)", i64, i64, i64, -7, 2), -4);
  EXPECT_EQ(value("floordiv(a, b)", i64, i64, i64, -8, 2), -4);
  EXPECT_EQ(value("remainder(a, b)", i64, i64, i64, -7, 2), 1);
  EXPECT_EQ(value("remainder(a, b)", i64, i64, i64, 7, -2), -1);
  EXPECT_EQ(value("remainder(a, b)", i64, i64, i64, -7, -2), -1);
  EXPECT_EQ(value("fmod(a, b)", i64, i64, i64, -7, 2), -1);
  EXPECT_EQ(value("maximum(a, b)", i32, i64, i64, -7, 2), 2);
  EXPECT_EQ(value("abs(a) + sign(b)", i64, i64, i64, -7, -2), 6);
  EXPECT_EQ(value("exp(a)", i64, i64, f64, 0, 0), 1);
}

TEST_F(EmitterTypes, BytesAndTruthValuesCountFromZero) {
  EXPECT_EQ(value("a", u8, u8, f32, 200, 0), 200);
  EXPECT_EQ(value("a", u8, u8, i64, 200, 0), 200);
  EXPECT_EQ(value("a > b", u8, u8, i1, 200, 100), 1);
  EXPECT_EQ(value("maximum(a, b)", u8, u8, u8, 200, 100), 200);
  EXPECT_EQ(value("a", f32, u8, u8, 200, 0), 200);
  EXPECT_EQ(value("a * b", i1, f32, f32, 1, 2.5), 2.5);
  EXPECT_EQ(value("1 - a", i1, f32, f32, 1, 2.5), 0);
  EXPECT_EQ(value("a + b", i1, i1, i64, 1, 1), 2);
  EXPECT_EQ(value("and(a, not(b))", i1, i64, i1, 1, 5), 0);
}

TEST_F(EmitterTypes, MixedOperandsMeetInTheWiderFloat) {
  EXPECT_EQ(value("a * b", i64, f32, f32, 3, 0.5), 1.5);
  EXPECT_EQ(value("a + b", f32, f64, f64, 1, 1e-12), 1 + 1e-12);
  EXPECT_EQ(value("a * 0.5", i64, i64, f32, 3, 0), 1.5);
  EXPECT_EQ(value("f32(a) + b", f64, f64, f64, 0.1, 0), double(0.1f));
  EXPECT_EQ(value("float(a) / 4", i64, i64, f32, 3, 0), 0.75);
  EXPECT_EQ(value("select(a < b, 0.25, 3)", i64, i64, f32, 1, 2), 0.25);
  EXPECT_EQ(value("select(a < b, 1, 0)", i64, i64, i64, 1, 2), 1);
  EXPECT_EQ(value("i64(a)", f32, f32, i64, -2.75, 0), -2);
}

TEST_F(EmitterTest, SharedNodesAreEmittedOnceAndScalarsStayScalar) {
  Expr decay = llvm::cantFail(parseExpr("exp(s)", {"x", "s"}));
  Expr x = Expr::input(0);
  Location loc = builder.getUnknownLoc();
  auto vector = VectorType::get({8}, builder.getF32Type());
  auto function = func::FuncOp::create(
      builder, loc, "run", builder.getFunctionType({vector, builder.getF32Type()}, {vector, vector}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  SmallVector<Value> inputs(function.getArguments());
  SmallVector<Value> results = cpu::emitExprs(builder, loc, {x * decay, x + decay}, inputs,
                                              {builder.getF32Type(), builder.getF32Type()});
  func::ReturnOp::create(builder, loc, results);
  ASSERT_TRUE(succeeded(verify(*module)));
  unsigned vectorOps = 0;
  function.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      vectorOps += isa<VectorType>(type) && !isa<vector::BroadcastOp>(op);
  });
  EXPECT_EQ(vectorOps, 2u) << "one product and one sum; exp is of the scalar";
}

} // namespace
