#include "codegen/cpu/ConvolutionPlane.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

bool PlaneAxis::tapPlace(int64_t tap, int64_t resultPhase, int64_t &residue,
                         int64_t &place) const {
  int64_t reach = tap * dilation;
  if (!inputGradient) {
    residue = reach % step;
    place = reach / step;
    return true;
  }
  // Input gradient: x index + padding = stride * q + phase meets dy index
  // q - (reach - phase) / stride, if that is whole.
  if ((reach - resultPhase) % stride != 0)
    return false;
  residue = 0;
  place = halo - (reach - resultPhase) / stride;
  return true;
}

Plane::Plane(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule)
    : lanes(schedule.lanes) {
  bool readsElements = schedule.along == ConvolutionSchedule::Lanes::Channels;
  bool inputGradient = problem.direction == ConvolutionDirection::InputGradient;
  const ConvolutionGeometry &geometry = problem.geometry;
  int64_t rank = geometry.kernel.size();
  for (int64_t i = 0; i < 3; ++i) {
    PlaneAxis &a = axis[i];
    int64_t from = i - (3 - rank);
    bool exists = from >= 0;
    a.kernel = exists ? geometry.kernel[from] : 1;
    a.stride = exists ? geometry.stride[from] : 1;
    a.padding = exists ? geometry.padding[from] : 0;
    a.dilation = exists ? geometry.dilation[from] : 1;
    Extent input = exists ? geometry.input[from] : Extent::of(1);
    Extent output = exists ? geometry.output[from] : Extent::of(1);
    a.halo = (a.kernel - 1) * a.dilation / a.stride;
    a.tile = schedule.tile[i];
    a.spread = 1;
    a.inputGradient = inputGradient;
    if (inputGradient) {
      a.source = output;
      a.result = input;
      a.step = a.residues = 1;
      a.resultPhases = a.stride;
      a.shift = a.halo - a.padding / a.stride;
    } else {
      a.source = input;
      a.result = output;
      a.step = a.stride;
      a.resultPhases = 1;
      a.shift = a.padding;
      a.residues = 1;
      for (int64_t tap = 0; tap < a.kernel; ++tap)
        a.residues = std::max(a.residues, tap * a.dilation % a.step + 1);
      if (readsElements && a.residues == a.stride) {
        a.spread = a.stride;
        a.step = a.residues = 1;
        a.halo = (a.kernel - 1) * a.dilation;
      }
    }
    int64_t places = a.result.isStatic() ? a.result.fixed : -1;
    if (inputGradient && places >= 0)
      places = (places - 1 + a.padding) / a.stride - a.padding / a.stride + 1;
    a.oneTile = places >= 0 && places <= a.tile;
    a.places = (a.tile - 1) * a.spread + 1 + a.halo;
  }
  // Zeros on the right of a row serve as the zeros on the left of the next.
  PlaneAxis &w = axis[2];
  if (w.oneTile && w.step == 1 && w.source.isStatic()) {
    int64_t left = w.shift, right = w.places - (w.shift + w.source.fixed);
    w.places -= std::clamp<int64_t>(std::min(left, right), 0, w.places - 1);
  }
}

int64_t Plane::elements() const {
  int64_t count = 1;
  for (const PlaneAxis &a : axis)
    count *= a.residues * a.places;
  return count;
}

int64_t Plane::pixels() const {
  return ((axis[0].tile - 1) * axis[1].places + axis[1].tile - 1) * axis[2].places + axis[2].tile;
}

int64_t Plane::vectors() const { return llvm::divideCeil(pixels(), lanes); }

int64_t Plane::furthestTap() const {
  int64_t furthest = 0;
  for (int64_t phase = 0; phase < resultPhases(); ++phase)
    for (const PlaneTap &tap : tapsOf(phase))
      furthest = std::max(furthest, tap.place);
  return furthest;
}

int64_t Plane::resultPhases() const {
  return axis[0].resultPhases * axis[1].resultPhases * axis[2].resultPhases;
}

int64_t Plane::slabElements(int64_t planes) const {
  // Elements are read up to the last tap of the last pixel, vectors up to a whole number of them.
  int64_t read = furthestTap() + placeOf(axis[0].tile - 1, axis[1].tile - 1, axis[2].tile - 1) + 1;
  int64_t last = std::max({elements() + lanes, read, furthestTap() + vectors() * lanes});
  return llvm::alignTo((planes - 1) * elements() + last, 64);
}

std::array<int64_t, 3> Plane::phaseDigits(int64_t resultPhase) const {
  int64_t w = axis[2].resultPhases, h = axis[1].resultPhases;
  return {resultPhase / (w * h), resultPhase / w % h, resultPhase % w};
}

