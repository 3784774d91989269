// RUN: nnc-opt %s --split-input-file -verify-diagnostics --nnc-verify-stage=stage=core

func.func @core(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
  // expected-error@+1 {{has no place after stage core: composite ops are decomposed by now}}
  %y = nn.softmax %x axis 1 : tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}

// -----

func.func @foreign(%x: tensor<f32>, %y: f32) -> f32 {
  // expected-error@+1 {{has no place after stage core: only nn ops and functions are allowed}}
  %z = arith.addf %y, %y : f32
  return %z : f32
}
