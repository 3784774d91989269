# The few CMake functions the folders share.

# One precompiled header for every translation unit that includes MLIR: parsing
# the MLIR headers is most of what such a unit costs.
function(nnc_precompiled_headers)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cpp CONTENT "") # written once: no rebuild at every configure
  add_library(nnc_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
  target_precompile_headers(nnc_pch PRIVATE
    <mlir/IR/Builders.h> <mlir/IR/BuiltinOps.h> <mlir/IR/BuiltinTypes.h>
    <mlir/IR/BuiltinAttributes.h> <mlir/IR/Dialect.h> <mlir/IR/OpImplementation.h>
    <mlir/IR/PatternMatch.h> <mlir/Interfaces/SideEffectInterfaces.h>
    <mlir/Pass/Pass.h> <mlir/Dialect/Arith/IR/Arith.h>
    <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/SCF/IR/SCF.h>
    <mlir/Dialect/Vector/IR/VectorOps.h> <mlir/Dialect/MemRef/IR/MemRef.h>
    <mlir/Dialect/LLVMIR/LLVMDialect.h> <mlir/Dialect/Math/IR/Math.h>
    <map> <memory> <string> <vector>)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # Without time stamps in the header ccache can reuse it.
    target_compile_options(nnc_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# nnc_llvm: MLIR and LLVM for whatever links the project's libraries. Programs with
# the property NNC_STATIC_LLVM get the archives: the dynamic linker spends 40 ms on
# the relocations of the shared ones, a twentieth of what a small model takes to
# compile. The others link the shared libraries, which keeps them small.
function(nnc_llvm_libraries)
  file(GLOB archives ${LLVM_LIBRARY_DIR}/libMLIR*.a ${LLVM_LIBRARY_DIR}/libLLVM*.a)
  add_library(nnc_llvm INTERFACE)
  set(static $<BOOL:$<TARGET_PROPERTY:NNC_STATIC_LLVM>>)
  target_link_libraries(nnc_llvm INTERFACE "$<IF:${static},${archives},MLIR;LLVM>")
endfunction()

# nnc_library(NAME [MLIR] SOURCES... LINK LIBS...): a static library of the
# project; with MLIR its units use the precompiled header and link MLIR.
function(nnc_library name)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  if(ARG_MLIR)
    target_precompile_headers(${name} REUSE_FROM nnc_pch)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
    target_link_libraries(${name} PUBLIC nnc_llvm)
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# nnc_unit_test(NAME SOURCES... LINK LIBS...): one GoogleTest program under ctest.
function(nnc_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_MLIR)
    target_precompile_headers(${name} REUSE_FROM nnc_pch)
    # The precompiled header is -fPIC code; CMake gives executables -fPIE.
    target_compile_options(${name} PRIVATE -fPIC)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
