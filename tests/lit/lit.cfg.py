# The lit suite: every .mlir file below this folder that has RUN lines.
# A test names its tools plainly (nnc-opt, nnc, FileCheck, not): they come first
# in PATH from the build and from LLVM's own folder, whatever /usr/bin holds.
import os

import lit.formats

config.name = "nnc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["Inputs"]  # of tests
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.build_root

config.environment["PATH"] = os.pathsep.join(
    [config.nnc_tools, config.llvm_tools, config.environment["PATH"]]
)
# FileCheck then shows the whole input on a failure.
config.environment["FILECHECK_OPTS"] = "--dump-input=fail"

if os.path.exists(os.path.join(config.nnc_tools, "nnc")):
    config.available_features.add("nnc")
