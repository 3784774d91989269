// Target, lowering and object code: the way from MLIR text to running code.
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/Object.h"
#include "codegen/cpu/Target.h"
#include "tests/unit/Jit.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Object/ObjectFile.h"
#include <gtest/gtest.h>

using namespace nnc;
using cpu::Target;

namespace {

struct CpuTarget : testing::Test {
  CpuTarget() {
    mlir::DialectRegistry registry;
    cpu::registerLoweringDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return module;
  }

  std::unique_ptr<test::JitModule> compile(llvm::StringRef text) {
    auto module = parse(text);
    auto compiled = test::jit(*module);
    if (!compiled) {
      ADD_FAILURE() << llvm::toString(compiled.takeError());
      return nullptr;
    }
    return std::move(*compiled);
  }

  mlir::MLIRContext context;
};

TEST_F(CpuTarget, KnowsVectorLengthAndFeaturesOfNamedCpus) {
  mlir::Builder builder(&context);
  for (auto [name, bytes, feature] : {std::tuple{"x86-64", 16, "sse2"},
                                      {"x86-64-v3", 32, "fma"},
                                      {"x86-64-v4", 64, "avx512f"},
                                      {"znver4", 64, "avx512bw"},
                                      {"sapphirerapids", 64, "avx512vl"}}) {
    auto target = Target::forCPU(name);
    ASSERT_TRUE(bool(target)) << llvm::toString(target.takeError());
    EXPECT_EQ(target->vectorBytes, bytes) << name;
    EXPECT_EQ(target->lanes(builder.getF32Type()), bytes / 4) << name;
    EXPECT_EQ(target->lanes(builder.getF64Type()), bytes / 8) << name;
    EXPECT_EQ(target->lanes(builder.getI1Type()), bytes) << name;
    if (bytes > 16) {
      EXPECT_TRUE(llvm::is_contained(target->requiredFeatures(), feature)) << name;
    }
  }
}

TEST_F(CpuTarget, KnowsOtherMachines) {
  auto generic = Target::forCPU("", "aarch64-linux-gnu"), named = Target::forCPU("neoverse-v1", "arm64-unknown-linux-gnu");
  ASSERT_TRUE(bool(generic)) << llvm::toString(generic.takeError());
  ASSERT_TRUE(bool(named)) << llvm::toString(named.takeError());
  EXPECT_EQ(generic->cpu, "generic");
  for (const Target &target : {*generic, *named}) {
    EXPECT_STREQ(target.platform->name, "aarch64-linux-gnu");
    EXPECT_EQ(target.vectorBytes, 16);
    EXPECT_EQ(target.registers, 32);
  }
  EXPECT_EQ(generic->requiredFeatures(), (std::vector<std::string>{"fp-armv8", "neon"}));
  EXPECT_TRUE(llvm::is_contained(named->requiredFeatures(), "sve"));
}

TEST_F(CpuTarget, RefusesAnUnknownCpu) {
  auto target = Target::forCPU("pentium-9000");
  ASSERT_FALSE(bool(target));
  EXPECT_EQ(llvm::toString(target.takeError()),
            "unknown CPU 'pentium-9000': give `native` or an LLVM name such as x86-64-v3, "
            "x86-64-v4, znver4 or sapphirerapids");
}

TEST_F(CpuTarget, RunsALoopOverMemrefs) {
  auto module = compile(R"(
    func.func @scale(%x: memref<?xf32>, %y: memref<?xf32>) {
      %zero = arith.constant 0 : index
      %step = arith.constant 8 : index
      %none = arith.constant dense<0.0> : vector<8xf32>
      %three = arith.constant dense<3.0> : vector<8xf32>
      %n = memref.dim %x, %zero : memref<?xf32>
      scf.for %i = %zero to %n step %step {
        %left = arith.subi %n, %i : index
        %mask = vector.create_mask %left : vector<8xi1>
        %v = vector.maskedload %x[%i], %mask, %none : memref<?xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
        %w = arith.mulf %v, %three : vector<8xf32>
        vector.maskedstore %y[%i], %mask, %w : memref<?xf32>, vector<8xi1>, vector<8xf32>
      }
      return
    })");
  ASSERT_TRUE(module);
  auto *scale = module->lookup<void(float *, float *, int64_t, int64_t, int64_t, float *, float *,
                                    int64_t, int64_t, int64_t)>("scale");
  ASSERT_TRUE(scale);
  constexpr int64_t n = 21; // two full vectors and a tail of five
  std::vector<float> x(n + 8, 7.0f), y(n + 8, -1.0f);
  for (int64_t i = 0; i < n; ++i)
    x[i] = float(i);
  scale(x.data(), x.data(), 0, n, 1, y.data(), y.data(), 0, n, 1);
  for (int64_t i = 0; i < n; ++i)
    EXPECT_EQ(y[i], 3.0f * float(i));
  for (int64_t i = n; i < n + 8; ++i)
    EXPECT_EQ(y[i], -1.0f) << "written beyond the end at " << i;
}

// (1 + d)^2 - (1 + 2d) is d^2 if rounded once, and 0 if the product is rounded.
TEST_F(CpuTarget, FusesWhatIsWrittenAsFmaAndNothingElse) {
  auto module = compile(R"(
    func.func @f(%x: !llvm.ptr, %y: !llvm.ptr) {
      %a = llvm.load %x : !llvm.ptr -> vector<8xf32>
      %c = llvm.load %y : !llvm.ptr -> vector<8xf32>
      %fused = vector.fma %a, %a, %c : vector<8xf32>
      %product = arith.mulf %a, %a : vector<8xf32>
      %apart = arith.addf %product, %c : vector<8xf32>
      llvm.store %fused, %x : vector<8xf32>, !llvm.ptr
      llvm.store %apart, %y : vector<8xf32>, !llvm.ptr
      return
    })");
  ASSERT_TRUE(module);
  constexpr float d = 0x1p-20f;
  alignas(32) float x[8], y[8];
  std::fill_n(x, 8, 1 + d);
  std::fill_n(y, 8, -(1 + 2 * d));
  module->lookup<void(float *, float *)>("f")(x, y);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(x[i], d * d);
    EXPECT_EQ(y[i], 0.0f);
  }
}