llvm::SmallVector<PlaneTap> Plane::tapsOf(int64_t resultPhase) const {
  llvm::SmallVector<PlaneTap> taps;
  auto phase = phaseDigits(resultPhase);
  int64_t residue[3], place[3];
  for (int64_t d = 0; d < axis[0].kernel; ++d)
    for (int64_t h = 0; h < axis[1].kernel; ++h)
      for (int64_t w = 0; w < axis[2].kernel; ++w) {
        if (!axis[0].tapPlace(d, phase[0], residue[0], place[0]) ||
            !axis[1].tapPlace(h, phase[1], residue[1], place[1]) ||
            !axis[2].tapPlace(w, phase[2], residue[2], place[2]))
          continue;
        int64_t at = 0;
        for (int64_t i = 0; i < 3; ++i)
          at = at * axis[i].residues + residue[i];
        for (int64_t i = 0; i < 3; ++i)
          at = at * axis[i].places + place[i];
        taps.push_back({at, (d * axis[1].kernel + h) * axis[2].kernel + w});
      }
  return taps;
}

llvm::SmallVector<TapLoop> Plane::tapLoops(int64_t resultPhase, int64_t unroll) const {
  llvm::SmallVector<PlaneTap> all = tapsOf(resultPhase);
  if (int64_t(all.size()) <= unroll)
    return {{1, 0, 0, all}};
  // Rounds in the order of their places, so that they follow at constant distances.
  llvm::SmallVector<llvm::SmallVector<PlaneTap>> rows;
  for (const PlaneTap &tap : all) {
    int64_t row = tap.filter / axis[2].kernel;
    if (rows.empty() || unroll == 1 || row != rows.back()[0].filter / axis[2].kernel)
      rows.emplace_back();
    rows.back().push_back(tap);
  }
  llvm::sort(rows, [](const auto &a, const auto &b) { return a[0].place < b[0].place; });
  llvm::SmallVector<TapLoop> loops;
  for (const auto &row : rows) {
    if (!loops.empty()) {
      TapLoop &last = loops.back();
      int64_t place = row[0].place - last.taps[0].place;
      int64_t filter = row[0].filter - last.taps[0].filter;
      bool sameWidth = row.size() == last.taps.size();
      if ((sameWidth && last.count == 1) ||
          (sameWidth && place == last.count * last.placeStep &&
           filter == last.count * last.filterStep)) {
        last.placeStep = place / last.count;
        last.filterStep = filter / last.count;
        ++last.count;
        continue;
      }
    }
    loops.push_back({1, 0, 0, row});
  }
  return loops;
}

PlaneEmitter::PlaneEmitter(LoopEmitter &emit, const Plane &plane, Type element)
    : emit(emit), plane(plane), type(VectorType::get({plane.lanes}, element)) {
  auto value = [&](const Extent &extent) {
    return extent.isStatic() ? emit.index(extent.fixed) : extent.value;
  };
  for (const PlaneAxis &a : plane.axis) {
    source.push_back(value(a.source));
    result.push_back(value(a.result));
    Value places = result.back();
    if (a.inputGradient)
      places = emit.sub(emit.div(emit.add(places, a.padding + a.stride - 1), a.stride),
                        emit.index(a.padding / a.stride));
    grid.push_back(places);
  }
}

Values PlaneEmitter::tileGrid() {
  Values tiles;
  for (auto [places, a] : llvm::zip(grid, plane.axis))
    tiles.push_back(emit.ceilDiv(places, a.tile));
  return tiles;
}

void PlaneEmitter::clear(Value slab, int64_t elements) {
  emit.loop(emit.index(0), emit.index(elements), plane.lanes,
            [&](Value at) { emit.store(emit.zero(type), slab, at); });
}

