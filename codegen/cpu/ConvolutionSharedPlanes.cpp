// The phase before a convolution along channels in which padded planes are made, once for all
// tasks: where a tile of pixels is large and its result channels many, each task would pad anew.
#include "codegen/cpu/ConvolutionData.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nnc::cpu {

SharedPlanes::SharedPlanes(const ConvolutionProblem &problem, const Plane &plane) {
  pitch = llvm::alignTo(plane.elements() + plane.lanes, plane.lanes);
  perTile = pitch * GroupChannels(problem).reduced;
  int64_t tiles = 1;
  for (const PlaneAxis &a : plane.axis) {
    int64_t places = a.result.fixed;
    if (a.inputGradient)
      places = (places + a.padding + a.stride - 1) / a.stride - a.padding / a.stride;
    tiles *= llvm::divideCeil(places, a.tile);
  }
  elements = problem.geometry.batch.fixed * problem.geometry.groups * tiles * perTile;
}

namespace {

struct SharePlanesTask : DataTask {
  using DataTask::DataTask;

  Values grid() {
    Values sizes = {emit.index(problem.geometry.batch.fixed), emit.index(problem.geometry.groups),
                    emit.index(llvm::divideCeil(channels.reduced, SharedPlanes::channelsPerTask))};
    sizes.append(planes.tileGrid());
    return sizes;
  }

  void run(Value task, Value sharedScratch) {
    Values at = emit.delinearize(task, grid());
    image = at[0];
    group = at[1];
    for (int i = 0; i < 3; ++i)
      tileStart.push_back(emit.mul(at[3 + i], plane.axis[i].tile));
    planePitch = SharedPlanes(problem, plane).pitch;
    Value first = emit.mul(at[2], SharedPlanes::channelsPerTask);
    Value count = emit.min(emit.index(SharedPlanes::channelsPerTask), emit.sub(emit.index(channels.reduced), first));
    takeSharedPlanes(sharedScratch, first);
    emit.loop(emit.index(0), count, 1, [&](Value channel) {
      Value start = emit.add(slabStart, emit.mul(channel, planePitch));
      emit.loop(emit.index(0), emit.index(planePitch), schedule.lanes,
                [&](Value place) { emit.store(emit.zero(type), slab, emit.add(start, place)); });
    });
    fillPlanes(first, count);
  }
};

} // namespace

Values sharePlanesTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                           const ConvolutionSchedule &schedule) {
  return SharePlanesTask(emit, problem, schedule).grid();
}

void emitSharePlanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                         const ConvolutionSchedule &schedule, Value task, Value sharedScratch) {
  SharePlanesTask(emit, problem, schedule).run(task, sharedScratch);
}

} // namespace nnc::cpu
