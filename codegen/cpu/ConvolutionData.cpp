#include "codegen/cpu/ConvolutionData.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nnc::cpu {

int64_t planarPitch(const Plane &plane) {
  return plane.resultPhases() * plane.vectors() * plane.lanes + 16;
}

int64_t joinedRowElements(const Plane &plane) {
  return llvm::alignTo((plane.axis[2].tile + plane.lanes) * plane.axis[2].resultPhases, 64);
}

Value ScratchCutter::take(int64_t count) {
  Value part = emit.view(bytes, emit.index(offset), count, element);
  offset += count * (element.getIntOrFloatBitWidth() / 8);
  return part;
}

DataTask::DataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                   const ConvolutionSchedule &schedule)
    : emit(emit), problem(problem), schedule(schedule),
      plane(problem, schedule), planes(emit, plane, problem.elementType),
      channels(problem), type(planes.type),
      inputGradient(problem.direction == ConvolutionDirection::InputGradient),
      oneReductionBlock(schedule.blockReduction >= channels.reduced), taps(plane.taps()),
      phases(plane.resultPhases()) {}

Value DataTask::batch() {
  const Extent &size = problem.geometry.batch;
  return size.isStatic() ? emit.index(size.fixed) : size.value;
}

Values DataTask::grid() {
  Values sizes = {emit.ceilDiv(batch(), schedule.images), emit.index(problem.geometry.groups),
                  emit.index(llvm::divideCeil(channels.result, schedule.blockChannels))};
  sizes.append(planes.tileGrid());
  return sizes;
}

void DataTask::begin(Value task, int64_t slabElements) {
  Values at = emit.delinearize(task, grid());
  group = at[1];
  firstChannel = emit.mul(at[2], schedule.blockChannels);
  channelCount = schedule.blockChannels >= channels.result
                     ? emit.index(channels.result)
                     : emit.min(emit.index(schedule.blockChannels),
                                emit.sub(emit.index(channels.result), firstChannel));
  for (int i = 0; i < 3; ++i)
    tileStart.push_back(emit.mul(at[3 + i], plane.axis[i].tile));
  // What lies outside the source stays zero for every image and channel of the task.
  planes.clear(slab, slabElements);
  firstImage = emit.mul(at[0], schedule.images);
  lastImage = schedule.images == 1 ? emit.add(firstImage, 1)
                                   : emit.min(emit.add(firstImage, schedule.images), batch());
}

void DataTask::forEachImage(llvm::function_ref<void()> body) {
  auto oneImage = [&](Value index) {
    image = index;
    body();
  };
  if (schedule.images == 1)
    oneImage(firstImage);
  else
    emit.loop(firstImage, lastImage, 1, oneImage);
}

Value DataTask::reducedCount(Value firstReduced) {
  return oneReductionBlock ? emit.index(channels.reduced)
                           : emit.min(emit.index(schedule.blockReduction),
                                      emit.sub(emit.index(channels.reduced), firstReduced));
}

void DataTask::fillPlanes(Value firstReduced, Value count) {
  emit.loop(emit.index(0), count, 1, [&](Value channel) {
    Value source = emit.add(emit.add(emit.mul(group, channels.reduced), firstReduced), channel);
    planes.fill(problem.data, image, source, tileStart, slab, emit.mul(channel, plane.elements()));
  });
}

void DataTask::finishRow(Value planar, Value from, Value channel) {
  Value resultChannel = emit.add(emit.mul(group, channels.result), channel);
  auto storeRow = [&](Value buffer, Value start, Value position, Value count) {
    emit.vectors(count, schedule.lanes, [&](Value at, Value active) {
      Value vector = emit.load(type, buffer, emit.add(start, at));
      problem.store(emit.builder, emit.loc, image, resultChannel, emit.add(position, at), vector,
                    active);
    });
  };
  planes.resultRows(tileStart, [&](Value pixel, Value placeD, Value placeH, Value count) {
    Value start = emit.add(from, pixel);
    if (!inputGradient) {
      Value line = emit.add(emit.mul(placeD, planes.grid[1]), placeH);
      storeRow(planar, start, emit.add(emit.mul(line, planes.grid[2]), tileStart[2]), count);
      return;
    }
    for (int64_t d = 0; d < plane.axis[0].resultPhases; ++d)
      for (int64_t h = 0; h < plane.axis[1].resultPhases; ++h)
        withResultIndex(0, placeD, d, [&](Value indexD) {
          withResultIndex(1, placeH, h, [&](Value indexH) {
            Value line = emit.add(emit.mul(indexD, planes.result[1]), indexH);
            int64_t phase =
                (d * plane.axis[1].resultPhases + h) * plane.axis[2].resultPhases;
            Value from = emit.add(start, phase * plane.vectors() * schedule.lanes);
            finishInterleaved(planar, from, count, emit.mul(line, planes.result[2]), storeRow);
          });
        });
  });
}

/// The result index of a place and phase of an input gradient, where it exists.
void DataTask::withResultIndex(int axis, Value place, int64_t phase,
                     llvm::function_ref<void(Value)> body) {
  const PlaneAxis &a = plane.axis[axis];
  int64_t offset = a.padding / a.stride * a.stride + phase - a.padding;
  Value index = emit.add(emit.mul(place, a.stride), offset);
  if (a.stride == 1)
    return body(index);
  emit.branch(emit.lessEqual(emit.index(0), index),
              [&] { emit.branch(emit.less(index, planes.result[axis]), [&] { body(index); }); });
}

/// Joins the phases of one row and stores what lies inside the result.
void DataTask::finishInterleaved(Value planar, Value start, Value count, Value line,
                       llvm::function_ref<void(Value, Value, Value, Value)> storeRow) {
  const PlaneAxis &w = plane.axis[2];
  int64_t stride = w.stride, lanes = schedule.lanes;
  if (stride == 1)
    return storeRow(planar, start, emit.add(line, tileStart[2]), count);
  int64_t apart = plane.vectors() * lanes;
  emit.loop(emit.index(0), count, lanes, [&](Value at) {
    for (int64_t part = 0; part < stride; ++part) {
      Value joined;
      for (int64_t phase = 0; phase < stride; ++phase) {
        Value vector = emit.load(type, planar, emit.add(emit.add(start, at), phase * apart));
        llvm::SmallVector<int64_t> pick(lanes);
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t element = part * lanes + lane;
          bool here = element % stride == phase;
          pick[lane] = here ? lanes + element / stride : lane;
        }
        joined = vector::ShuffleOp::create(emit.builder, emit.loc, joined ? joined : vector,
                                           vector, pick);
      }
      emit.store(joined, row, emit.add(emit.mul(at, stride), part * lanes));
    }
  });
  // The row's first element has result index `first`, which may be negative.
  Value first =
      emit.sub(emit.mul(tileStart[2], stride), emit.index(w.padding % stride));
  Value skip = emit.max(emit.sub(emit.index(0), first), emit.index(0));
  Value end = emit.min(emit.mul(count, stride), emit.sub(planes.result[2], first));
  storeRow(row, skip, emit.add(line, emit.add(first, skip)), emit.sub(end, skip));
}

Values dataTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule) {
  return DataTask(emit, problem, schedule).grid();
}

} // namespace nnc::cpu