void PlaneEmitter::fill(const ConvolutionProblem::Read &read, Value image, Value channel,
                        ValueRange tileStart, Value slab, Value base) {
  const auto &[d, h, w] = plane.axis;
  Value zero = emit.index(0);
  // Places from..to of an axis whose source index exists, for a residue.
  auto existing = [&](const PlaneAxis &a, Value size, Value start, Value residue,
                      llvm::function_ref<void(Value place, Value index)> body) {
    Value first = emit.add(emit.sub(emit.mul(start, a.spread * a.step), emit.index(a.shift)), residue);
    emit.loop(zero, emit.index(a.places), 1, [&](Value place) {
      Value index = emit.add(first, emit.mul(place, a.step));
      if (a.source.isStatic() && a.source.fixed == 1 && a.places == 1 && a.shift == 0 &&
          a.residues == 1)
        return body(place, zero);
      emit.branch(emit.lessEqual(zero, index), [&] {
        emit.branch(emit.less(index, size), [&] { body(place, index); });
      });
    });
  };
  // In the order of places: a row's last vector overruns into rows that are written later.
  emit.loop(zero, emit.index(d.residues), 1, [&](Value rd) {
    emit.loop(zero, emit.index(h.residues), 1, [&](Value rh) {
      emit.loop(zero, emit.index(w.residues), 1, [&](Value rw) {
        Value residue = emit.add(emit.mul(emit.add(emit.mul(rd, h.residues), rh), w.residues), rw);
        existing(d, source[0], tileStart[0], rd, [&](Value vd, Value id) {
          existing(h, source[1], tileStart[1], rh, [&](Value vh, Value ih) {
            Value row = emit.add(emit.mul(emit.add(emit.mul(residue, d.places), vd), h.places), vh);
            Value rowBase = emit.add(base, emit.mul(row, w.places));
            Value rowPosition = emit.mul(emit.add(emit.mul(id, source[1]), ih), source[2]);
            fillRow(read, image, channel, rowPosition, rw, tileStart[2], slab, rowBase);
          });
        });
      });
    });
  });
}

void PlaneEmitter::fillRow(const ConvolutionProblem::Read &read, Value image, Value channel,
                           Value rowPosition, Value residue, Value tileStart, Value slab,
                           Value rowBase) {
  const PlaneAxis &w = plane.axis[2];
  int64_t lanes = plane.lanes;
  Value zero = emit.index(0);
  // Source index of place v: first + v * step; places low..high of them exist.
  Value first =
      emit.add(emit.sub(emit.mul(tileStart, w.spread * w.step), emit.index(w.shift)), residue);
  Value low = emit.div(emit.add(emit.max(emit.sub(zero, first), zero), w.step - 1), w.step);
  Value high = emit.div(
      emit.add(emit.max(emit.sub(source[2], first), zero), w.step - 1), w.step);
  high = emit.max(emit.min(high, emit.index(w.places)), low);
  emit.vectors(emit.sub(high, low), lanes, [&](Value at, Value active) {
    Value place = emit.add(low, at);
    Value index = emit.add(first, emit.mul(place, w.step));
    Value from = emit.add(rowPosition, index);
    Value vector;
    if (w.step == 1) {
      vector = read(emit.builder, emit.loc, type, image, channel, from, active);
    } else {
      // Every step-th element of `step` vectors, the last of which ends with the last element:
      // where all lanes are wanted they lie in the row.
      bool inside = !active && w.step <= lanes;
      Value remaining = emit.sub(source[2], index);
      for (int64_t part = 0; part < w.step; ++part) {
        int64_t start = inside && part == w.step - 1 ? (lanes - 1) * (w.step - 1) : part * lanes;
        Value exist = inside ? Value() : emit.min(emit.max(emit.sub(remaining, emit.index(start)), zero), emit.index(lanes));
        Value next = read(emit.builder, emit.loc, type, image, channel, emit.add(from, start), exist);
        llvm::SmallVector<int64_t> pick(lanes);
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t element = lane * w.step;
          bool here = element / lanes == part;
          pick[lane] = part == 0 ? (here ? element : 0)
                                 : (here ? lanes + element - start : lane);
        }
        vector = part == 0
                     ? Value(vector::ShuffleOp::create(emit.builder, emit.loc, next, next, pick))
                     : Value(vector::ShuffleOp::create(emit.builder, emit.loc, vector, next, pick));
      }
      if (active) {
        auto maskType = VectorType::get({lanes}, emit.builder.getI1Type());
        Value mask = vector::CreateMaskOp::create(emit.builder, emit.loc, maskType,
                                                  ValueRange{active});
        vector = arith::SelectOp::create(emit.builder, emit.loc, mask, vector, emit.zero(type));
      }
    }
    emit.store(vector, slab, emit.add(rowBase, place));
  });
}

void PlaneEmitter::resultRows(ValueRange tileStart,
                              llvm::function_ref<void(Value, Value, Value, Value)> body) {
  Value count[3];
  for (int i = 0; i < 3; ++i)
    count[i] = plane.axis[i].oneTile ? grid[i]
                                     : emit.min(emit.index(plane.axis[i].tile),
                                                emit.sub(grid[i], tileStart[i]));
  emit.loop(emit.index(0), count[0], 1, [&](Value d) {
    emit.loop(emit.index(0), count[1], 1, [&](Value h) {
      Value pixel = emit.mul(emit.add(emit.mul(d, plane.axis[1].places), h), plane.axis[2].places);
      body(pixel, emit.add(tileStart[0], d), emit.add(tileStart[1], h), count[2]);
    });
  });
}

} // namespace nnc::cpu
