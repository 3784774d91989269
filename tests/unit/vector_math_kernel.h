// The module that the tests and the benchmark of VectorMath run: one function
// `f(x, y, z, n)` over arrays, z[i] = function(x[i], y[i]), in vectors of a length.
#pragma once

#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/VectorMath.h"
#include "tests/unit/Jit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

namespace nnc::test {

template <typename Number>
using VectorMathKernel = void(const Number *x, const Number *y, Number *z, int64_t n);

inline bool hasTwoOperands(cpu::MathFunction function) {
  return function == cpu::MathFunction::Pow || function == cpu::MathFunction::GatedTanh;
}

/// Compiles `function`; `element` is "f32" or "f64", `lanes` 0 means a scalar loop.
inline std::unique_ptr<JitModule> compileVectorMath(cpu::MathFunction function,
                                                    const std::string &element, int lanes,
                                                    const cpu::Target &target) {
  mlir::DialectRegistry registry;
  cpu::registerLoweringDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  std::string type = lanes == 0 ? element : llvm::formatv("vector<{0}x{1}>", lanes, element).str();
  // The addition stands where the function goes.
  std::string text = llvm::formatv(R"(
    func.func @f(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr, %n: i64) {{
      %zero = arith.constant 0 : i64
      %step = arith.constant {0} : i64
      scf.for %i = %zero to %n step %step : i64 {{
        %px = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {1}
        %py = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {1}
        %pz = llvm.getelementptr %z[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {1}
        %a = llvm.load %px {{alignment = 4 : i64} : !llvm.ptr -> {2}
        %b = llvm.load %py {{alignment = 4 : i64} : !llvm.ptr -> {2}
        %c = arith.addf %a, %b : {2}
        llvm.store %c, %pz {{alignment = 4 : i64} : {2}, !llvm.ptr
      }
      return
    })",
                                   std::max(lanes, 1), element, type);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return nullptr;
  mlir::arith::AddFOp place;
  module->walk([&](mlir::arith::AddFOp op) { place = op; });
  mlir::OpBuilder builder(place);
  llvm::SmallVector<mlir::Value> operands{place.getLhs()};
  if (hasTwoOperands(function))
    operands.push_back(place.getRhs());
  mlir::Value result = cpu::emitMath(builder, place.getLoc(), function, operands);
  place.replaceAllUsesWith(result);
  place.erase();
  auto compiled = jit(*module, target);
  if (!compiled) {
    llvm::logAllUnhandledErrors(compiled.takeError(), llvm::errs());
    return nullptr;
  }
  return std::move(*compiled);
}

} // namespace nnc::test
