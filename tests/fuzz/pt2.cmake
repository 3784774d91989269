# The reader's units are compiled again: libFuzzer wants coverage in them.
set(PT2_SOURCES Archive ExportedProgram NodeMetadata Schema SymbolicExpression)
list(TRANSFORM PT2_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/compiler/frontends/pt2/)
list(TRANSFORM PT2_SOURCES APPEND .cpp)
add_executable(pt2_fuzz pt2_fuzz.cpp ${PT2_SOURCES})
target_compile_options(pt2_fuzz PRIVATE -fsanitize=fuzzer,address)
target_link_options(pt2_fuzz PRIVATE -fsanitize=fuzzer,address)
target_link_libraries(pt2_fuzz PRIVATE LLVM)