TEST_F(CpuTarget, ReducesVectorsAsTreesWithoutSerialAdds) {
  auto module = parse(R"(
    func.func @sum(%x: !llvm.ptr) -> f32 {
      %v = llvm.load %x : !llvm.ptr -> vector<16xf32>
      %s = vector.reduction <add>, %v : vector<16xf32> into f32
      return %s : f32
    })");
  ASSERT_TRUE(succeeded(cpu::lowerToLLVM(*module)));
  auto target = Target::forCPU("x86-64-v4");
  auto text = cpu::emitLLVMText(*module, *target, 2);
  ASSERT_TRUE(bool(text)) << llvm::toString(text.takeError());
  EXPECT_NE(text->find("reassoc float @llvm.vector.reduce.fadd"), std::string::npos) << *text;
}

TEST_F(CpuTarget, NamesAnOperationThatNothingLowers) {
  auto module = parse("func.func @f(%x: f32) -> f32 { %y = math.erf %x : f32  return %y : f32 }");
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str();
    return mlir::success();
  });
  EXPECT_TRUE(failed(cpu::lowerToLLVM(*module)));
  EXPECT_NE(message.find("'math.erf' op has no lowering to LLVM"), std::string::npos)
      << message;
}

TEST_F(CpuTarget, EmitsTheSameBytesTwiceAndHidesSymbols) {
  const char *source = R"(
    func.func @first(%a: f32) -> f32 { %b = arith.addf %a, %a : f32  return %b : f32 }
    func.func @second(%a: f32) -> f32 { %b = func.call @first(%a) : (f32) -> f32  return %b : f32 })";
  auto target = Target::forCPU("x86-64-v3");
  llvm::SmallVector<char, 0> objects[2];
  for (auto &object : objects) {
    auto module = parse(source);
    ASSERT_TRUE(succeeded(cpu::lowerToLLVM(*module)));
    mlir::TimingScope untimed;
    auto emitted = cpu::emitObject(*module, *target, 2, untimed);
    ASSERT_TRUE(bool(emitted)) << llvm::toString(emitted.takeError());
    object = std::move(*emitted);
  }
  EXPECT_EQ(objects[0], objects[1]);

  auto file = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(objects[0].data(), objects[0].size()), "object"));
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  int defined = 0;
  for (const auto &symbol : (*file)->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    if (!(flags & llvm::object::SymbolRef::SF_Global))
      continue;
    EXPECT_TRUE(flags & llvm::object::SymbolRef::SF_Hidden);
    EXPECT_FALSE(flags & llvm::object::SymbolRef::SF_Undefined);
    ++defined;
  }
  EXPECT_EQ(defined, 2);
}

} // namespace
