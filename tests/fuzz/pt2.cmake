# The reader's units are compiled again: libFuzzer wants coverage in them.
file(GLOB PT2_SOURCES ${CMAKE_SOURCE_DIR}/compiler/frontends/pt2/*.cpp)
list(FILTER PT2_SOURCES EXCLUDE REGEX "Import|Aten|Alias")
add_executable(pt2_fuzz pt2_fuzz.cpp ${PT2_SOURCES})
target_compile_options(pt2_fuzz PRIVATE -fsanitize=fuzzer,address)
target_link_options(pt2_fuzz PRIVATE -fsanitize=fuzzer,address)
target_link_libraries(pt2_fuzz PRIVATE LLVM)
