func.func @forward(%x: tensor<?x10xf32, #nn.dims<[N], N, 10>> {nn.kind = "input", nn.name = "x"}) -> (tensor<?x10xf32, #nn.dims<[N], N, 10>> {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 9223372036854775807>} {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<?x10xf32, #nn.dims<[N], N, 10>>) -> tensor<?x10xf32, #nn.dims<[N], N, 10>>
  return %a : tensor<?x10xf32, #nn.dims<[N], N, 10>>
}
